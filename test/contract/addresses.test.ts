import { describe, expect, it } from 'vitest';
import { parseBootstrap, parseListen } from '../../src/adapters/p2p/addresses.ts';
import { createSigner } from '../../src/adapters/system/keys.ts';
import { authorToPeerId } from '../../src/core/wire/peer-id.ts';
import type { PeerAddress } from '../../src/runtime/facade/index.ts';
import { createAddedPeers } from '../../src/runtime/upkeep/added-peers.ts';
import { ACCEPTED, REFUSED } from '../support/multiaddrs.ts';
import { flawsOf, load } from '../unit/config/support.ts';
import { log, openTestState } from '../unit/runtime/support.ts';

const ID = authorToPeerId(createSigner(new Uint8Array(32).fill(7)).author);
const RSA = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N';

describe('configuration, operators and the P2P lung', () => {
  const ofConfig = (name: string, text: string): unknown => {
    const [problem] = flawsOf({ [`DIOTEC360_${name}`]: text });
    return { rule: problem?.rule, fix: problem?.fix };
  };
  /** What an `invalid-…` error says after its own first words. */
  const ofError = (error: unknown): unknown => {
    const { message, next } = error as { message: string; next: string };
    return { rule: /^(?:this is no .*? of a node|P2P .*? is not usable): (.*)$/s.exec(message)?.[1], fix: next };
  };
  const thrown = (run: () => unknown): unknown => {
    try {
      run();
      return undefined;
    } catch (error) {
      return ofError(error);
    }
  };
  async function ofOperator(peer: PeerAddress): Promise<unknown> {
    const { writer, self } = await openTestState();
    const added = createAddedPeers({
      writer,
      added: { now: { urls: [], multiaddrs: [] } },
      configured: { urls: [], multiaddrs: [], authors: [] },
      self: self.author,
      http: { add() {}, remove() {}, find: () => undefined, peers: () => [] },
      members: { configure() {}, release() {} },
      onChange() {},
      stayWith() {},
      log,
    });
    return added.add(peer).then(() => undefined, ofError);
  }

  it.each([
    ...REFUSED.map(([text]) => `${text}/p2p/${ID}`),
    '/dns4/a.b/tcp/0',
    '/dns4/a.b/tcp/9000',
    `/dns4/a.b/tcp/9000/p2p/${RSA}`,
  ])('refuse a peer at %s with the same sentence', async (text) => {
    const flaw = ofConfig('P2P_BOOTSTRAP', text);
    expect(flaw).toEqual({ rule: expect.any(String), fix: expect.any(String) });
    expect(await ofOperator({ multiaddr: text })).toEqual(flaw);
    expect(thrown(() => parseBootstrap([text], ''))).toEqual(flaw);
  });

  it.each(REFUSED)('refuse to listen at %s with the same sentence', (text) => {
    const flaw = ofConfig('P2P_LISTEN', text);
    expect(flaw).toEqual({ rule: expect.any(String), fix: expect.any(String) });
    expect(thrown(() => parseListen(text))).toEqual(flaw);
  });

  it.each(ACCEPTED)('take a peer at %s', async (text) => {
    const whole = `${text}/p2p/${ID}`;
    expect(load({ DIOTEC360_P2P_BOOTSTRAP: whole }).p2p.bootstrap).toHaveLength(1);
    expect(await ofOperator({ multiaddr: whole })).toBeUndefined();
    expect(parseBootstrap([whole], '')).toHaveLength(1);
  });

  it('take and refuse the same base URLs', async () => {
    expect(load({ DIOTEC360_LATTICE_NODES: 'HTTP://A.example:80/,http://a.example.' }).http.nodes).toEqual([
      'http://a.example',
    ]);
    expect(await ofOperator({ url: ' HTTP://A.example:80/ ' })).toBeUndefined();
    for (const url of ['http://u:p@a.example', 'http://a.example?x', 'a.example', 'http://a..b', 'http://a.example:0'])
      expect([url, await ofOperator({ url })]).toEqual([url, ofConfig('LATTICE_NODES', url)]);
  });
});
