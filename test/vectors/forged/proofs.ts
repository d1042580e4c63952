import type { Author, JsonValue } from '../../../src/core/types/index.ts';
import type { Asked, Forged, Good } from './corpus.ts';
import {
  ABSENT,
  type Anchor,
  alice,
  asked,
  bob,
  CONFLICT,
  carol,
  commit,
  DELETED,
  type Document,
  ENDED,
  ENDING,
  FIVE,
  HALF,
  HEAD_MS,
  HIDING,
  json,
  NETWORK,
  PRESENT,
  prove,
  put,
  stateOf,
  stranger,
  T,
  TRUE,
  ZERO,
} from './world.ts';

const KEYS = [PRESENT, DELETED, ABSENT, CONFLICT, ENDED, ENDING, HIDING];
const ANCHORS: readonly Anchor[] = ['head', 'cut'];
const EACH = ANCHORS.flatMap((anchor) => KEYS.map((key) => [key, anchor] as const));
const title = ({ kind }: Document, anchor: Anchor): string => `${kind}, at the ${anchor}`;

export function goodProofs(): Good[] {
  const each = [...EACH, ...ANCHORS.flatMap((anchor) => [FIVE, HALF, TRUE].map((key) => [key, anchor] as const))];
  const plain = each.map(([key, anchor]): Good => {
    const document = prove(key, anchor);
    const value = document['value'] as JsonValue | undefined;
    return {
      name: `${key}: ${title(document, anchor)}`,
      asked: asked(document, { root: document.root, ...(value === undefined ? {} : { value }) }),
      text: json(document),
    };
  });
  const five = prove(FIVE, 'head');
  const zero = prove(ZERO, 'head');
  const written = (name: string, text: string): Good => ({ name, asked: asked(five, { value: 5 }), text });
  const endless = (expires: number) => stateOf(commit(bob, [put(ENDING, 'soon', [], expires)]));
  const one = stateOf(commit(alice, [put(FIVE, 5)]));
  const empty = stateOf([]);
  return [
    ...plain,
    { name: 'nothing asked but the trust list', asked: {}, text: json(five) },
    written('with a byte order mark', `\uFEFF${json(five)}`),
    written(
      'with white space and members in another order',
      `\r\n\t${JSON.stringify(Object.fromEntries(Object.entries(five).toReversed()), null, 2)}\n`,
    ),
    written('a number in another notation', json(five).replace('"value":5', '"value":0.50e+1')),
    {
      name: 'zero with an exponent that no double has',
      asked: asked(zero, { value: 0 }),
      text: json(zero).replace('"value":0', '"value":0e999999999999999999999'),
    },
    written('an escaped name', json(five).replace('"key":', '"\\u006bey":')),
    { name: 'the only key of a state', asked: asked(five), text: json(prove(FIVE, 'head', { state: one })) },
    {
      name: 'absent beside the only key of a state',
      asked: { key: ABSENT, network: NETWORK },
      text: json(prove(ABSENT, 'cut', { state: one })),
    },
    {
      name: 'a value that ends a millisecond after the head',
      asked: asked(prove(ENDING, 'head'), { value: 'soon' }),
      text: json(prove(ENDING, 'head', { state: endless(HEAD_MS + 1) })),
    },
    {
      name: 'a value that ends as late as one can',
      asked: asked(prove(ENDING, 'head'), { value: 'soon' }),
      text: json(prove(ENDING, 'cut', { state: endless(2 ** 48 - 1) })),
    },
    {
      name: 'a value that ended at the beginning of time',
      asked: asked(prove(ENDING, 'head')),
      text: json(prove(ENDING, 'cut', { state: endless(1) })),
    },
    {
      name: 'absent in an empty state',
      asked: { key: ABSENT, network: NETWORK },
      text: json(prove(ABSENT, 'head', { state: empty })),
    },
    {
      name: 'a certificate with a signer that does not count',
      asked: asked(five),
      text: json(prove(FIVE, 'cut', { signers: [alice, bob, stranger] })),
    },
    {
      name: 'a head whose time no calendar has',
      asked: asked(five),
      text: json(prove(FIVE, 'head', { head: { wallMs: 2 ** 53 - 1 } })),
    },
    {
      name: 'a commit of the very millisecond of the cut',
      asked: asked(five),
      text: json(prove(FIVE, 'cut', { state: stateOf(commit(bob, [put(FIVE, 5)], { ms: T })) })),
    },
  ];
}

