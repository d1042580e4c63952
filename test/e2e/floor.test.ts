import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { laterFleet, setAside } from '../support/set-aside.ts';
import { eventually } from '../support/wait.ts';
import { violations, widerThanScreen } from './axe.ts';
import { expectNoComplaint, giveToken, openDashboard, rowOf, verdictChip } from './browser.ts';

const card = (page: Page, title: string) =>
  page.locator('section.card').filter({ has: page.getByRole('heading', { level: 2, name: title, exact: true }) });
const floorOf = (page: Page) => card(page, 'The floor: what all writers agree on');
const asideOf = (page: Page) => card(page, 'Set aside');

/** axe finds nothing, wide and at the width of a phone, where nothing is wider than that. */
async function isForEverybody(page: Page): Promise<void> {
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 390, height: 844 });
  expect(await widerThanScreen(page)).toBe(0);
  expect(await violations(page)).toEqual([]);
  await page.setViewportSize({ width: 1280, height: 900 });
}

describe('the floor in the dashboard', () => {
  let fleet: Fleet;
  let a: Node;
  let b: Node;
  beforeAll(async () => {
    fleet = await startFleet();
    [a, b] = fleet.nodes as [Node, Node];
    await a.api.put('greeting', 'hello');
    await fleet.settled();
  });

  it('says that nobody holds it, and then who does, why, since when and what to do', async () => {
    const opened = await openDashboard(a, { view: 'members' });
    const { page } = opened;
    const floor = floorOf(page);
    await floor.getByText('Nobody holds it back').waitFor();
    await floor.getByText(/^nothing yet: /).waitFor({ state: 'detached' });
    // With the first complete cut the state is closed and collected up to a day before it, on the hour.
    await floor.getByText(/^20\d\d-\d\d-\d\d \d\d:00:00 UTC: nothing older comes in any more$/).waitFor();
    await floor.getByText('none has left yet').waitFor({ state: 'detached' });
    await asideOf(page).getByText('Nothing is set aside: every write that came here is in the state.').waitFor();
    b.freeze();
    try {
      await floor.getByText('1 writer holds it back.').waitFor();
      const row = floor.getByRole('row').filter({ has: page.getByRole('rowheader', { name: 'node-b' }) });
      await row.getByText(/^It was last heard at /).waitFor();
      await row.getByText(/lattice members retire node-b/).waitFor();
      await rowOf(page, 'node-b').getByText('Not heard', { exact: true }).waitFor();
      await isForEverybody(page);
    } finally {
      b.thaw();
    }
    await floor.getByText('Nobody holds it back').waitFor();
    expectNoComplaint(opened);
  });

  it('says of whom it waits, that it has just started, that it cannot be read, or that this node does not tell it', async () => {
    const waitsFor = [{ label: 'node-c', text: 'it was not heard yet by this node', next: 'start node-c' }];
    const told = async (change: object, collection: object) => {
      const floor = (await a.api.send('GET', '/api/v1/floor')).json() as { collection: object };
      return { ...floor, ...change, collection: { ...floor.collection, ...collection } };
    };
    const { page } = await openDashboard(a, {
      view: 'members',
      before: async (p) => {
        await p.route('**/api/v1/floor', async (route) =>
          route.fulfill({ json: await told({ held: true, holders: [] }, { waitsFor, collecting: true }) }),
        );
      },
    });
    const floor = floorOf(page);
    await floor.getByText('It is not known yet who holds it back.').waitFor();
    await floor.getByText('node-c: It was not heard yet by this node.').waitFor();
    await floor.getByText('Next: Start node-c.').waitFor();
    await floor.getByText('more are leaving now').waitFor();
    await isForEverybody(page);

    await page.unroute('**/api/v1/floor');
    const broken = { status: 503, json: { code: 'store-closed', detail: 'the store is closed', next: 'restart it' } };
    await page.route('**/api/v1/floor', (route) => route.fulfill(broken));
    await page.route('**/api/v1/floor/aside?*', (route) => route.fulfill(broken));
    for (const part of [floor, asideOf(page)]) await part.getByRole('alert').getByText('Next: restart it').waitFor();
    // What was read before stays beside the failure.
    await floor.getByText('node-c: It was not heard yet by this node.').waitFor();
    await isForEverybody(page);
    await page.unroute('**/api/v1/floor');
    await floor.getByRole('button', { name: 'Try again' }).click();
    await floor.getByText('Nobody holds it back').waitFor();

    const absent = { status: 404, json: { code: 'no-route', detail: 'there is nothing under this path' } };
    await page.route('**/api/v1/floor', (route) => route.fulfill(absent));
    await page.reload();
    await floor.getByText('Not available on this node: its version does not tell the floor.').waitFor();
  });

  it('says of a write what it waited for: another writer, all of them, and what has not come [RC1]', async () => {
    const opened = await openDashboard(a, { view: 'state?key=greeting' });
    const { page } = opened;
    const save = async (value: string, wait: string): Promise<void> => {
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('New value, as JSON').fill(value);
      await page.getByLabel('Done once').selectOption(wait);
      await page.getByRole('button', { name: 'Save' }).click();
    };
    const entry = page.getByRole('region', { name: 'greeting' });
    await save('"with another"', 'another');
    await giveToken(page, a.token);
    await entry.getByText('It is written, and signed elsewhere.').waitFor();
    await entry.getByText(/^On the disk of node-[bc]( too|, )/).waitFor();
    await isForEverybody(page);
    await save('"with all"', 'complete');
    await entry.getByText(/^All writers signed the state of .* which holds it: it is final\.$/).waitFor();

    for (const node of fleet.nodes.slice(1)) node.freeze();
    try {
      await save('"alone"', 'another');
      await entry.getByText('It is written and stands. What it was to wait for has not come.').waitFor();
      await entry.getByText(/^Nothing within .* from node-[bc], node-[bc]\./).waitFor();
    } finally {
      for (const node of fleet.nodes.slice(1)) node.thaw();
    }
    expect(await a.api.get('greeting')).toMatchObject({ value: 'alone' });
    await fleet.settled();
    expectNoComplaint(opened);
  });
});

