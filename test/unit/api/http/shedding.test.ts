import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { createDescriptors } from '../../../../src/adapters/system/index.ts';
import { startApi, until } from '../support.ts';

describe('connections while file descriptors run out', () => {
  it('are answered 503 with the reason and closed, until there is room again [A26]', async () => {
    let room = false;
    const { ask } = await startApi({ hasRoom: () => room });
    const answer = await ask('/livez');
    expect([answer.status, answer.json().code]).toEqual([503, 'no-descriptors']);
    expect(answer.headers).toMatchObject({ connection: 'close', 'retry-after': '5' });
    room = true;
    expect((await ask('/livez')).status).toBe(200);
  });

  it('are told at most 16 at a time; the others are closed at once [A26]', async () => {
    const { url } = await startApi({ hasRoom: () => false });
    let closed = 0;
    const sockets = Array.from({ length: 40 }, () => connect(Number(new URL(url).port), '127.0.0.1'));
    for (const socket of sockets) socket.on('error', () => undefined).on('close', () => closed++);
    await until(() => closed === 24);
    // Those that ask for nothing are closed too.
    await until(() => closed === 40);
  });
});

describe('file descriptors', () => {
  const at = (limit: number, open: number | Error) =>
    createDescriptors({
      limit,
      count() {
        if (open instanceof Error) throw open;
        return open;
      },
    });

  it('have room up to a reserve, and each connection counts before the next look [A26]', () => {
    expect([at(256, 191).hasRoom(), at(256, 192).hasRoom()]).toEqual([true, false]);
    expect([at(1024, 927).hasRoom(), at(1024, 928).hasRoom()]).toEqual([true, false]);
    const descriptors = at(256, 190);
    expect([descriptors.hasRoom(), descriptors.hasRoom(), descriptors.hasRoom()]).toEqual([true, true, false]);
    expect(descriptors.use()).toEqual({ limit: 256, open: 192 });
  });

  it('that cannot be counted for want of one are all in use; for another reason they bound nothing [A26]', () => {
    const none = at(256, Object.assign(new Error('too many open files'), { code: 'EMFILE' }));
    expect([none.hasRoom(), none.use()]).toEqual([false, { limit: 256, open: 256 }]);
    const unknown = at(256, Object.assign(new Error('no such directory'), { code: 'ENOENT' }));
    expect([unknown.hasRoom(), unknown.use()]).toEqual([true, undefined]);
  });

  it('of this process are told', () => {
    const use = createDescriptors().use();
    expect(use?.open).toBeGreaterThan(3);
    expect(use?.limit).toBeGreaterThan(use?.open ?? 0);
  });
});
