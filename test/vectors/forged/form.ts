import type { Asked, Forged } from './corpus.ts';
import {
  ABSENT,
  type Anchor,
  CONFLICT,
  DELETED,
  type Document,
  FIVE,
  HALF,
  NETWORK,
  PRESENT,
  prove,
  TRUE,
  ZERO,
} from './world.ts';

const KEYS = [PRESENT, DELETED, ABSENT, CONFLICT];
const ANCHORS: readonly Anchor[] = ['head', 'cut'];

/** Documents of every kind in turn, so that every kind meets many of the flaws. */
function createRounds(): () => Document {
  let turn = 0;
  return () => {
    const document = prove(KEYS[turn % KEYS.length] as string, ANCHORS[Math.floor(turn / KEYS.length) % 2] as Anchor);
    turn++;
    return document;
  };
}

const asked = ({ key }: Document): Asked => ({ key, network: NETWORK });
const json = (document: object): string => JSON.stringify(document);

/** `text` with its first `from` replaced, which must be there. */
function replaced(text: string, from: string, to: string): string {
  if (!text.includes(from)) throw new Error(`${from} is not in ${text}`);
  return text.replace(from, () => to);
}

/** Flaws of the text alone: it is no JSON, or JSON that readers read differently. */
export function textFlaws(): Forged[] {
  const next = createRounds();
  const flaw = (name: string, rule: string, change: (text: string) => string, document = next()): Forged => ({
    name,
    rule,
    fails: 'form',
    asked: asked(document),
    text: change(json(document)),
  });
  const bytes = (name: string, change: (bytes: Buffer) => Uint8Array, document = next()): Forged => ({
    name,
    rule: 'P5',
    fails: 'form',
    asked: asked(document),
    base64: Buffer.from(change(Buffer.from(json(document)))).toString('base64'),
  });
  const twice = (member: string, first: string): Forged =>
    flaw(`"${member}" twice`, 'V6', (text) => replaced(text, `"${member}":`, `"${member}":${first},"${member}":`));
  const number = (name: string, key: string, is: string, written: string): Forged =>
    flaw(name, 'P5', (text) => replaced(text, `"value":${is}`, `"value":${written}`), prove(key, 'head'));
  const value = (name: string, rule: string, written: string): Forged =>
    flaw(name, rule, (text) => replaced(text, '"value":5', `"value":${written}`), prove(FIVE, 'cut'));
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
  return [
    twice('format', '"another"'),
    twice('key', '"another"'),
    twice('kind', '"absent"'),
    twice('root', '"00"'),
    twice('network', '"another"'),
    twice('merkle', '"AQA"'),
    twice('fragments', '[]'),
    flaw('"head" twice', 'V6', (text) => replaced(text, '"head":', '"head":"AA","head":'), prove(ABSENT, 'head')),
    flaw(
      '"certificate" twice',
      'V6',
      (text) => replaced(text, '"certificate":', '"certificate":"AA","certificate":'),
      prove(DELETED, 'cut'),
    ),
    flaw('"value" twice', 'V6', (text) => replaced(text, '"value":', '"value":6,"value":'), prove(FIVE, 'head')),
    flaw('"key" twice, once with an escape', 'V6', (text) => replaced(text, '"key":', '"k\\u0065y":"another","key":')),
    value('a name twice within the value', 'V6', '{"a":1,"a":2}'),
    number('an integer with a fraction that is lost', FIVE, '5', '5.0000000000000000001'),
    number('a fraction with digits that are lost', HALF, '0.5', '0.50000000000000000001'),
    number('a number so small that it reads as zero', ZERO, '0', '1e-400'),
    number('a number beyond a double', FIVE, '5', '1e400'),
    number('an integer beyond 2^53-1', FIVE, '5', '9007199254740993'),
    number('an integer beyond 2^53-1 with an exponent', FIVE, '5', '1e300'),
    number('NaN', FIVE, '5', 'NaN'),
    number('Infinity', FIVE, '5', 'Infinity'),
    number('a leading zero', FIVE, '5', '05'),
    number('a leading plus', FIVE, '5', '+5'),
    number('no digit after the point', FIVE, '5', '5.'),
    number('no digit before the point', HALF, '0.5', '.5'),
    number('a hexadecimal number', FIVE, '5', '0x5'),
    number('no digit in the exponent', FIVE, '5', '5e'),
    number('digits with a separator', FIVE, '5', '5_0'),
    number('a literal in capitals', TRUE, 'true', 'True'),
    value('a lone surrogate in the value', 'V6', '"\\ud800"'),
    value('a surrogate pair the wrong way round', 'V6', '"\\ude00\\ud83d"'),
    value('an escape that JSON does not know', 'V6', '"\\x41"'),
    value('an escape that is cut', 'V6', '"\\u12"'),
    value('a control character in a string', 'V6', '"\u0001"'),
    value('a line feed in a string', 'V6', '"\n"'),
    value('the name __proto__ in the value', 'V4', '{"__proto__":5}'),
    value('33 levels in the value', 'V4', deep(33)),
    value('2,000 levels in the value', 'V4', deep(2_000)),
    value('nothing for the value', 'V6', ''),
    flaw('the name __proto__ in the document', 'P5', (text) => replaced(text, '{', '{"__proto__":null,')),
    flaw('2,000 levels', 'P5', () => deep(2_000)),
    flaw('2,000 levels without an end', 'P5', () => '['.repeat(2_000)),
    flaw('no text', 'P5', () => ''),
    flaw('white space only', 'P5', () => ' \n'),
    flaw('a byte order mark only', 'P5', () => '\uFEFF'),
    flaw('two byte order marks', 'P5', (text) => `\uFEFF\uFEFF${text}`),
    flaw('a byte order mark after the first character', 'P5', (text) => replaced(text, '{', '{\uFEFF')),
    flaw('a no-break space', 'P5', (text) => replaced(text, ',', ',\u00A0')),
    flaw('a form feed', 'P5', (text) => replaced(text, ',', ',\f')),
    flaw('a text that ends too soon', 'P5', (text) => text.slice(0, -1)),
    flaw('a comma before the end', 'P5', (text) => `${text.slice(0, -1)},}`),
    flaw('a missing comma', 'P5', (text) => replaced(text, ',', ' ')),
    flaw('a second document', 'P5', (text) => text + text),
    flaw('a character after the end', 'P5', (text) => `${text}x`),
    flaw('a zero byte after the end', 'P5', (text) => `${text}\0`),
    flaw('a comment', 'P5', (text) => replaced(text, '{', '{/* */')),
    flaw('names in single quotes', 'P5', (text) => replaced(text, '"key"', "'key'")),
    flaw('a name without quotes', 'P5', (text) => replaced(text, '"key"', 'key')),
    flaw('a list of one document', 'P5', (text) => `[${text}]`),
    flaw('a document within a string', 'P5', (text) => JSON.stringify(text)),
    flaw('null', 'P5', () => 'null'),
    flaw('a number', 'P5', () => '1'),
    flaw('an empty object', 'P5', () => '{}'),
    bytes('a byte that is no UTF-8', (text) =>
      Buffer.concat([text.subarray(0, 60), Uint8Array.of(0xff), text.subarray(60)]),
    ),
    bytes('an overlong form of a quotation mark', (text) =>
      Buffer.concat([Uint8Array.of(0x7b, 0xc0, 0xa2), text.subarray(2)]),
    ),
    bytes('UTF-16', (text) => Buffer.concat([Uint8Array.of(0xff, 0xfe), Buffer.from(text.toString(), 'utf16le')])),
    bytes('random bytes', () => Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 11) & 0xff)),
  ];
}

