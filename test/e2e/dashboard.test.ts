import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';
import { expectNoComplaint, giveToken, goTo, openDashboard, rowOf, verdictChip } from './browser.ts';

const FAILOVER_MS = 150_000;
/** Cuts come every 10 s and are signed 5 s later. */
const CERTIFIED_MS = 150_000;

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
    const { root, verdict } = await a.api.status();
    await page.getByRole('region', { name: 'CONVERGED' }).getByText(verdict.sentence).waitFor();
    await page.getByText("Root of this node's state").click();
    await page.getByText(root, { exact: true }).waitFor();
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
    await page.getByRole('region', { name: 'city/lisbon' }).getByRole('link', { name: 'node-a' }).first().waitFor();
    await page.getByRole('button', { name: 'Read and verify' }).click();
    await page.getByText('Proof verified', { exact: true }).waitFor();
    expect(await page.getByText('the value shown is the signed one').isVisible()).toBe(true);
    expect(await page.getByText(`the head is signed by ${b.author}`).isVisible()).toBe(true);
    await page.getByText('node-b signed that it held the value').waitFor();
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

  it('shows P2P fail over to HTTP and come back, by name, with the causes, and on a map while nodes differ in it', async () => {
    const opened = await openDashboard(a, { view: 'fleet' });
    const { page } = opened;
    const carried = (node: string, lung: string) =>
      eventually(
        `${node} is carried over ${lung}`,
        async () => (await rowOf(page, node).getByText(lung, { exact: true }).count()) === 1,
        FAILOVER_MS,
      );
    const map = page.getByRole('img', { name: 'node-a and 2 other nodes: 1 over P2P, 1 over HTTP, 0 not reached' });
    await carried('node-b', 'P2P');
    await carried('node-c', 'P2P');
    expect(await map.count()).toBe(0);
    // node-b is cut from both others, because gossip goes by way of others.
    fleet.block('cut', { lung: 'p2p', between: [0, 1] });
    fleet.block('cut', { lung: 'p2p', between: [1, 2] });
    await carried('node-b', 'HTTP');
    await map.waitFor();
    fleet.block('cut', { lung: 'p2p' });
    await carried('node-c', 'HTTP');
    await map.waitFor({ state: 'detached' });

    await goTo(page, 'Overview');
    await page.getByRole('region', { name: 'Lungs' }).getByText('carries 2 nodes').waitFor();
    await c.api.put('while/p2p-is-cut', true);
    await page.getByRole('heading', { level: 2, name: 'CONVERGED' }).waitFor();
    await goTo(page, 'Sync');
    const transition = page
      .getByRole('listitem')
      .filter({ hasText: 'node-b' })
      .filter({ hasText: /over P2P/ });
    await transition.first().waitFor();

    fleet.restore({ lung: 'p2p' });
    await goTo(page, 'Fleet');
    await carried('node-b', 'P2P');
    await carried('node-c', 'P2P');
    expectNoComplaint(opened);
  });

  it('names a node that is cut off, and says of it only what is known', async () => {
    const opened = await openDashboard(a);
    const { page } = opened;
    await settledOnPage(page);
    const row = rowOf(page, 'node-b');
    await row.getByText('Equal', { exact: true }).waitFor();
    fleet.block('cut', { between: [0, 1] });
    fleet.block('cut', { between: [1, 2] });
    await verdictChip(page, 'DEGRADED').waitFor({ timeout: FAILOVER_MS });
    const verdict = page.getByRole('region', { name: 'DEGRADED' });
    await verdict.getByText(/1 of 2 other nodes is unreachable: node-b, since [0-9:]+ UTC/).waitFor();
    await row.getByText(/not since [0-9:]+ UTC/).waitFor();
    // Nothing on the screen says that it agrees, how far its clock is off, or that all are up.
    expect(await row.getByText(/Equal|in step|ahead|behind|Accepted|just now/).count()).toBe(0);
    await page.getByRole('region', { name: 'Nodes up' }).getByText('2 of 3').waitFor();
    const transitions = page.getByRole('listitem').filter({ hasText: 'node-b' });
    await transitions
      .filter({ hasText: /Not heard over it either, since [0-9:]+ UTC/ })
      .first()
      .waitFor();
    expect(await page.getByText('CONVERGED', { exact: true }).count()).toBe(0);
    fleet.restore();
    await settledOnPage(page);
    await row.getByText('Equal', { exact: true }).waitFor();
    expectNoComplaint(opened);
  });

  it('has a page for each node, which the table leads to', async () => {
    const opened = await openDashboard(a);
    const { page } = opened;
    await rowOf(page, 'node-c').getByRole('link', { name: 'node-c' }).click();
    await page.getByRole('heading', { level: 2, name: 'node-c' }).waitFor();
    await page.getByText(c.peerId, { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Ping over both lungs' }).click();
    await giveToken(page, a.token);
    await page
      .getByRole('paragraph')
      .filter({ hasText: /HTTP.*\d m?s$/ })
      .waitFor();
    await page.getByRole('button', { name: 'Show which keys differ' }).click();
    await page.getByText('No key differed at the time of the comparison.').waitFor();
    await page.getByRole('link', { name: 'All nodes' }).click();
    await rowOf(page, 'node-a').getByRole('link', { name: 'node-a' }).click();
    await page.getByText(a.peerId, { exact: true }).waitFor();
    expectNoComplaint(opened);
  });

  it('says that the node is gone and how old its data is, and comes back by itself', async () => {
    const opened = await openDashboard(c);
    const { page } = opened;
    await settledOnPage(page);
    await c.kill();
    await page.getByRole('alert').getByText('Disconnected.').waitFor();
    await page.getByText(/What is shown is .* old/).waitFor();
    await verdictChip(page, 'NO ANSWER').waitFor();
    expect(await page.getByText('CONVERGED', { exact: true }).count()).toBe(0);
    for (const name of ['Fleet', 'Sync', 'State', 'Conflicts', 'Live log', 'Node']) {
      await goTo(page, name);
      expect(await page.getByRole('alert').getByText('Disconnected.').isVisible()).toBe(true);
    }
    await c.start();
    await page.getByRole('alert').getByText('Disconnected.').waitFor({ state: 'hidden' });
    await settledOnPage(page);
    expectNoComplaint(opened);
  });
});

