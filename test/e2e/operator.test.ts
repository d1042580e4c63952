import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/types/index.ts';
import type { FloorView, RosterView } from '../../src/runtime/facade/index.ts';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';
import { expectNoComplaint, giveToken, openDashboard, rowOf, typeToken, verdictChip } from './browser.ts';

describe('what operators do in the dashboard', () => {
  let fleet: Fleet;
  let a: Node;
  let b: Node;
  let c: Node;
  beforeAll(async () => {
    fleet = await startFleet();
    [a, b, c] = fleet.nodes as [Node, Node, Node];
    await a.api.put('city/lisbon', { country: 'PT', people: 545_796 });
    await fleet.settled();
  });

  /** Every node writes its own value under the key while none hears another. */
  async function conflictOf(key: string, values: readonly (readonly [Node, JsonValue])[]): Promise<void> {
    fleet.block('cut');
    await Promise.all(values.map(([node, value]) => node.api.put(key, value)));
    fleet.restore();
    await eventually('all siblings are everywhere', async () =>
      (await Promise.all([a, b, c].map((n) => n.api.conflicts()))).every((list) =>
        list.some((conflict) => conflict.key === key && conflict.siblings.length === values.length),
      ),
    );
  }

  const signIn = async (page: Page, node: Node): Promise<void> => {
    await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).click();
    await giveToken(page, node.token);
    await page.getByRole('banner').getByText('Signed in').waitFor();
  };

  it('says in the dialog that a token is wrong, and stores none', async () => {
    const opened = await openDashboard(a);
    const { page } = opened;
    await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).click();
    const dialog = page.getByRole('dialog', { name: 'Sign in' });
    await typeToken(page, 'wrong-token');
    await dialog.getByRole('alert').getByText('The node refuses it: the API token is wrong.').waitFor();
    expect(await dialog.isVisible()).toBe(true);
    await giveToken(page, a.token);
    await page.getByRole('banner').getByText('Signed in').waitFor();
    const stored = await page.evaluate<string>(
      'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
    );
    expect(stored).toBe('[{},{},""]');
    expect(page.url()).not.toContain(a.token);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).waitFor();
    expectNoComplaint(opened);
  });

  it('filters and counts keys, goes to one, and keeps every space of it', async () => {
    await a.api.commit([
      ...Array.from({ length: 120 }, (_, i) => ({
        op: 'put' as const,
        key: `page/${String(i).padStart(3, '0')}`,
        value: i,
      })),
      { op: 'put', key: ' spaced  key ', value: 'with  spaces' },
      { op: 'put', key: `long/${'x'.repeat(300)}`, value: 1 },
    ]);
    await fleet.settled();
    const opened = await openDashboard(a, { view: 'state' });
    const { page } = opened;
    const pages = page.getByRole('navigation', { name: 'Pages' });
    await pages.getByText('keys 1 to 50; 123 keys in all').waitFor();
    await page.getByLabel('Keys that begin with').fill('page/');
    await page.getByRole('button', { name: 'Filter' }).click();
    await page.getByRole('link', { name: 'page/000' }).waitFor();
    await pages.getByText('keys 1 to 50; 120 keys found').waitFor();
    expect(await page.getByRole('link', { name: 'city/lisbon' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('link', { name: 'page/050' }).waitFor();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByRole('link', { name: 'page/119' }).waitFor();
    await pages.getByText('keys 101 to 120; 120 keys found').waitFor();
    expect(await page.getByRole('button', { name: 'Next' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.getByRole('link', { name: 'page/050' }).waitFor();

    await page.getByLabel('Keys that begin with').fill(' ');
    await page.getByRole('button', { name: 'Filter' }).click();
    await pages.getByText('1 key found').waitFor();
    await page.getByRole('link', { name: '␣spaced␣␣key␣' }).click();
    await page.getByRole('region', { name: '␣spaced␣␣key␣' }).getByText('"with  spaces"').first().waitFor();

    await page.getByLabel('Go to key').fill(`long/${'x'.repeat(300)}`);
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByRole('heading', { name: `long/${'x'.repeat(300)}` }).waitFor();
    await page.getByLabel('Go to key').fill('never-written');
    await page.getByRole('button', { name: 'Open' }).click();
    await page.getByText('No value under this key').waitFor();
    await page.getByRole('button', { name: 'Read and verify' }).click();
    await page.getByText('the Merkle proof shows that the key is not in the tree').waitFor();
    expectNoComplaint(opened);
  });

  it('writes a new key, edits it and deletes it, and never over what somebody else wrote', async () => {
    const opened = await openDashboard(b, { view: 'state' });
    const { page } = opened;
    await signIn(page, b);
    await page.getByRole('link', { name: 'New key' }).click();
    await page.getByLabel('Key', { exact: true }).fill(' made here');
    await page.getByLabel('Value, as JSON').fill('{"n": 1');
    await page.getByText('This is no JSON').waitFor();
    expect(await page.getByRole('button', { name: 'Save' }).isDisabled()).toBe(true);
    await page.getByLabel('Value, as JSON').fill('{"n": 1}');
    await page.getByRole('button', { name: 'Save' }).click();
    const entry = page.getByRole('region', { name: '␣made here' });
    await entry.getByText('"n": 1').waitFor();
    expect(await b.api.get(' made here')).toMatchObject({ value: { n: 1 }, author: b.author });

    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('New value, as JSON').fill('{"n": 2}');
    await b.api.put(' made here', { n: 'meanwhile' });
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByText('Somebody wrote in the meantime.').waitFor();
    expect(await b.api.get(' made here')).toMatchObject({ value: { n: 'meanwhile' } });
    await page.getByRole('alert').locator('..').getByRole('button', { name: 'Refresh' }).click();
    await entry.getByText('"n": "meanwhile"').first().waitFor();
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('New value, as JSON').fill('{"n": 3}');
    await page.getByRole('button', { name: 'Save' }).click();
    await entry.getByText('"n": 3').waitFor();

    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete the key' }).click();
    await page.getByText('No value under this key').waitFor();
    expect(await b.api.entries()).not.toContainEqual(expect.objectContaining({ key: ' made here' }));
    await fleet.settled();
    expectNoComplaint(opened);
  });

  it('shows three values as one conflict with their differences, and writes a value of its own', async () => {
    await conflictOf('three', [
      [a, { limit: 1, on: true }],
      [b, { limit: 2, on: true }],
      [c, { limit: 3, on: true }],
    ]);
    const opened = await openDashboard(c);
    const { page } = opened;
    await page.getByRole('region', { name: 'Conflicts' }).getByText('1', { exact: true }).waitFor();
    await page.getByRole('region', { name: 'Conflicts' }).getByRole('link', { name: 'Resolve' }).click();
    await page.getByText('1 key in conflict.').waitFor();
    const conflict = page.getByRole('region', { name: 'three' });
    await conflict.getByText('3 values that were written without knowledge of each other').waitFor();
    const [winner, second] = ((await c.api.conflicts())[0]?.siblings ?? []).map(({ value }) =>
      JSON.stringify(value, null, 2)
        .split('\n')
        .find((line) => line.includes('limit')),
    );
    const difference = conflict.getByLabel('Difference from the first value').first();
    expect(await difference.textContent()).toContain(`- ${winner}`);
    expect(await difference.textContent()).toContain(`+ ${second}`);
    expect(await conflict.getByRole('button', { name: 'Resolve' }).isDisabled()).toBe(true);

    // The history tells what stands beside the current value from what came before it.
    await conflict.getByRole('link', { name: 'Entry and proof' }).click();
    await page.getByText('1 conflict of 3 values').waitFor();
    await eventually(
      'two are concurrent',
      async () => (await page.getByText('concurrent', { exact: true }).count()) === 2,
    );
    await page.getByRole('region', { name: 'three' }).getByRole('link', { name: 'Resolve' }).click();
    await conflict.getByRole('radio', { name: 'Write another value' }).check();
    await conflict.getByLabel('The value, as JSON').fill('{"limit": 10, "on": false}');
    await conflict.getByRole('button', { name: 'Resolve' }).click();
    await giveToken(page, c.token);
    await page.getByText('Nothing to resolve').waitFor();
    expect(await c.api.get('three')).toMatchObject({ value: { limit: 10, on: false }, author: c.author });
    expect((await fleet.settled()).conflicts).toEqual([]);
    expectNoComplaint(opened);
  });

  it('resolves a conflict by one of its values, unless somebody wrote in the meantime', async () => {
    await conflictOf('raced', [
      [a, 1],
      [b, 2],
    ]);
    const { page } = await openDashboard(a, { view: 'conflicts' });
    const conflict = page.getByRole('region', { name: 'raced' });
    await conflict.getByRole('radio').nth(1).check();
    const [, loser] = (await a.api.conflicts())[0]?.siblings ?? [];
    await a.api.put('raced', 'meanwhile');
    await conflict.getByRole('button', { name: 'Resolve' }).click();
    await giveToken(page, a.token);
    await conflict.getByText('Somebody wrote in the meantime.').waitFor();
    expect(await a.api.get('raced')).toMatchObject({ value: 'meanwhile' });
    expect(loser).toBeDefined();
    await conflictOf('again', [
      [b, 'b'],
      [c, 'c'],
    ]);
    await page.getByRole('button', { name: 'Refresh' }).first().click();
    const second = page.getByRole('region', { name: 'again' });
    await second.getByRole('radio').nth(1).check();
    const [, kept] = (await a.api.conflicts()).find(({ key }) => key === 'again')?.siblings ?? [];
    await second.getByRole('button', { name: 'Resolve' }).click();
    await second.waitFor({ state: 'detached' });
    expect(await a.api.get('again')).toMatchObject({ value: kept?.value, author: a.author });
    expect((await fleet.settled()).conflicts).toEqual([]);
  });

  it('adds a node and removes it', async () => {
    const opened = await openDashboard(a, { view: 'fleet' });
    const { page } = opened;
    await page.getByText('No node was added here.').waitFor();
    await page.getByLabel('URL of its API, or its multiaddr').fill('not a node');
    await page.getByRole('button', { name: 'Add' }).click();
    await giveToken(page, a.token);
    await page.getByRole('alert').getByText('This is no base URL of a node').waitFor();
    const url = 'http://127.0.0.1:9';
    await page.getByLabel('URL of its API, or its multiaddr').fill(url);
    await page.getByRole('button', { name: 'Add' }).click();
    await page.getByText(`${url} is added.`).waitFor();
    const known = page.getByRole('region', { name: 'Known, but not of this fleet' }).getByRole('listitem');
    await known.filter({ hasText: url }).getByText('added here; no node has answered there yet').waitFor();
    await page.getByRole('button', { name: `Remove ${url}` }).click();
    await page.getByText('No node was added here.').waitFor();
    await eventually('it is gone', async () => (await known.count()) === 0);
    expect((await a.api.peers()).some((peer) => peer.url === url)).toBe(false);
    await verdictChip(page, 'CONVERGED').waitFor();
    expectNoComplaint(opened);
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

    // Figures are told where the pointer is, and the switches are marked.
    const plot = page.getByRole('figure').filter({ hasText: 'Changes applied' });
    await page.getByText(/Dotted lines mark [1-9]/).waitFor();
    await page.getByRole('radio', { name: '5 min', exact: true }).check();
    const pointed = plot.locator('.pointed');
    expect(await pointed.textContent()).toBe('');
    await plot.locator('.u-over').hover();
    await eventually('figures are told', async () =>
      /UTC: all .*written here/.test((await pointed.textContent()) ?? ''),
    );
    expectNoComplaint(opened);
  });

  it('follows the log: filter, level, pause, and the fields of a line', async () => {
    const opened = await openDashboard(a, { view: 'log' });
    const { page } = opened;
    await signIn(page, a);
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
    await page.getByRole('button', { name: 'Resume' }).click();
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
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await giveToken(page, a.token);
    await page.getByRole('rowheader', { name: 'DIOTEC360_API_TOKEN' }).waitFor();
    expect(await page.content()).not.toContain(a.token);
    expectNoComplaint(opened);
  });

  // The last one: it takes a member from the fleet.
  it('removes a member once enough writers approve, asks before, takes an approval back, and drops its key', async () => {
    const opened = await openDashboard(a, { view: 'members' });
    const { page } = opened;
    await page.getByText('Nobody is invited.').or(page.getByText('Sign in with the API token')).first().waitFor();
    await signIn(page, a);
    const row = rowOf(page, 'node-c');
    await row.getByRole('button', { name: 'Retire' }).click();
    await row.getByText('A key that has left never returns.').waitFor();
    expect((await a.api.send('GET', '/api/v1/members/changes')).json()).toEqual({ items: [] });
    await page.keyboard.press('Tab');
    await row.getByRole('button', { name: 'Yes: retire' }).press('Enter');
    await page.getByText('1 of 2 approvals: node-a. Still missing: node-b, node-c.').waitFor();
    await page.getByRole('button', { name: 'Take the approval back' }).click();
    await page.getByText('No change waits for an approval.').waitFor();
    await page.getByText('1 change that came before').click();
    await page.getByText('withdrawn: everybody who approved it took that back').waitFor();
    await row.getByRole('button', { name: 'Remove' }).click();
    await row.getByText('For a key in the wrong hands').waitFor();
    await row.getByRole('button', { name: 'Cancel' }).click();
    await row.getByRole('button', { name: 'Remove' }).click();
    await row.getByRole('button', { name: 'Yes: remove' }).click();
    await page.getByRole('button', { name: 'Take the approval back' }).waitFor();
    // Nobody asks for the removal of the node itself.
    expect(await rowOf(page, 'node-a').getByRole('button').allTextContents()).toEqual(['Retire', 'Rotate its key']);

    const other = await openDashboard(b, { view: 'members' });
    await signIn(other.page, b);
    // One click decides nothing.
    await other.page.getByRole('button', { name: 'Approve', exact: true }).click();
    const question = other.page.getByRole('form', { name: 'Approve' });
    await question.getByText('This node then approves: node-c is removed').waitFor();
    expect(await question.getByRole('button', { name: 'Yes: approve' }).getAttribute('class')).toBe('danger');
    await question.getByRole('button', { name: 'Cancel' }).click();
    await other.page.getByRole('button', { name: 'Approve', exact: true }).click();
    await other.page.getByText('1 of 2 approvals: node-a.').waitFor();
    await question.getByRole('button', { name: 'Yes: approve' }).click();
    await page.getByText('Members of the roster of epoch 1').waitFor({ state: 'attached' });
    await row.getByText('removed').waitFor();
    await eventually('nothing but its going is left', async () => {
      const left = await row.getByRole('button').allTextContents();
      return left.length === 1 && left[0] === 'Drop';
    });
    const { members } = (await a.api.send('GET', '/api/v1/members')).json() as RosterView;
    const end = members.find(({ role }) => role === 'retired')?.until ?? Infinity;
    await eventually('the floor has passed its end', async () => {
      const floor = (await a.api.send('GET', '/api/v1/floor')).json() as FloorView;
      return (floor.at ?? 0) > end;
    });
    await row.getByRole('button', { name: 'Drop', exact: true }).click();
    await row.getByText('It leaves the roster for good').waitFor();
    await row.getByRole('button', { name: 'Yes: drop' }).click();
    await page.getByRole('button', { name: 'Take the approval back' }).waitFor();
    await other.page.getByRole('button', { name: 'Approve', exact: true }).click();
    await question.getByRole('button', { name: 'Yes: approve' }).click();
    await page.getByText('Members of the roster of epoch 2').waitFor({ state: 'attached' });
    await row.waitFor({ state: 'detached' });
    expectNoComplaint(opened);
    expectNoComplaint(other);
  });
});
