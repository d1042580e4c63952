import type { Status } from '../../client/index.ts';
import type { FleetNode } from '../../config/fleet.ts';
import type { Output, Style } from '../output.ts';

/** A node and its status, which is undefined while the node does not answer. */
export interface BoardRow {
  readonly node: FleetNode;
  readonly status: Status | undefined;
}

/** Width of a node's name. The table must fit 80 columns, because lines that wrap cannot be redrawn. */
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
      head: ['node', 'port', 'health', 'P2P', 'HTTP', 'keys', 'root'],
      style: { head: [], border: [] },
      chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    });
    for (const { node, status } of rows) {
      const [style, health] = healthOf(status);
      table.push([
        node.name.length > NAME_WIDTH ? `${node.name.slice(0, NAME_WIDTH - 1)}…` : node.name,
        new URL(node.api).port,
        output.paint(style, health),
        String(status?.p2p.peers ?? '-'),
        String(status?.http.peers ?? '-'),
        String(status?.live ?? '-'),
        status?.root.slice(0, 8) ?? '-',
      ]);
    }
    const text = table.toString();
    output.write(`${drawn === 0 ? '' : `\u001b[${drawn}A\u001b[J`}${text}\n`);
    drawn = text.split('\n').length;
  }

  return {
    show(rows) {
      if (output.interactive && !frozen) {
        draw(rows);
        return;
      }
      for (const { node, status } of rows) {
        // After `freeze` only changes of health are shown, because the root changes with every write.
        const line = `${node.name}  ${healthOf(status)[1]}${frozen || status === undefined ? '' : `  ${status.live} keys  root ${status.root}`}`;
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

function healthOf(status: Status | undefined): [Style, string] {
  if (status === undefined) return ['dim', 'no answer'];
  return [status.health === 'OPTIMAL' ? 'green' : status.health === 'ISOLATED' ? 'red' : 'yellow', status.health];
}