/** A public key that no node of a test has: that of the first test of RFC 8032, §7.1. */
const STRANGER = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';

describe('the dashboard of a node that refuses writes', () => {
  it('says that before everything else, why, and what to do', async () => {
    const fleet = await startFleet({ nodes: 1, env: () => ({ TRUSTED_STATE_PUBKEYS: STRANGER }) });
    const [node] = fleet.nodes as [Node];
    const { readOnlyReasons, verdict } = await node.api.status();
    expect(readOnlyReasons.map(({ code }) => code)).toContain('untrusted-self');
    const opened = await openDashboard(node);
    const { page } = opened;
    await verdictChip(page, 'READ-ONLY').waitFor();
    const card = page.getByRole('region', { name: 'READ-ONLY' });
    await card.getByText(verdict.sentence).waitFor();
    await card.getByText('needs an operator').first().waitFor();
    await page.getByRole('region', { name: 'Writes' }).getByText('Read-only').waitFor();
    await rowOf(page, 'node-a').getByText('own key not trusted').waitFor();
    expectNoComplaint(opened);
    await fleet.stop();
  });
});

describe('the dashboard of a node that expects no other', () => {
  it('says so, and shows nothing in red', async () => {
    const fleet = await startFleet({ nodes: 1 });
    const [node] = fleet.nodes as [Node];
    const opened = await openDashboard(node);
    const { page } = opened;
    await verdictChip(page, 'ALONE').waitFor();
    await page.getByRole('region', { name: 'Nodes up' }).getByText('1 of 1').waitFor();
    expect(await page.locator('.bad, .warn').count()).toBe(0);
    await goTo(page, 'Fleet');
    await page.getByText('No other node is expected').waitFor();
    expectNoComplaint(opened);
    await fleet.stop();
  });
});
