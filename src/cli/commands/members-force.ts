import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type * as Force from '../../app/force.ts';
import type { ForceRecord, KnownMember } from '../../app/force.ts';
import { loadConfig } from '../../config/index.ts';
import { type Author, counted, fileFailure, joined, LatticeError } from '../../core/types/index.ts';
import { authorToPeerId, peerIdToAuthor } from '../../core/wire/peer-id.ts';
import { confirm } from '../confirm.ts';
import { type CliContext, type GlobalOptions, usageError } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { printable } from '../output.ts';
import { replaceFile } from '../replace-file.ts';
import { timesOf } from '../times.ts';
import { whoAnswers } from '../who-answers.ts';

export interface ForceOptions extends GlobalOptions {
  /** Every writer that is lost: names, peer ids or keys, with commas between them. */
  readonly without?: string;
  /** The file that is made for the others who go on. */
  readonly out?: string;
  /** The file that was made on another one. */
  readonly record?: string;
  readonly yes?: boolean;
  readonly althoughTheyAnswer?: boolean;
}

const FORMAT = 'diotec360-lattice-force/1';
const ASK_MS = 3000;

/**
 * Begins a new lineage after a majority of the writers is lost for good, on the store of a node that does not run. The
 * first survivor names who is left out and makes a record; every other one takes that record. `offline` loads what opens
 * a store.
 */
export async function membersForce(
  context: CliContext,
  options: ForceOptions,
  offline: () => Promise<Pick<typeof Force, 'forcedBy' | 'openOffline'>>,
): Promise<number> {
  const { output } = context;
  if (options.envFile === undefined)
    throw usageError('whose store? this works on the machine of a node that is stopped', 'Give --env-file FILE.');
  if ((options.without === undefined) === (options.record === undefined))
    throw usageError(
      'who is lost?',
      'On the first node give --without NAMES, every lost writer by name, and --out FILE; on the others --record FILE.',
    );
  if (options.record === undefined && options.out === undefined)
    throw usageError('where does the record go?', 'Give --out FILE: the other nodes that go on need it.');
  const { forcedBy, openOffline } = await offline();
  const config = loadConfig({ env: context.env, envFile: options.envFile, cwd: context.cwd });
  const store = await openOffline(config);
  try {
    const names = new Map(store.writers.map(({ author, name }) => [author, name]));
    const nameOf = (author: Author): string => names.get(author) || authorToPeerId(author);
    let record: ForceRecord;
    if (options.record === undefined) {
      const without = lost(store.writers, options.without ?? '');
      const before = store.done();
      // What was interrupted after its batch writes its record again.
      record = before !== undefined && isSame(forcedBy(before).leftOut, without) ? before : store.make(without);
    } else record = readRecord(resolve(context.cwd, options.record));
    const about = forcedBy(record);
    if (!options.json) announce(context, options, about, nameOf);
    if (options.althoughTheyAnswer !== true) await checkLost(store.writers, about.leftOut, nameOf);
    await confirm(context, 'Begin this lineage?', options);
    const isNew = await store.take(record);
    if (options.out !== undefined) await replaceFile(resolve(context.cwd, options.out), writeRecord(record), 0o644);
    const named = (authors: readonly Author[]) => authors.map((author) => ({ author, name: names.get(author) ?? '' }));
    if (options.json)
      output.data({
        epoch: about.epoch,
        roster: about.hash,
        end: about.end,
        staying: named(about.staying),
        leftOut: named(about.leftOut),
        done: isNew,
      });
    else {
      output.say(
        isNew
          ? `${output.paint('green', 'FORCED')} epoch ${about.epoch}, roster ${about.hash}`
          : `This node goes by that roster already: epoch ${about.epoch}, roster ${about.hash}`,
      );
      const others = about.staying.filter((author) => author !== store.self);
      if (options.out !== undefined && others.length > 0)
        output.remark(
          `Stop ${printable(joined(others.map(nameOf)))}, and run there: lattice members force --env-file FILE --record ${printable(options.out)}`,
        );
      output.remark('Then start the nodes, and drop who was left out:');
      for (const author of about.leftOut) output.remark(`  lattice members drop ${author}`);
      output.remark('Whoever checks proofs pins the new roster from now on, by the hash above.');
    }
    return EXIT.ok;
  } finally {
    await store.close();
  }
}

type About = ReturnType<typeof Force.forcedBy>;