describe('what was set aside, in the dashboard', () => {
  it('stands beside CONVERGED, is listed, written anew or forgotten, by the keyboard too, and then is no more [FL8, J6]', async () => {
    const later = laterFleet();
    const fleet = await startFleet({ surroundings: later.surroundings });
    await setAside(fleet, later, ['first', 'second', 'third', 'fourth']);
    const c = fleet.nodes[2] as Node;
    await fleet.status(2, 'it is CONVERGED', ({ verdict }) => verdict.kind === 'CONVERGED');

    const opened = await openDashboard(c);
    const { page } = opened;
    await verdictChip(page, 'CONVERGED').waitFor();
    await page
      .getByRole('banner')
      .getByRole('link', { name: /\d warnings?/ })
      .waitFor();
    await page.getByText('4 operations were taken out of the state').waitFor();
    await page.getByRole('navigation', { name: 'Views' }).getByText('4 open').waitFor();
    await page.getByRole('link', { name: 'Decide about them' }).click();
    await page.getByRole('heading', { level: 1, name: 'Members' }).waitFor();
    await floorOf(page).getByText('4 set aside').waitFor();
    const aside = asideOf(page);
    const items = aside.getByRole('list', { name: 'What was set aside' }).getByRole('listitem');
    const item = (key: string) => items.filter({ has: page.getByRole('link', { name: key, exact: true }) });
    await expect.poll(() => items.count()).toBe(4);
    await item('first').getByText('"first"').waitFor();
    await item('first').getByText('the key has no value').waitFor();
    await item('first')
      .getByText(/by node-a/)
      .waitFor();
    await item('first').getByRole('button', { name: 'Write anew: first' }).click();
    await item('first').getByText('This node writes it anew').waitFor();
    await isForEverybody(page);

    // By the keyboard, and nothing is done before the question is answered.
    await item('first').getByRole('button', { name: 'Cancel' }).press('Enter');
    await item('first').getByRole('button', { name: 'Write anew: first' }).press('Enter');
    expect(await c.api.get('first')).toBeUndefined();
    await item('first').getByRole('button', { name: 'Yes: write anew' }).press('Enter');
    await giveToken(page, c.token);
    await aside.getByText('1 key written anew.').waitFor();
    expect(await c.api.get('first')).toMatchObject({ value: 'first', author: c.author });

    // What was written later is left as it is, unless somebody wants it otherwise.
    await c.api.put('second', 'later');
    await item('second').getByText('the key was written later').waitFor();
    await item('third').getByRole('button', { name: 'Forget: third' }).click();
    await item('third').getByRole('button', { name: 'Yes: forget' }).click();
    await aside.getByText('1 operation forgotten.').waitFor();
    await aside.getByRole('button', { name: 'Write anew: all keys' }).click();
    await aside.getByRole('button', { name: 'Yes: write anew' }).click();
    await aside.getByText('1 key written anew; 1 key left as it is, because it was written later.').waitFor();
    await item('second').getByRole('button', { name: 'Write over the present value: second' }).click();
    await item('second').getByRole('button', { name: 'Yes: write over the present value' }).click();
    await aside.getByText('Nothing is set aside').waitFor();
    expect(await c.api.get('second')).toMatchObject({ value: 'second' });
    expect(await c.api.get('third')).toBeUndefined();
    const { entries } = await fleet.settled();
    expect(entries.map(({ key }) => key)).toEqual(['first', 'fourth', 'kept', 'second']);
    await eventually(
      'nothing is left to decide',
      async () => !(await c.api.status()).warnings.some(({ code }) => code === 'set-aside'),
    );
    await page.getByRole('navigation', { name: 'Views' }).getByText('4 open').waitFor({ state: 'detached' });
    expectNoComplaint(opened);
  });
});
