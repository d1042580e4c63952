import { describe, expect, it } from 'vitest';
import { createClient } from '../../../../../src/client/index.ts';
import type { AuditRecord } from '../../../../../src/core/original/audit.ts';
import { startLattice } from '../../live-lattice.ts';
import { type Answer, ask, auth, startApi, TOKEN } from '../../support.ts';

const PATH = '/api/v1/audit/records';
const row = { tx_id: 't', intent_name: 'transfer', status: 'PROVED', timestamp: 1.5 };
const execution = (id: string, more: AuditRecord['row'] = {}): AuditRecord => ({
  kind: 'execution',
  id,
  row: { ...row, ...more },
});

function add(url: string, body: unknown, headers: Record<string, string> = auth): Promise<Answer> {
  return ask(url, PATH, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

describe('executions and attacks over the API', () => {
  it('are added with the token alone, and the same again are known [A9, Q1]', async () => {
    const { url } = await startApi();
    const records = [execution('a'), execution('b')];
    expect((await add(url, { records }, {})).status).toBe(401);
    expect((await add(url, { records })).json()).toEqual({ added: 2, known: 0 });
    expect((await add(url, { records })).json()).toEqual({ added: 0, known: 2 });
    const listed = (await ask(url, `${PATH}?kind=execution`)).json() as { records: AuditRecord[] };
    expect(listed.records.map(({ kind, id }) => `${kind} ${id}`)).toEqual(['execution b', 'execution a']);
  });

  it.each([
    [{ records: [] }, 400, 'invalid-body'],
    [{ records: [{ ...execution('a'), more: 1 }] }, 400, 'invalid-body'],
    [{ records: [{ ...execution('a'), id: 'a b' }] }, 400, 'invalid-body'],
    [{ records: Array.from({ length: 257 }, (_, i) => execution(`e${i}`)) }, 400, 'invalid-body'],
    [{ records: [execution('a', { status: 1 })] }, 400, 'invalid-record'],
    [{ records: [execution('known', { status: 'FAILED' })] }, 409, 'record-differs'],
  ])('%j is answered %i %s [Q1, Q2]', async (body, status, code) => {
    const lattice = await startLattice();
    await lattice.audit.add([execution('known')]);
    const { url } = await startApi({ lattice });
    const answer = await add(url, body);
    expect([answer.status, answer.json()['code']]).toEqual([status, code]);
    expect((await lattice.audit.stats()).executions.count).toBe(1);
  });

  it('come in pages of at most 1 MiB [A4, Q4]', async () => {
    const lattice = await startLattice();
    const text = 'x'.repeat(60_000);
    await lattice.audit.add(Array.from({ length: 30 }, (_, i) => execution(`e${i}`, { timestamp: i, result: text })));
    const { url } = await startApi({ lattice });
    const ids: string[] = [];
    let query = '?kind=execution&limit=1000';
    for (let pages = 0; pages < 4; pages++) {
      const answer = await ask(url, `${PATH}${query}`);
      expect(answer.text.length).toBeLessThan(1024 * 1024 + 1000);
      const page = answer.json() as { records: AuditRecord[]; cursor?: string };
      ids.push(...page.records.map(({ id }) => id));
      if (page.cursor === undefined) break;
      query = `?kind=execution&limit=1000&cursor=${encodeURIComponent(page.cursor)}`;
    }
    expect(ids).toEqual(Array.from({ length: 30 }, (_, i) => `e${29 - i}`));
    expect((await ask(url, PATH)).json()['code']).toBe('invalid-query');
    expect((await ask(url, `${PATH}?kind=attack&cursor=AAAA`)).json()['code']).toBe('invalid-cursor');
  });

  it('of any size and number are added by the client, in several requests [Q1]', async () => {
    const lattice = await startLattice();
    const { url } = await startApi({ lattice });
    const client = createClient({ url, token: TOKEN });
    const records = [
      ...Array.from({ length: 12 }, (_, i) => execution(`large-${i}`, { result: 'é'.repeat(32_000) })),
      ...Array.from({ length: 300 }, (_, i) => execution(`small-${i}`)),
    ];
    expect(await client.addAuditRecords([])).toEqual({ added: 0, known: 0 });
    expect(await client.addAuditRecords(records)).toEqual({ added: 312, known: 0 });
    expect(await client.addAuditRecords(records)).toEqual({ added: 0, known: 312 });
    const { records: page, cursor } = await client.listAuditRecords({ kind: 'execution', limit: 5 });
    expect([page.length, typeof cursor]).toEqual([5, 'string']);
  });
});
