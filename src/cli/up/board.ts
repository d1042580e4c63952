import type { Status } from '../../client/index.ts';
import type { FleetNode } from '../../config/fleet.ts';
import { counted } from '../../core/types/index.ts';
import type { Output } from '../output.ts';
import { rootsDiffer, verdictSentence, verdictWord } from '../verdict-lines.ts';

/** A node and its status, which is undefined while the node does not answer. */
export interface BoardRow {
  readonly node: FleetNode;
  readonly status: Status | undefined;
}

/** Everything must fit 80 columns, because lines that wrap cannot be redrawn. */
const COLUMNS = 80;
/** Width of a node's name in the table. */
const NAME_WIDTH = 20;

/** Shows the nodes: as a table that is redrawn on a terminal, and otherwise as a line for each change. */
export interface Board {
  show(rows: readonly BoardRow[]): void;
  /** Ends the redrawing, so that what is printed afterwards stays below the table. */
  freeze(): void;
}

export async function createBoard(output: Output): Promise<Board> {
  const { default: Table } = await import('cli-table3');
  let drawn = 0;
  let frozen = false;
  const before = new Map<string, string>();

  function draw(rows: readonly BoardRow[]): void {
    const table = new Table({
      head: ['node', 'port', 'verdict', 'P2P', 'HTTP', 'keys', 'root'],
      style: { head: [], border: [] },
      chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    });
    const apart = areApart(rows);
    for (const { node, status } of rows) {
      table.push([
        node.name.length > NAME_WIDTH ? `${node.name.slice(0, NAME_WIDTH - 1)}…` : node.name,
        new URL(node.api).port,
        wordOf(output, status, apart),
        String(status?.p2p.peers ?? '-'),
        String(status?.http.peers ?? '-'),
        String(status?.live ?? '-'),
        status?.root.slice(0, 8) ?? '-',
      ]);
    }
    const text = [table.toString(), ...rows.flatMap(sentenceLines)].join('\n');
    output.write(`${drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`}${text}\n`);
    drawn = text.split('\n').length;
  }

  return {
    show(rows) {
      if (output.interactive && !frozen) {
        draw(rows);
        return;
      }
      // Afterwards every write would tell of it.
      const apart = !frozen && areApart(rows);
      for (const { node, status } of rows) {
        // After `freeze` only changes of the verdict are shown, because the root changes with every write.
        const rest =
          status === undefined
            ? ''
            : frozen
              ? status.verdict.kind === 'CONVERGED'
                ? ''
                : `  ${verdictSentence(status)}`
              : `  ${counted(status.live, 'key')}  root ${status.root}`;
        const line = `${node.name}  ${wordOf(output, status, apart)}${rest}`;
        if (before.has(node.name) || !frozen) {
          if (before.get(node.name) !== line) output.line(line);
        }
        before.set(node.name, line);
      }
    },
    freeze() {
      frozen = true;
      before.clear();
    },
  };
}

const areApart = (rows: readonly BoardRow[]): boolean => rootsDiffer(rows.flatMap(({ status }) => status ?? []));

/** The verdict of a node, unless the other rows show that it does not hold yet: `apart`. */
function wordOf(output: Output, status: Status | undefined, apart: boolean): string {
  if (status === undefined) return output.paint('dim', 'no answer');
  return apart && status.verdict.kind === 'CONVERGED'
    ? output.paint('yellow', 'roots differ')
    : verdictWord(output, status);
}

/** The verdict's sentence of a node that is not well, in lines that fit the screen. */
function sentenceLines({ node, status }: BoardRow): string[] {
  if (status === undefined || status.verdict.kind === 'CONVERGED') return [];
  const lines: string[] = [];
  let line = `${node.name}:`;
  for (const word of verdictSentence(status).split(' ')) {
    if (line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}