function announce(
  { output }: CliContext,
  options: ForceOptions,
  about: About,
  nameOf: (author: Author) => string,
): void {
  const { staying, leftOut, epoch, end } = about;
  const [stay, left] = [staying, leftOut].map((authors) => printable(joined(authors.map(nameOf))));
  output.say(output.paint('bold', `A new lineage begins with epoch ${epoch}, without ${left}.`));
  output.line(`${stay} ${staying.length === 1 ? 'goes' : 'go'} on, and nobody votes about that.`);
  output.line(
    `What ${left} wrote up to ${timesOf(options).at(end)} counts where ${counted(staying.length, 'survivor')} ${staying.length === 1 ? 'has' : 'have'} it. Whatever only the lost ones have is lost, and they are refused if they come back.`,
  );
  output.line(
    'Should a majority of the old lineage still run somewhere, there are two fleets from now on: each with its own writes.',
  );
}

/** The writers that are named. Throws LatticeError `usage` where a name is none, or that of several. */
function lost(writers: readonly KnownMember[], given: string): readonly Author[] {
  return given.split(',').map((word) => {
    const text = word.trim();
    const key = /^[0-9a-f]{64}$/i.test(text) ? text.toLowerCase() : peerIdToAuthor(text);
    const [found, second] = writers.filter(({ author, name }) => author === key || (text !== '' && name === text));
    if (found !== undefined && second === undefined) return found.author;
    const known = writers.map(({ author, name }) => name || authorToPeerId(author));
    throw usageError(
      found === undefined ? `no writer is ${JSON.stringify(text)}` : `several writers are ${JSON.stringify(text)}`,
      `The writers: ${known.join(', ')}. Name those who are lost by name, peer id or key.`,
    );
  });
}

/** Whether a forced roster left out just those that are named. */
const isSame = (leftOut: readonly Author[], without: readonly Author[]): boolean =>
  leftOut.length === new Set(without).size && leftOut.every((author) => without.includes(author));

/** Refuses while somebody who is left out answers somewhere, because it is not lost. */
async function checkLost(
  writers: readonly KnownMember[],
  leftOut: readonly Author[],
  nameOf: (author: Author) => string,
): Promise<void> {
  const urls = new Set(writers.flatMap((one) => (leftOut.includes(one.author) ? one.urls : [])));
  const answers = await Promise.all([...urls].map(async (url) => ({ url, peerId: await whoAnswers(url, ASK_MS) })));
  const alive = answers.filter(({ peerId }) => leftOut.some((author) => authorToPeerId(author) === peerId));
  if (alive.length === 0) return;
  const which = alive.map(({ url, peerId }) => `${nameOf(peerIdToAuthor(peerId ?? '') as Author)} answers at ${url}`);
  throw new LatticeError('invalid-change', `not everybody is lost: ${joined(which)}`, {
    next: 'With enough of them the fleet decides by votes: start the nodes and wait. Only where they must be left behind all the same, add --although-they-answer.',
  });
}

const writeRecord = ({ network, founders, certificates }: ForceRecord): string =>
  `${JSON.stringify(
    {
      format: FORMAT,
      network,
      founders,
      certificates: certificates.map((one) => Buffer.from(one).toString('base64url')),
    },
    undefined,
    2,
  )}\n`;

/** Most bytes of a record: a thousand rosters of a fleet of some dozens fit. */
const MAX_RECORD_BYTES = 64 * 1024 * 1024;

function readRecord(path: string): ForceRecord {
  const fail = (why: string): LatticeError =>
    new LatticeError('not-certified', `${path} is no record of a forced roster: ${why}`, {
      next: 'Name the file that `lattice members force --out` made on another node.',
    });
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new LatticeError('file-unreadable', `cannot read ${path}: ${fileFailure(cause)}`, { cause });
  }
  if (text.length > MAX_RECORD_BYTES) throw fail('it is too large');
  let told: Readonly<Record<string, unknown>>;
  try {
    told = JSON.parse(text) as typeof told;
  } catch {
    throw fail('it is not JSON');
  }
  const { format, network, founders, certificates } = told ?? {};
  const isTexts = (list: unknown, form: RegExp): list is string[] =>
    Array.isArray(list) && list.length > 0 && list.every((one) => typeof one === 'string' && form.test(one));
  if (format !== FORMAT) throw fail('it is of another format');
  if (typeof network !== 'string') throw fail('it names no network');
  if (!isTexts(founders, /^[0-9a-f]{64}$/)) throw fail('it names no founders');
  if (!isTexts(certificates, /^[\w-]+$/)) throw fail('it has no certificates');
  return {
    network,
    founders: founders as Author[],
    certificates: certificates.map((one) => new Uint8Array(Buffer.from(one, 'base64url'))),
  };
}
