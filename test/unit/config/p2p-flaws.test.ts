import { describe, expect, it } from 'vitest';
import { loadConfig, planReload, settingsToConfig } from '../../../src/config/index.ts';
import { latticeErrorOf, load, NOWHERE, problemsOf } from './support.ts';

const PEER = '12D3KooWGBfCdoGdXRYDbKHL1o7uhTBmgVNCXHzLNXNdmhwfFsXj';
const GOOD = `/dns4/b.example/tcp/9000/p2p/${PEER}`;

describe('flaws in the P2P settings', () => {
  it('are all told of each address, and leave the node its HTTP lung [N19, N20]', () => {
    const config = load({
      DIOTEC360_P2P_ENABLED: 'true',
      DIOTEC360_P2P_LISTEN: '/ip4/0.0.0.0/tcp/9000,/ip4/localhost/tcp/nine',
      DIOTEC360_P2P_BOOTSTRAP: `/ip4/huggingface.co/tcp/9000/p2p/PEER_ID_1,/ip4/b.example/tcp/9000/p2p/PEER_ID_3,${GOOD}`,
      DIOTEC360_LATTICE_NODES: 'https://b.example',
    });
    expect(config.http.nodes).toEqual(['https://b.example']);
    expect(config.p2p).toMatchObject({ enabled: true, listen: ['/ip4/0.0.0.0/tcp/9000'], bootstrap: [GOOD] });
    const [listen, space, both, ...more] = config.p2p.flaws;
    expect(more).toEqual([]);
    expect(listen).toMatch(
      /^DIOTEC360_P2P_LISTEN=\/ip4\/localhost.*is a host name, and nine is not a port; write \/dns4/,
    );
    expect(space).toMatch(/^DIOTEC360_P2P_BOOTSTRAP=.*PEER_ID_1: a Hugging Face Space takes no P2P/);
    expect(both).toMatch(
      /b\.example is a host name, and PEER_ID_3 is a placeholder; write \/dns4\/b\.example.*lattice id/,
    );
  });

  it.each(['P2P_ENABLED', 'P2P_MDNS', 'P2P_OPEN'])('count where %s is no boolean: P2P was wanted [N19]', (name) => {
    const { p2p } = load({ DIOTEC360_P2P_BOOTSTRAP: GOOD, [`DIOTEC360_${name}`]: 'maybe' });
    expect([p2p.enabled, p2p.flaws]).toEqual([true, [expect.stringContaining(`${name}=maybe: it is not a boolean`)]]);
  });

  it('are warnings where P2P is off, and flawed addresses alone switch it on [N19]', () => {
    const flawed = { DIOTEC360_P2P_BOOTSTRAP: '/ip4/NODE1_IP/tcp/4001/p2p/NODE1_PEER_ID' };
    const off = load({ ...flawed, DIOTEC360_P2P_ENABLED: 'false' });
    expect([off.p2p.enabled, off.p2p.flaws]).toEqual([false, []]);
    expect(off.warnings).toContainEqual(expect.stringMatching(/^P2P is off, and could not run: .*NODE1_IP/));
    const on = load(flawed);
    expect([on.p2p.enabled, on.p2p.flaws.length]).toEqual([true, 1]);
  });

  it('violate no rule for production, while a lung without peers does [N19, N7]', () => {
    const production = {
      DIOTEC360_ENVIRONMENT: 'production',
      DIOTEC360_API_HOST: '127.0.0.1',
      DIOTEC360_TRUSTED_STATE_PUBKEYS: '1'.padStart(64, '0'),
      DIOTEC360_P2P_ENABLED: 'true',
    };
    expect(load(production).violations).toEqual([expect.stringContaining('without the address of any peer')]);
    expect(load({ ...production, DIOTEC360_P2P_BOOTSTRAP: 'PEER_ID_1' }).violations).toEqual([]);
  });

  it('of the topic keep the node from starting, since it names the network [N19]', () => {
    expect(problemsOf(() => load({ DIOTEC360_P2P_TOPIC: 'a\tb' }))).toHaveLength(1);
  });

  it('stand in the error about other settings, beside what else is to be corrected [N20]', () => {
    const error = latticeErrorOf(() =>
      load({
        DIOTEC360_API_PORT: 'x',
        DIOTEC360_P2P_BOOTSTRAP: 'PEER_ID_1',
        DIOTEC360_ENVIRONMENT: 'production',
        DIOTEC360_COLOUR: 'blue',
      }),
    );
    for (const part of ['API_PORT=x', 'P2P would not run: ', 'read-only: No trusted keys', 'DIOTEC360_COLOUR'])
      expect(error.message).toContain(part);
    // Nothing is said of what depends on a value that is not known.
    const keys = latticeErrorOf(() =>
      load({ DIOTEC360_ENVIRONMENT: 'production', DIOTEC360_TRUSTED_STATE_PUBKEYS: 'NODE2_PUBKEY_HERE' }),
    );
    expect(keys.message).not.toContain('No trusted keys');
  });

  it('in what a program gives are errors of the program', () => {
    const p2p = { listen: ['nowhere'] };
    expect(problemsOf(() => settingsToConfig({ dataDir: 'd', p2p }, NOWHERE))).toEqual([
      expect.objectContaining({ variable: 'p2p.listen' }),
    ]);
  });
});

