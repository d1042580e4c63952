import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Fleet, type Node, startFleet } from '../support/fleet.ts';
import { eventually } from '../support/wait.ts';
import { expectNoComplaint, giveToken, openDashboard } from './browser.ts';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe('the vault in the dashboard', () => {
  let fleet: Fleet;
  let a: Node;
  let b: Node;
  beforeAll(async () => {
    fleet = await startFleet({ nodes: 2 });
    [a, b] = fleet.nodes as [Node, Node];
    await fleet.settled();
  });

  const content = randomBytes(1_500_000);
  const hash = sha256(content);

  it('puts files in, shows them, gives them back and verifies them in the browser [A32, A33]', async () => {
    const opened = await openDashboard(a, { view: 'vault' });
    const { page } = opened;
    await page.getByText('The vault is empty.').waitFor();
    await page
      .getByLabel('Choose files, or drop them here')
      .setInputFiles([{ name: 'photo ä.bin', mimeType: 'application/x-photo', buffer: content }]);
    await giveToken(page, a.token);
    const uploads = page.getByRole('list', { name: 'Uploads' });
    await uploads.getByText('put', { exact: true }).waitFor();
    await uploads.getByRole('link', { name: 'Show it' }).click();
    const object = page.getByRole('region', { name: 'photo ä.bin' });
    await object.getByText(hash, { exact: true }).waitFor();
    await object.getByText('application/x-photo').waitFor();
    await page.getByRole('row').filter({ hasText: 'photo ä.bin' }).getByText('1.4 MiB').waitFor();

    const downloading = page.waitForEvent('download');
    await object.getByRole('link', { name: 'Download' }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe('photo ä.bin');
    expect(sha256(readFileSync((await download.path()) ?? ''))).toBe(hash);

    await object.getByRole('button', { name: 'Read and verify' }).click();
    await object.getByText('Content verified').waitFor();
    for (const text of [
      'is the hash of the object',
      'as many bytes as the proven entry',
      'block tree leads to the root',
    ])
      await object.getByText(text).waitFor();
    expectNoComplaint(opened);
  });

  it('shows on another node what it has, and that changed content does not hold [A33, U10]', async () => {
    const changed = Buffer.from(content);
    changed[1_000_000] = (changed[1_000_000] ?? 0) ^ 1;
    const opened = await openDashboard(b, {
      view: `vault?hash=${hash}`,
      // Something between the browser and the node changes one byte.
      before: async (page) => {
        await page.route(`**/api/v1/vault/${hash}`, (route) =>
          route.fulfill({ body: changed, headers: { 'content-length': String(changed.length) } }),
        );
      },
    });
    const { page } = opened;
    const object = page.getByRole('region', { name: 'photo ä.bin' });
    await object.getByText('here', { exact: true }).waitFor();
    await object.getByRole('listitem').filter({ hasText: a.name }).getByText('has it', { exact: true }).waitFor();
    await object.getByRole('button', { name: 'Read and verify' }).click();
    await object.getByText('Content does not hold').waitFor();
    await object.getByText(`the bytes that came have the SHA-256 ${sha256(changed)}`).waitFor();
  });

  it('takes what is dropped, stops an upload, pins and removes, all by the keyboard too [A34]', async () => {
    const opened = await openDashboard(b, { view: 'vault', width: 390, height: 800 });
    const { page } = opened;
    await page.getByRole('banner').getByRole('button', { name: 'Sign in' }).click();
    await giveToken(page, b.token);
    const data = await page.evaluateHandle(
      "(() => { const data = new DataTransfer(); data.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' })); return data; })()",
    );
    await page.locator('.drop').dispatchEvent('drop', { dataTransfer: data });
    const uploads = page.getByRole('list', { name: 'Uploads' });
    await uploads.getByText('put', { exact: true }).waitFor();

    // An upload that stands still is stopped, and the node keeps nothing of it.
    await page.route('**/api/v1/vault?*', () => undefined);
    await page
      .getByLabel('Choose files, or drop them here')
      .setInputFiles([{ name: 'slow.bin', mimeType: '', buffer: Buffer.from('slow') }]);
    await page.getByRole('button', { name: 'Stop the upload of slow.bin' }).press('Enter');
    await uploads.getByText('It was stopped; nothing of it was kept.').waitFor();
    await page.unroute('**/api/v1/vault?*');

    await uploads.getByRole('link', { name: 'Show it' }).press('Enter');
    const object = page.getByRole('region', { name: 'dropped.txt' });
    await object.getByRole('button', { name: 'Pin', exact: true }).press('Enter');
    await object.getByText('yes: every node that keeps pinned objects has it').waitFor();
    await object.getByRole('button', { name: 'Unpin' }).press('Enter');
    await object.getByRole('button', { name: 'Remove', exact: true }).press('Enter');
    await object.getByRole('button', { name: 'Remove it from all nodes' }).press('Enter');
    await eventually(
      'the row is gone',
      async () => (await page.getByRole('row').filter({ hasText: 'dropped.txt' }).count()) === 0,
    );
    expectNoComplaint(opened);
  });
});
