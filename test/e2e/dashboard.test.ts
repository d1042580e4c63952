import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';
import { expectNoComplaint, giveToken, goTo, openDashboard, verdictChip } from './browser.ts';

const FAILOVER_MS = 90_000;
/** Cuts come every 10 s and are signed 5 s later. */
const CERTIFIED_MS = 60_000;

/** One byte of a base64url text changed, well inside it. */
const flipped = (text: string): string => `${text.slice(0, -9)}${text.at(-9) === 'A' ? 'B' : 'A'}${text.slice(-8)}`;

describe('the dashboard of three live nodes', () => {
  let fleet: Fleet;
  let a: Node;
  let b: Node;
  let c: Node;
  beforeAll(async () => {
    fleet = await startFleet();
    [a, b, c] = fleet.nodes as [Node, Node, Node];
    for (const i of [0, 1, 2])
      await fleet.status(i, 'P2P carries both peers', ({ syncMode, p2p }) => syncMode === 'P2P' && p2p.peers === 2);
    await a.api.put('city/lisbon', { country: 'PT', people: 545_796 });
    await b.api.put('city/porto', { country: 'PT', people: 231_800 });
    await c.api.put('note', 'written on c');
    await fleet.settled();
  });

  const settledOnPage = async (page: Page): Promise<void> => verdictChip(page, 'CONVERGED').waitFor();

  it('is reached from the address of the node, and says first that all roots are equal', async () => {
    const opened = await openDashboard(a);
    const { page } = opened;
    await page.goto(a.api.url);
    expect(new URL(page.url()).pathname).toBe('/dashboard/');
    await page.getByRole('heading', { level: 2, name: 'CONVERGED' }).waitFor();
    const { root } = await a.api.status();
    expect(await page.getByText(root).count()).toBeGreaterThan(0);
    expect(await page.title()).toContain('CONVERGED');
    expectNoComplaint(opened);
  });

  it('loads its first view in at most 100 KB and nothing from elsewhere', async () => {
    let bytes = 0;
    const hosts = new Set<string>();
    const opened = await openDashboard(a, {
      before: async (page) => {
        const session = await page.context().newCDPSession(page);
        await session.send('Network.enable');
        session.on('Network.loadingFinished', (event) => (bytes += event.encodedDataLength));
        page.on('request', (request) => hosts.add(new URL(request.url()).host));
      },
    });
    await settledOnPage(opened.page);
    expect([...hosts]).toEqual([new URL(a.api.url).host]);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThanOrEqual(100 * 1024);
    expectNoComplaint(opened);
  });

  it('proves a value in the browser, step by step, and fails visibly when one byte of the proof was changed', async () => {
    const opened = await openDashboard(b, { view: 'state' });
    const { page } = opened;
    await page.getByRole('link', { name: 'city/lisbon' }).click();
    await page.getByRole('region', { name: 'city/lisbon' }).getByText(a.author).first().waitFor();
    await page.getByRole('button', { name: 'Read and verify' }).click();
    await page.getByText('Proof verified', { exact: true }).waitFor();
    expect(await page.getByText('the value shown is the signed one').isVisible()).toBe(true);
    expect(await page.getByText(`the head is signed by ${b.author}`).isVisible()).toBe(true);
    await page.getByText(/The way from the leaf to the root/).click();
    expect(await page.getByText(/branch at bit/).count()).toBeGreaterThan(0);

    const genuine = await b.api.proof('city/lisbon');
    const tampered = [
      { ...genuine, value: { country: 'PT', people: 545_797 } },
      { ...genuine, merkle: flipped(genuine.merkle) },
      { ...genuine, head: flipped(genuine.head ?? '') },
      { ...genuine, fragments: genuine.fragments.map((fragment) => flipped(fragment)) },
    ];
    for (const document of tampered) {
      await page.route('**/api/v1/proof?*', (route) => route.fulfill({ json: document }));
      await page.getByRole('button', { name: 'Verify again' }).click();
      await page.getByText('Proof does not hold', { exact: true }).waitFor();
      expect(await page.getByText('Proof verified', { exact: true }).count()).toBe(0);
      expect(await page.getByText('Do not rely on this value.').isVisible()).toBe(true);
      await page.unroute('**/api/v1/proof?*');
      await page.getByRole('button', { name: 'Verify again' }).click();
      await page.getByText('Proof verified', { exact: true }).waitFor();
    }
    expectNoComplaint(opened);
  });

  it('proves a value by the signatures of a quorum, and not once one of them was changed', async () => {
    await fleet.status(
      0,
      'a cut is certified that holds the value',
      ({ cuts }) => (cuts?.certified?.entries ?? 0) >= 3,
      CERTIFIED_MS,
    );
    const opened = await openDashboard(a, { view: 'state?key=note' });
    const { page } = opened;
    const button = page.getByRole('button', { name: /^(?:Read and verify|Verify again)$/ });
    await page.getByRole('checkbox', { name: /newest cut/ }).check();
    await button.click();
    await page.getByText('Proof verified', { exact: true }).waitFor();
    await page.getByText(/of 3 trusted keys signed this root, a quorum is 2/).waitFor();
    await page.route('**/api/v1/proof?*', async (route) => {
      const response = await route.fetch();
      const document = (await response.json()) as { certificate: string };
      await route.fulfill({ response, json: { ...document, certificate: flipped(document.certificate) } });
    });
    await button.click();
    await page.getByText('Proof does not hold', { exact: true }).waitFor();
    expectNoComplaint(opened);
  });

  it('browses by prefix and page, and proves absence', async () => {
    await a.api.commit(
      Array.from({ length: 120 }, (_, i) => ({
        op: 'put' as const,
        key: `page/${String(i).padStart(3, '0')}`,
        value: i,
      })),
    );
    await fleet.settled();
    const opened = await openDashboard(a, { view: 'state' });
    const { page } = opened;
    await page.getByLabel('Prefix').fill('page/');
    await page.getByRole('button', { name: 'Browse' }).click();
    await page.getByRole('link', { name: 'page/000' }).waitFor();
    expect(await page.getByRole('link', { name: 'city/lisbon' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('link', { name: 'page/050' }).waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('link', { name: 'page/119' }).waitFor();
    expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByRole('link', { name: 'page/050' }).waitFor();

    await page.goto(`${a.api.url}/dashboard/#/state?key=never-written`);
    await page.getByText('No value under this key').waitFor();
    await page.getByRole('button', { name: 'Read and verify' }).click();
    await page.getByText('the Merkle proof shows that the key is not in the tree').waitFor();
    expectNoComplaint(opened);
  });

  it('shows P2P fail over to HTTP and come back, with the causes', async () => {
    const opened = await openDashboard(a, { view: 'peers' });
    const { page } = opened;
    const lungs = page.getByRole('table').getByRole('row');
    await eventually('both rows say P2P', async () => (await lungs.filter({ hasText: 'P2P' }).count()) === 2);
    fleet.block('cut', { lung: 'p2p' });
    await eventually(
      'both rows say HTTP',
      async () => (await lungs.filter({ hasText: /HTTP/ }).count()) === 2,
      FAILOVER_MS,
    );
    await goTo(page, 'Overview');
    await page.getByText('HTTP_ONLY').first().waitFor();
    await c.api.put('while/p2p-is-cut', true);
    await page.getByRole('heading', { level: 2, name: 'CONVERGED' }).waitFor();
    await goTo(page, 'Sync');
    await page
      .getByText(/over P2P/)
      .first()
      .waitFor();

    fleet.restore({ lung: 'p2p' });
    await goTo(page, 'Peers');
    await eventually(
      'both rows say P2P again',
      async () => (await lungs.filter({ hasText: 'P2P' }).count()) === 2,
      FAILOVER_MS,
    );
    expectNoComplaint(opened);
  });

  it('says NOT CONVERGED or CANNOT TELL, never CONVERGED, while a node is cut off', async () => {
    const opened = await openDashboard(a);
    const { page } = opened;
    await settledOnPage(page);
    fleet.block('cut', { between: [0, 1] });
    fleet.block('cut', { between: [1, 2] });
    await a.api.put('apart', 'left');
    await b.api.put('apart', 'right');
    await eventually(
      'the verdict is withdrawn',
      async () => (await verdictChip(page, 'CONVERGED').count()) === 0,
      FAILOVER_MS,
    );
    await page
      .getByText(/not reached over either lung|root differs/)
      .first()
      .waitFor();
    fleet.restore();
    await settledOnPage(page);
    expectNoComplaint(opened);
  });

  it('resolves the conflict that they wrote, asking for the token once and never storing it', async () => {
    await eventually('the conflict is everywhere', async () =>
      (await Promise.all([a, b, c].map((n) => n.api.conflicts()))).every((list) => list.length === 1),
    );
    const opened = await openDashboard(c, { view: 'conflicts' });
    const { page } = opened;
    const conflict = page.getByRole('region', { name: 'apart' });
    const [, loser] = (await c.api.conflicts())[0]?.siblings ?? [];
    await conflict.getByText(JSON.stringify(loser?.value)).waitFor();
    expect(await conflict.getByRole('button', { name: 'Resolve with the chosen one' }).isDisabled()).toBe(true);
    await conflict.getByRole('radio').nth(1).check();

    // A wrong token changes nothing and is asked for again.
    await conflict.getByRole('button', { name: 'Resolve with the chosen one' }).click();
    await giveToken(page, 'wrong-token');
    await conflict.getByText('token is wrong').waitFor();
    expect(await c.api.conflicts()).toHaveLength(1);
    await conflict.getByRole('button', { name: 'Resolve with the chosen one' }).click();
    await page.getByText('The node did not take the last token.').waitFor();
    await giveToken(page, c.token);
    await page.getByText('Nothing to decide').waitFor();

    expect(await c.api.get('apart')).toMatchObject({ value: loser?.value, author: c.author });
    const { conflicts } = await fleet.settled();
    expect(conflicts).toEqual([]);
    const stored = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
    );
    expect(stored).toBe('[{},{},""]');
    expect(page.url()).not.toContain(c.token);
    expectNoComplaint(opened);
  });

  it('does not overwrite what somebody wrote in the meantime', async () => {
    fleet.block('cut');
    await Promise.all([a.api.put('raced', 1), b.api.put('raced', 2)]);
    fleet.restore();
    await eventually('the conflict is everywhere', async () =>
      (await Promise.all([a, b, c].map((n) => n.api.conflicts()))).every((list) => list.length === 1),
    );
    const { page } = await openDashboard(a, { view: 'conflicts' });
    const conflict = page.getByRole('region', { name: 'raced' });
    await conflict.getByRole('radio').first().check();
    await a.api.put('raced', 'meanwhile');
    await conflict.getByRole('button', { name: 'Resolve with the chosen one' }).click();
    await giveToken(page, a.token);
    await conflict.getByText('Somebody wrote in the meantime.').waitFor();
    expect(await a.api.get('raced')).toMatchObject({ value: 'meanwhile' });
    await fleet.settled();
  });

  it('switches the mode with a reason that stands beside the transition', async () => {
    const opened = await openDashboard(b, { view: 'sync' });
    const { page } = opened;
    const reason = 'firewall change 17';
    await page.getByRole('radio', { name: /^http/ }).check();
    await page.getByLabel('Reason').fill(reason);
    await page.getByRole('button', { name: 'Switch to http' }).click();
    await giveToken(page, b.token);
    await eventually('the node is in mode http', async () => (await b.api.status()).mode === 'http');
    await page.getByRole('listitem').filter({ hasText: reason }).first().waitFor();

    await page.getByRole('radio', { name: /^auto/ }).check();
    await page.getByLabel('Reason').fill('done');
    await page.getByRole('button', { name: 'Switch to auto' }).click();
    await eventually('the node is in mode auto', async () => (await b.api.status()).mode === 'auto');
    await page.getByRole('figure').filter({ hasText: 'Changes applied' }).waitFor();
    expectNoComplaint(opened);
  });

  it('pings a peer over both lungs and asks which keys differ', async () => {
    await fleet.settled();
    const opened = await openDashboard(a, { view: 'peers' });
    const { page } = opened;
    await page.getByRole('rowheader').first().getByRole('button').click();
    await page.getByRole('button', { name: 'Ping over both lungs' }).click();
    await giveToken(page, a.token);
    await page
      .getByRole('paragraph')
      .filter({ hasText: /HTTP.*ms/ })
      .waitFor();
    await page.getByRole('button', { name: 'Show which keys differ' }).click();
    await page.getByText('No key differed at the time of the comparison.').waitFor();
    expectNoComplaint(opened);
  });

  it('follows the log: filter, level, pause, and the fields of a line', async () => {
    const opened = await openDashboard(a, { view: 'log' });
    const { page } = opened;
    await page.getByRole('button', { name: 'Enter the token' }).click();
    await giveToken(page, a.token);
    const lines = page.getByRole('region', { name: 'Log lines' }).getByRole('listitem');
    await page.getByLabel('Filter').fill('LATTICE READY');
    await eventually('one line is left', async () => (await lines.count()) === 1);
    await lines.first().getByRole('button').click();
    await page.getByLabel('Fields').getByText(a.api.url).waitFor();

    await page.getByLabel('Level').selectOption('error');
    await page.getByText(/No line/).waitFor();
    await page.getByLabel('Level').selectOption('info');
    await eventually('the line is back', async () => (await lines.count()) === 1);
    await page.getByLabel('Filter').fill('');

    await page.getByRole('button', { name: 'Pause' }).click();
    const shown = page.getByText(/lines? shown; the newest/);
    const before = await shown.textContent();
    const reason = 'seen in the log';
    await a.api.send('POST', '/api/v1/sync/mode', { body: { mode: 'http', reason } });
    await a.api.send('POST', '/api/v1/sync/mode', { body: { mode: 'auto', reason: 'and back' } });
    await eventually('lines wait', async () =>
      /[1-9]\d* lines? waiting/.test((await page.getByText(/lines? waiting/).textContent()) ?? ''),
    );
    expect(await shown.textContent()).toBe(before);
    expect(await lines.filter({ hasText: reason }).count()).toBe(0);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByLabel('Filter').fill(reason);
    await eventually('they are shown', async () => (await lines.filter({ hasText: reason }).count()) > 0);
    expectNoComplaint(opened);
  });

  it('shows who the node is, its settings without secrets, and what it uses', async () => {
    const opened = await openDashboard(a, { view: 'node' });
    const { page } = opened;
    await page.getByText(a.peerId, { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Copy peer id' }).click();
    await page
      .getByRole('button', { name: 'Copy peer id' })
      .getByText(/Copied|Selected/)
      .waitFor();
    await page.getByText(/free of/).waitFor();
    await page.getByText(/p99/).first().waitFor();
    await page.getByRole('button', { name: 'Enter the token' }).click();
    await giveToken(page, a.token);
    await page.getByRole('rowheader', { name: 'DIOTEC360_API_TOKEN' }).waitFor();
    expect(await page.content()).not.toContain(a.token);
    expectNoComplaint(opened);
  });

  it('says that the node is gone and how old its data is, and comes back by itself', async () => {
    const opened = await openDashboard(c);
    const { page } = opened;
    await settledOnPage(page);
    await c.kill();
    await page.getByRole('alert').getByText('Disconnected.').waitFor();
    await page.getByText(/What is shown is .* old/).waitFor();
    await verdictChip(page, 'CANNOT TELL').waitFor();
    for (const name of ['Peers', 'Sync', 'State', 'Conflicts', 'Live log', 'Node']) {
      await goTo(page, name);
      expect(await page.getByRole('alert').getByText('Disconnected.').isVisible()).toBe(true);
    }
    await c.start();
    await page.getByRole('alert').getByText('Disconnected.').waitFor({ state: 'hidden' });
    await settledOnPage(page);
    expectNoComplaint(opened);
  });
});