/** A genuine document, or one that is genuine for somebody else: it is not what was asked. */
export function askedFlaws(): Forged[] {
  const refuse = (
    name: string,
    fails: Forged['fails'],
    about: Asked,
    document: Document,
    trusted?: readonly Author[],
  ): Forged => ({
    name,
    rule: 'P8',
    fails,
    asked: about,
    ...(trusted === undefined ? {} : { trusted }),
    text: json(document),
  });
  const foreign = (key: string, anchor: Anchor): Document => {
    const state = stateOf(commit(alice, [put(FIVE, 5)], { network: 'elsewhere' }));
    return prove(key, anchor, { network: 'elsewhere', state });
  };
  return [
    ...EACH.map(([key, anchor]) => {
      const document = prove(key, anchor);
      return refuse(
        `about another key: ${key}, ${title(document, anchor)}`,
        'key',
        asked(document, { key: 'account/other' }),
        document,
      );
    }),
    ...ANCHORS.flatMap((anchor) => [
      refuse(
        `of another network by the same keys, at the ${anchor}`,
        'network',
        asked(foreign(FIVE, anchor)),
        foreign(FIVE, anchor),
      ),
      refuse(
        `absent in another network, at the ${anchor}`,
        'network',
        asked(foreign(ABSENT, anchor)),
        foreign(ABSENT, anchor),
      ),
      refuse(
        `for another root, at the ${anchor}`,
        'root',
        asked(prove(FIVE, anchor), { root: '00'.repeat(32) }),
        prove(FIVE, anchor),
      ),
      refuse(`another value, at the ${anchor}`, 'value', asked(prove(FIVE, anchor), { value: 6 }), prove(FIVE, anchor)),
      refuse(
        `a value of another type, at the ${anchor}`,
        'value',
        asked(prove(FIVE, anchor), { value: '5' }),
        prove(FIVE, anchor),
      ),
      refuse(
        `a value where there is a tombstone, at the ${anchor}`,
        'value',
        asked(prove(DELETED, anchor), { value: 5 }),
        prove(DELETED, anchor),
      ),
      refuse(
        `a value where there is nothing, at the ${anchor}`,
        'value',
        asked(prove(ABSENT, anchor), { value: null }),
        prove(ABSENT, anchor),
      ),
      refuse(`no trust list, at the ${anchor}`, 'signature', asked(prove(FIVE, anchor)), prove(FIVE, anchor), []),
      refuse(
        `the writer is not trusted, at the ${anchor}`,
        'writers',
        asked(prove(FIVE, anchor)),
        prove(FIVE, anchor, { by: bob, signers: [bob, carol], state: stateOf(commit(stranger, [put(FIVE, 5)])) }),
      ),
    ]),
    refuse(
      "a key that differs in one letter's case",
      'key',
      { key: PRESENT.toUpperCase(), network: NETWORK },
      prove(PRESENT, 'head'),
    ),
    refuse('true for 1', 'value', asked(prove(TRUE, 'head'), { value: 1 }), prove(TRUE, 'head')),
    refuse(
      "the whole document is a stranger's",
      'signer',
      asked(prove(FIVE, 'head')),
      prove(FIVE, 'head', { by: stranger, state: stateOf(commit(stranger, [put(FIVE, 5)])) }),
    ),
    ...KEYS.map((key) =>
      refuse(
        `the head is a stranger's: ${prove(key, 'head').kind} ${key}`,
        'signer',
        asked(prove(key, 'head')),
        prove(key, 'head', { by: stranger }),
      ),
    ),
    refuse(
      "one of two siblings is a stranger's",
      'writers',
      { key: CONFLICT, network: NETWORK },
      prove(CONFLICT, 'head', {
        state: stateOf([...commit(alice, [put(CONFLICT, 1)]), ...commit(stranger, [put(CONFLICT, 2)])]),
      }),
    ),
    refuse(
      'the trust list has not the author of the head',
      'signer',
      asked(prove(DELETED, 'head')),
      prove(DELETED, 'head'),
      [bob.author],
    ),
    refuse('the trust list has not the writer', 'writers', asked(prove(DELETED, 'head')), prove(DELETED, 'head'), [
      alice.author,
    ]),
  ];
}
