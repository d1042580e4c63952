import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { NodeStatus } from '../../src/runtime/facade/index.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';
import { violations, widerThanScreen } from './axe.ts';
import { expectNoComplaint, giveToken, openDashboard, rowOf, typeToken, verdictChip } from './browser.ts';

const TITLES = {
  overview: 'Overview',
  fleet: 'Fleet',
  members: 'Members',
  sync: 'Sync',
  state: 'State',
  vault: 'Vault',
  conflicts: 'Conflicts',
  log: 'Live log',
  node: 'Node',
} as const;
type View = keyof typeof TITLES;
const VIEWS = [...(Object.keys(TITLES) as View[]), 'peer' as const];

describe('the dashboard for everybody', () => {
  let fleet: Fleet;
  let a: Node;
  let b: Node;
  beforeAll(async () => {
    fleet = await startFleet();
    [a, b] = fleet.nodes as [Node, Node];
    fleet.block('cut');
    await a.api.put('limits/connections', { most: 512, warn: 400 });
    await b.api.put('limits/connections', { most: 768, warn: 700 });
    await a.api.put('a-rather-long-name/of-a-key-without-any-space/that-does-not-fit/on-the-screen-of-a-phone', [
      'x'.repeat(200),
    ]);
    fleet.restore();
    await eventually('the conflict is known', async () => (await a.api.conflicts()).length === 1);
    await fleet.settled();
  });

  /** The fullest form of a view: a proof, an editor, lines of log, settings. `peer` is the page of another node. */
  async function fill(page: Page, view: View | 'peer'): Promise<void> {
    await page.getByRole('heading', { level: 1, name: TITLES[view === 'peer' ? 'node' : view] }).waitFor();
    if (view === 'overview') await page.getByRole('img', { name: /^Nodes up/ }).waitFor();
    if (view === 'fleet') await rowOf(page, 'node-b').getByText('Equal', { exact: true }).waitFor();
    if (view === 'members') {
      await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
      await giveToken(page, a.token);
      await page.getByLabel('What the node is to be called').fill(`node-${'x'.repeat(50)}`);
      await page.getByRole('button', { name: 'Invite', exact: true }).click();
      await page.getByText('Run this on the new machine:').waitFor();
      await page.getByText('where only a newcomer on the node’s own machine reaches it').waitFor();
      await rowOf(page, 'node-b').getByRole('button', { name: 'Rotate its key' }).click();
      await page.getByLabel('The new public key, 64 hex digits').waitFor();
      await rowOf(page, 'node-b').getByRole('button', { name: 'Remove' }).click();
      await page.getByText('For a key in the wrong hands').waitFor();
    }
    if (view === 'peer') await page.getByRole('button', { name: 'Show which keys differ' }).waitFor();
    if (view === 'sync') await page.getByRole('figure').first().waitFor();
    if (view === 'state') {
      await page.getByRole('link', { name: /^limits\/connections/ }).click();
      await page.getByRole('button', { name: 'Read and verify' }).click();
      await page.getByText('Proof verified', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('New value, as JSON').fill('{');
    }
    if (view === 'vault') {
      await page
        .getByLabel('Choose files, or drop them here')
        .setInputFiles([{ name: `${'long-name-'.repeat(12)}.txt`, mimeType: 'text/plain', buffer: Buffer.from('a') }]);
      await giveToken(page, a.token);
      await page.getByRole('link', { name: 'Show it' }).click();
      await page.getByRole('button', { name: 'Read and verify' }).click();
      await page.getByText('Content verified', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Remove', exact: true }).click();
    }
    if (view === 'conflicts') await page.getByRole('radio', { name: 'Write another value' }).check();
    if (view === 'log' || view === 'node') {
      await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
      await giveToken(page, a.token);
      await (view === 'log'
        ? page.getByRole('region', { name: 'Log lines' }).getByRole('listitem').first()
        : page.getByRole('table')
      ).waitFor();
    }
  }

  it.each(VIEWS.flatMap((view) => (['light', 'dark'] as const).map((scheme) => [view, scheme] as const)))(
    '%s in %s: axe finds nothing, wide and at phone width, and nothing is wider than a phone',
    async (view, scheme) => {
      const opened = await openDashboard(a, { view: view === 'peer' ? `node?id=${b.author}` : view, scheme });
      const { page } = opened;
      await fill(page, view);
      expect(await violations(page)).toEqual([]);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await widerThanScreen(page)).toBe(0);
      // What a row is about is readable there too.
      if (view === 'overview' || view === 'fleet' || view === 'state') {
        const link = page.getByRole('rowheader').first().getByRole('link');
        expect((await link.boundingBox())?.width).toBeGreaterThan(30);
      }
      expect(await violations(page)).toEqual([]);
      expectNoComplaint(opened);
    },
  );

  it('axe does find what is wrong', async () => {
    const { page } = await openDashboard(a);
    await verdictChip(page, 'CONVERGED').waitFor();
    await page.evaluate("document.querySelector('main').append(document.createElement('button'))");
    expect((await violations(page)).map((line) => line.split(' ')[0])).toContain('button-name');
  });

  it.each(['light', 'dark'] as const)(
    'axe finds nothing in %s while disconnected, asked for the token, or without any data',
    async (scheme) => {
      const opened = await openDashboard(a, { view: 'log', scheme });
      const { page } = opened;
      await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).click();
      await typeToken(page, 'wrong');
      await page.getByRole('dialog').getByText('the API token is wrong').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });

      await page.goto(`${a.api.url}/dashboard/#/overview`);
      await verdictChip(page, 'CONVERGED').waitFor();
      await page.route('**/api/v1/**', (route) => route.abort());
      await page.getByRole('alert').getByText('Disconnected.').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.reload();
      await page.getByText('Nothing to show until the node answers.').waitFor();
      expect(await violations(page)).toEqual([]);
      expectNoComplaint(opened);
    },
  );

  it('is used by keyboard: skip link, views, focus at the heading, and back to what asked for the token', async () => {
    const { page } = await openDashboard(a);
    await verdictChip(page, 'CONVERGED').waitFor();
    const focused = (): Promise<string> => page.evaluate<string>("document.activeElement?.textContent ?? ''");
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('main');
    await page.getByRole('link', { name: 'Live log' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Live log' }).waitFor();
    // The link that was pressed has the words of the heading.
    await eventually(
      'the heading has the focus',
      async () => (await page.evaluate<string>('document.activeElement.tagName')) === 'H1',
    );
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).waitFor();
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Sign in');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    expect(await page.evaluate<string>('document.activeElement.id')).toBe('token');
    await page.keyboard.press('Escape');
    await eventually('the focus is back', async () => (await focused()) === 'Sign in');
  });

  it('changes its theme for this tab when asked, and tells changes of the verdict to screen readers', async () => {
    const { page } = await openDashboard(a);
    await verdictChip(page, 'CONVERGED').waitFor();
    const ground = (): Promise<string> => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const light = await ground();
    await page.getByRole('button', { name: 'Theme: auto' }).click();
    await page.getByRole('button', { name: 'Theme: light' }).click();
    await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
    await eventually('it is dark', async () => (await ground()) !== light);
    await page.route('**/api/v1/**', (route) => route.abort());
    await page.getByRole('status').getByText('The node does not answer.').waitFor({ state: 'attached' });
  });

  it('keeps no connection in a hidden tab, and looks again when it is seen', async () => {
    const { page } = await openDashboard(a);
    await verdictChip(page, 'CONVERGED').waitFor();
    const isStream = (request: { url(): string }): boolean => request.url().endsWith('/api/v1/events');
    const seen = (hidden: boolean): Promise<void> =>
      page.evaluate<void>(
        `Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))`,
      );
    await Promise.all([page.waitForEvent('requestfailed', isStream), seen(true)]);
    await Promise.all([page.waitForRequest(isStream), page.waitForRequest('**/api/v1/status'), seen(false)]);
  });

  it('tells a node that answers with errors from one that does not answer', async () => {
    const { page } = await openDashboard(a);
    await verdictChip(page, 'CONVERGED').waitFor();
    const banner = page.getByRole('alert').filter({ hasText: 'Disconnected.' });
    await page.route('**/api/v1/status', (route) =>
      route.fulfill({ status: 503, json: { code: 'store-closed', detail: 'the store is closed' } }),
    );
    await banner.getByText('The node answers with an error: the store is closed.').waitFor();
    await page.unroute('**/api/v1/status');
    await banner.waitFor({ state: 'detached' });
    await page.route('**/api/v1/**', (route) => route.abort());
    await banner.getByText('The node does not answer.').waitFor();
  });

  it('says what is empty, being read, failing, or not there on this node', async () => {
    const { page } = await openDashboard(a, {
      view: 'state?prefix=nothing-begins-so',
      before: async (p) => {
        await p.route('**/api/v1/history?*', (route) =>
          route.fulfill({ status: 404, json: { code: 'not-found', detail: 'no such path' } }),
        );
        await p.route('**/api/v1/resources', () => new Promise<void>(() => undefined));
      },
    });
    await page.getByText(/No key begins with\s*nothing-begins-so/).waitFor();
    await page.route('**/api/v1/state?*', (route) =>
      route.fulfill({
        status: 503,
        json: { code: 'store-closed', detail: 'the store is closed', next: 'restart the node' },
      }),
    );
    await page.getByRole('button', { name: 'Refresh' }).click();
    const alert = page.getByRole('alert').filter({ hasText: 'The store is closed.' });
    await alert.getByText('Next: restart the node').waitFor();
    await page.unroute('**/api/v1/state?*');
    await alert.getByRole('button', { name: 'Try again' }).click();
    await alert.waitFor({ state: 'detached' });

    await page.goto(`${a.api.url}/dashboard/#/state?key=limits/connections`);
    await page.getByText('Not available on this node: its version does not tell the history of a key.').waitFor();
    await page.goto(`${a.api.url}/dashboard/#/node`);
    await page.getByText('Reading its resources').waitFor();
  });

  it('stays within its bounds with 50 other nodes and more lines than it keeps', async () => {
    const [template] = (await a.api.status()).verdict.members;
    const members = Array.from({ length: 50 }, (_, i) => ({
      ...template,
      author: String(i).padStart(64, '0'),
      label: `node ${i}`,
      lung: i % 2 === 0 ? 'p2p' : 'http',
    }));
    const line = (n: number): string =>
      `id: ${n}\nevent: line\ndata: ${JSON.stringify({ id: String(n), time: '2026-01-01T00:00:00.000Z', level: 'info', component: 'test', msg: `line ${n}` })}\n\n`;
    const lines = Array.from({ length: 1500 }, (_, n) => line(n)).join('');
    const asked: number[] = [];
    const { page } = await openDashboard(a, {
      view: 'fleet',
      before: async (p) => {
        await p.route('**/api/v1/status', async (route) => {
          asked.push(performance.now());
          const response = await route.fetch();
          const status = (await response.json()) as NodeStatus;
          return route.fulfill({ response, json: { ...status, verdict: { ...status.verdict, members } } });
        });
        // The second stream stays silent.
        await p.route('**/api/v1/logs?*', (route) =>
          route.request().url().includes('after=')
            ? new Promise<void>(() => undefined)
            : route.fulfill({ contentType: 'text/event-stream', body: `event: gap\ndata: {"dropped":12}\n\n${lines}` }),
        );
      },
    });
    await eventually('50 rows', async () => (await page.getByRole('table').getByRole('rowheader').count()) === 51);
    await page.getByRole('img', { name: /50 other nodes: 25 over P2P, 25 over HTTP/ }).waitFor();
    await page.goto(`${a.api.url}/dashboard/#/log`);
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await giveToken(page, a.token);
    await page.getByText('999 lines shown').waitFor();
    const rows = page.getByRole('region', { name: 'Log lines' }).getByRole('listitem');
    await eventually('the newest is in sight', async () => (await rows.filter({ hasText: 'line 1499' }).count()) === 1);
    expect(await rows.count()).toBeLessThan(100);
    await page.getByRole('region', { name: 'Log lines' }).evaluate((element) => element.scrollTo(0, 0));
    await eventually(
      'the oldest kept is in sight',
      async () => (await rows.filter({ hasText: 'line 501' }).count()) === 1,
    );
    // 12 that the node told of, and 501 of the 1,500 that went by.
    await rows.first().getByText('513 lines missing here').waitFor();

    await eventually('asked some times', () => asked.length >= 5);
    const gaps = asked.slice(1).map((at, i) => at - (asked[i] as number));
    // Never more often than once a second, whatever the event stream says; a timer may come a little early.
    expect(Math.min(...gaps)).toBeGreaterThan(900);
  });

  it('asks whoever opens it to sign in where reading needs a token [TK1]', async () => {
    const READ_TOKEN = 'read-token-of-no-value';
    const reload = async (token: string | undefined): Promise<void> => {
      a.configure({ READ_TOKEN: token });
      const headers = { authorization: `Bearer ${a.token}` };
      const answer = await fetch(`${a.api.url}/api/v1/config/reload`, { method: 'POST', headers });
      expect(await answer.json()).toMatchObject({ changed: ['DIOTEC360_READ_TOKEN'] });
    };
    const open = await openDashboard(a, { view: 'state' });
    await open.page.getByRole('link', { name: /^limits\/connections/ }).waitFor();
    await reload(READ_TOKEN);
    try {
      const { page } = open;
      await page.getByText('Reading this node needs a token. Sign in to see its state.').waitFor();
      // What was read before the token was needed is shown no more.
      expect(await page.getByRole('link', { name: /^limits\/connections/ }).count()).toBe(0);
      expect(await violations(page)).toEqual([]);
      await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
      await giveToken(page, READ_TOKEN);
      await page.getByRole('link', { name: /^limits\/connections/ }).click();
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('New value, as JSON').fill('1');
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText(/This token may read only/i).waitFor();
    } finally {
      await reload(undefined);
    }
  });
});