/** Flaws of the members: one too many, one missing, or one of another type or form. */
export function memberFlaws(): Forged[] {
  const next = createRounds();
  const which = (document: Document): string =>
    `a key that is ${document.kind}, at the ${document['head'] === undefined ? 'cut' : 'head'}`;
  const flaw = (name: string, change: (document: Document) => object, document = next(), about = asked(document)) => ({
    name,
    rule: 'P5',
    fails: 'form' as const,
    asked: about,
    text: json(change(document)),
  });
  const without = (member: string, document = next()): Forged =>
    flaw(
      `no "${member}": ${which(document)}`,
      (one) => Object.fromEntries(Object.entries(one).filter(([name]) => name !== member)),
      document,
    );
  const other = (name: string, member: string, is: unknown, document = next()): Forged =>
    flaw(`${name} as "${member}": ${which(document)}`, (one) => ({ ...one, [member]: is }), document);
  const present = prove(FIVE, 'head');
  const { merkle } = present;
  const smuggled = KEYS.slice(1, 3).flatMap((key) =>
    ANCHORS.flatMap((anchor) =>
      [5, null, 'smuggled'].map((value) => {
        const document = prove(key, anchor);
        return flaw(`${JSON.stringify(value)} as value: ${which(document)}`, (one) => ({ ...one, value }), document);
      }),
    ),
  );
  const certificate = prove(PRESENT, 'cut')['certificate'];
  return [
    ...smuggled,
    ...ANCHORS.map((anchor) =>
      flaw(`a member more, at the ${anchor}`, (one) => ({ ...one, note: 1 }), prove(PRESENT, anchor)),
    ),
    other('null', 'signature', null),
    other('an empty text', '', ''),
    flaw('a head and a certificate', (one) => ({ ...one, certificate }), prove(PRESENT, 'head')),
    flaw('a head and null as certificate', (one) => ({ ...one, certificate: null }), prove(DELETED, 'head')),
    flaw('a certificate and an empty head', (one) => ({ ...one, head: '' }), prove(ABSENT, 'cut')),
    ...['format', 'key', 'kind', 'root', 'network', 'merkle', 'fragments'].map((member) => without(member)),
    without('head', prove(PRESENT, 'head')),
    without('certificate', prove(ABSENT, 'cut')),
    without('value', prove(FIVE, 'head')),
    without('value', prove(PRESENT, 'cut')),
    other('another version', 'format', 'diotec360-lattice-proof/2'),
    other('capitals', 'format', 'DIOTEC360-LATTICE-PROOF/1'),
    other('a number', 'format', 1),
    other('a number', 'key', 5),
    other('null', 'key', null),
    flaw('an empty key', (one) => ({ ...one, key: '' }), prove(ABSENT, 'head'), { network: NETWORK }),
    flaw('a key of 1,025 bytes', () => prove('k'.repeat(1025), 'head'), prove(ABSENT, 'head'), { network: NETWORK }),
    other('a capital letter', 'kind', 'Present', prove(PRESENT, 'head')),
    other('a kind that there is not', 'kind', 'gone'),
    other('null', 'kind', null),
    other('a list', 'kind', ['absent']),
    flaw('capitals in the root', (one) => ({ ...one, root: one.root.toUpperCase() })),
    flaw('a root of 62 digits', (one) => ({ ...one, root: one.root.slice(2) })),
    flaw('0x before the root', (one) => ({ ...one, root: `0x${one.root}` })),
    flaw('a line end after the root', (one) => ({ ...one, root: `${one.root}\n` })),
    other('a number', 'root', 0),
    other('an empty text', 'network', ''),
    other('129 bytes', 'network', 'n'.repeat(129)),
    other('a number', 'network', 1),
    other('a list', 'merkle', [merkle]),
    other('null', 'merkle', null),
    other('a text', 'fragments', prove(FIVE, 'head').fragments[0], prove(FIVE, 'head')),
    other('an object', 'fragments', { 0: prove(FIVE, 'head').fragments[0] }, prove(FIVE, 'head')),
    other('null', 'fragments', null, prove(ABSENT, 'head')),
    other('a list with a number', 'fragments', [7], prove(DELETED, 'head')),
    other('a list with null', 'fragments', [null], prove(DELETED, 'cut')),
    other('an empty list', 'fragments', [], prove(PRESENT, 'head')),
    other('an empty list', 'fragments', [], prove(DELETED, 'cut')),
    other('a commit', 'fragments', prove(FIVE, 'head').fragments, prove(ABSENT, 'head')),
    other('a commit', 'fragments', prove(FIVE, 'cut').fragments, prove(ABSENT, 'cut')),
    other('null', 'head', null, prove(PRESENT, 'head')),
    other('an object', 'head', {}, prove(DELETED, 'head')),
    other('true', 'certificate', true, prove(PRESENT, 'cut')),
    flaw('padding after the Merkle proof', (one) => ({ ...one, merkle: `${one.merkle}=` })),
    flaw('a line end after the Merkle proof', (one) => ({ ...one, merkle: `${one.merkle}\n` })),
    flaw(
      'a space within a fragment',
      ({ fragments: [one = '', ...more], ...rest }) => ({
        ...rest,
        fragments: [`${one.slice(0, 9)} ${one.slice(9)}`, ...more],
      }),
      prove(DELETED, 'head'),
    ),
    flaw('a Merkle proof of one character', (one) => ({ ...one, merkle: 'A' })),
    flaw(
      'plus and slash in a fragment',
      ({ fragments, ...rest }) => ({
        ...rest,
        fragments: fragments.map((one) => one.replaceAll('-', '+').replaceAll('_', '/')),
      }),
      prove(PRESENT, 'head'),
    ),
    unusedBits(
      'merkle',
      KEYS.map((key) => prove(key, 'head')),
    ),
    unusedBits(
      'head',
      [7, 70, 700].map((sequence) => prove(PRESENT, 'head', { head: { sequence } })),
    ),
    unusedBits(
      'certificate',
      [18, 180, 1800].map((entries) => prove(ABSENT, 'cut', { claim: { entries } })),
    ),
  ];
}

/** A base64url text with another last character that stands for the same bytes. */
function unusedBits(member: string, documents: readonly Document[]): Forged {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  // A text whose length is a multiple of 4 has no unused bits.
  const document = documents.find((one) => String(one[member]).length % 4 !== 0);
  if (document === undefined) throw new Error(`no "${member}" has unused bits`);
  const text = String(document[member]);
  const changed = text.slice(0, -1) + alphabet.charAt(alphabet.indexOf(text.slice(-1)) + 1);
  return {
    name: `unused bits that are set in "${member}"`,
    rule: 'P5',
    fails: 'form',
    asked: asked(document),
    text: json({ ...document, [member]: changed }),
  };
}