describe('a reload', () => {
  const BASE = { P2P_LISTEN: '/ip4/127.0.0.1/tcp/9000', P2P_BOOTSTRAP: GOOD };
  const read = (short: Readonly<Record<string, string>>) =>
    loadConfig({
      env: Object.fromEntries(Object.entries(short).map(([name, value]) => [`DIOTEC360_${name}`, value])),
      cwd: NOWHERE,
    });
  const flawed = read({ ...BASE, P2P_LISTEN: '/ip4/a.example/tcp/9000', P2P_BOOTSTRAP: 'PEER_ID_1' });

  it('of corrected settings takes all of them over [N18, N19]', () => {
    const next = read({ ...BASE, P2P_MDNS: 'true' });
    const { config, changed, needsRestart } = planReload(flawed, next);
    expect(config).toEqual(next);
    expect(changed.toSorted()).toEqual(['DIOTEC360_P2P_BOOTSTRAP', 'DIOTEC360_P2P_LISTEN', 'DIOTEC360_P2P_MDNS']);
    expect(needsRestart).toEqual([]);
  });

  it('of settings that are corrected in part tells what is left [N19]', () => {
    const next = read({ ...BASE, P2P_LISTEN: '/ip4/a.example/tcp/9000' });
    const { config, changed } = planReload(flawed, next);
    expect(config.p2p.flaws).toEqual(next.p2p.flaws);
    expect([config.p2p.bootstrap, changed]).toEqual([[GOOD], ['DIOTEC360_P2P_BOOTSTRAP']]);
  });

  it('changes nothing where it would bring flaws to a lung without any [N18, N19]', () => {
    expect(latticeErrorOf(() => planReload(read(BASE), flawed))).toMatchObject({ code: 'invalid-config' });
  });

  it('needs a restart to switch a flawed lung off [N19]', () => {
    const { config, needsRestart } = planReload(flawed, read({ ...BASE, P2P_ENABLED: 'false' }));
    expect(config.p2p).toEqual(flawed.p2p);
    expect(needsRestart).toContain('DIOTEC360_P2P_ENABLED');
  });

  it('takes safe mode over, both ways [N7, N18]', () => {
    const safe = read({ ...BASE, SAFE_MODE: '1' });
    const [on, off] = [planReload(read(BASE), safe), planReload(safe, read(BASE))];
    expect([on.changed, on.config.violations.length]).toEqual([['DIOTEC360_SAFE_MODE'], 1]);
    expect([off.changed, off.config.violations]).toEqual([['DIOTEC360_SAFE_MODE'], []]);
  });
});
