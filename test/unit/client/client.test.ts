import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CONTRACT } from '../../../src/api/contract/index.ts';
import {
  createClient,
  type FollowOptions,
  type LatticeClient,
  type LatticeEvent,
  LatticeProblem,
  type RemoteChange,
} from '../../../src/client/index.ts';
import { type LiveNode, startLiveNode } from '../api/live-node.ts';
import { TOKEN, until } from '../api/support.ts';

let node: LiveNode;
let client: LatticeClient;
beforeAll(async () => {
  node = await startLiveNode();
  client = createClient({ url: `${node.url}/`, token: TOKEN });
});
afterAll(() => node.end());

/** A TCP relay in front of a port whose connections can be cut. */
async function relay(port: number): Promise<{ url: string; cut(): void; close(): void }> {
  const sockets = new Set<Socket>();
  const { createServer: createTcp } = await import('node:net');
  const server = createTcp((inbound) => {
    const outbound = connect(port, '127.0.0.1');
    for (const socket of [inbound, outbound]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => sockets.delete(socket));
    }
    inbound.pipe(outbound).pipe(inbound);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close() {
      server.close();
      cut();
    },
  };
}

describe('the typed client', () => {
  it('has a method for each v1 route, by its name in the document [A14]', () => {
    const others = new Set(['eventsOverWebSocket', 'getDocs', 'getDocsStyle', 'getDashboard', 'getDashboardFile']);
    const routes = CONTRACT.filter(
      (r) => !['original', 'sync protocol'].includes(r.tag) && !others.has(r.id) && !/By(?:Query|Hash)$/.test(r.id),
    );
    // The routes of the vault are the methods of `client.vault`, and those of the members likewise.
    const within = (part: 'vault' | 'members'): string[] =>
      Object.keys(client[part]).map((name) => `${part}${name[0]?.toUpperCase() ?? ''}${name.slice(1)}`);
    const methods = new Set([...Object.keys(client), ...within('vault'), ...within('members')]);
    expect(routes.map((r) => r.id).filter((id) => !methods.has(id))).toEqual([]);
  });

  it('reads, writes, lists and deletes; absence is undefined, also of keys that paths cannot carry', async () => {
    for (const key of ['client/a', '..', 'a/../b', 'ключ ?&#%']) {
      expect(await client.getEntry(key)).toBeUndefined();
      const written = await client.putEntry(key, { n: 1, nothing: null });
      expect(await client.getEntry(key)).toEqual(written);
      await client.deleteEntry(key, { ifMatch: written.version });
      expect(await client.getEntry(key)).toBeUndefined();
    }
    await client.commit(['p/1', 'p/2', 'p/3'].map((key) => ({ op: 'put', key, value: key })));
    const page = await client.listEntries({ prefix: 'p/', limit: 2 });
    expect([page.entries.map((e) => e.key), page.cursor !== undefined]).toEqual([['p/1', 'p/2'], true]);
    const keys: string[] = [];
    for await (const { key } of client.entries({ prefix: 'p/' })) keys.push(key);
    expect(keys).toEqual(['p/1', 'p/2', 'p/3']);
  });

  it('throws what the node says as a typed problem', async () => {
    await client.putEntry('held', 1);
    const error = await client.putEntry('held', 2, { ifNoneMatch: '*' }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(LatticeProblem);
    expect(error).toMatchObject({ status: 412, code: 'precondition-failed', problem: { status: 412 } });
    const bad = createClient({ url: node.url, token: 'wrong' });
    await expect(bad.getConfig()).rejects.toMatchObject({ status: 401, code: 'unauthorized' });
    await expect(client.listEntries({ limit: 0 })).rejects.toMatchObject({
      code: 'invalid-query',
      problem: { errors: [{ pointer: '#/limit' }] },
    });
  });

  it('asks for status, health, peers, proofs, cuts, figures, logs and configuration', async () => {
    await client.putEntry('proven', 1);
    expect((await client.getStatus()).root).toBe((await client.getHealth()).root);
    expect((await client.getProof('proven')).kind).toBe('present');
    expect(await client.isAlive()).toBe(true);
    expect((await client.isReady()).status).toBe('ready');
    expect(await client.listPeers()).toEqual([]);
    expect((await client.listConflicts()).conflicts).toEqual([]);
    expect((await client.listCuts()).items).toBeInstanceOf(Array);
    expect(await client.getCertificate({ at: 0 })).toBeUndefined();
    expect((await client.getResources()).memory['rss']).toBeGreaterThan(0);
    expect((await client.getSeries()).stepMs).toBe(5000);
    expect(await client.getMetrics()).toContain('# TYPE');
    expect((await client.getLogs({ limit: 5 })).items.length).toBeGreaterThan(0);
    expect((await client.getConfig()).find((i) => i.name === 'DIOTEC360_API_TOKEN')?.value).toBe('set');
    expect((await client.setMode('http', { reason: 'a test' })).mode).toBe('http');
    expect((await client.getStatus()).transitions.at(-1)).toMatchObject({
      cause: expect.stringContaining('a test') as string,
      code: 'operator',
    });
    expect((await client.setMode('auto')).changed).toBe(true);
    expect((await client.syncNow()).peers).toEqual([]);
    await expect(client.getDifferences('12D3KooWnobody')).rejects.toBeInstanceOf(LatticeProblem);
    expect((await client.getOpenApi())['openapi']).toBe('3.1.0');
    for await (const event of client.logs({ level: 'info' })) {
      expect(event.type).toBe('line');
      break;
    }
  });

  it('changes the level of the log of the running node, for every component at once [A30]', async () => {
    const debugLines = async (): Promise<number> =>
      (await client.getLogs({ level: 'debug', limit: 1000 })).items.filter(({ level }) => level === 'debug').length;
    expect([await client.getLogLevel(), await debugLines()]).toEqual(['info', 0]);
    expect([await client.setLogLevel('debug'), await client.setLogLevel('debug')]).toEqual([true, false]);
    expect(await client.getLogLevel()).toBe('debug');
    await client.getStatus();
    expect(await debugLines()).toBeGreaterThan(0);
    const { items } = await client.getLogs({ level: 'warn' });
    expect(items).toContainEqual(expect.objectContaining({ component: 'api', from: 'info', to: 'debug' }));
    expect(await client.setLogLevel('info')).toBe(true);
    const before = await debugLines();
    await client.getStatus();
    expect(await debugLines()).toBe(before);
    for (const body of [{}, { level: 'silly' }, { level: 'info', more: 1 }])
      await expect(client.request('/api/v1/logs/level', { method: 'POST', json: body })).rejects.toMatchObject({
        status: 400,
      });
    await expect(createClient({ url: node.url }).getLogLevel()).rejects.toMatchObject({ status: 401 });
  });

  it('follows events across a cut connection without a gap or a repetition [A8]', async () => {
    const proxy = await relay(Number(new URL(node.url).port));
    const stop = new AbortController();
    const seen: LatticeEvent[] = [];
    let lost = 0;
    const onLost = (): void => {
      lost++;
    };
    const follower = createClient({ url: proxy.url }).events({ signal: stop.signal, onLost });
    const done = (async () => {
      for await (const event of follower) seen.push(event);
    })();
    const keysSeen = (): string[] => seen.flatMap((e) => (e.type === 'change' ? [e.key] : []));
    await until(() => {
      void client.putEntry('live', seen.length);
      return seen.length > 0;
    });
    const before = keysSeen().length;
    proxy.cut();
    await until(() => lost === 1);
    const keys = Array.from({ length: 5 }, (_, i) => `gapless/${i}`);
    for (const key of keys) await client.putEntry(key, 1);
    await until(() => keysSeen().includes('gapless/4'));
    expect(
      keysSeen()
        .slice(before)
        .filter((key) => key.startsWith('gapless/')),
    ).toEqual(keys);
    expect(seen.some((e) => e.type === 'reset')).toBe(false);
    stop.abort();
    await done;
    proxy.close();
  });

  it('follows changes by prefix, with a cursor to go on from, and tells when that is lost [A8]', async () => {
    await using changes = client.changes({ prefix: 'watched/' });
    let value: RemoteChange | undefined;
    void changes.next().then((first) => (value = first.value));
    // The stream begins when it is open, so writes go on until it tells of one.
    let n = 0;
    await until(() => {
      void client.putEntry(`watched/${n++}`, n);
      void client.putEntry('other', n);
      return value !== undefined;
    });
    expect(value).toMatchObject({ key: expect.stringMatching(/^watched\//), deleted: false });
    await changes.return();
    const { cursor } = changes;
    await client.putEntry('watched/after', 1);
    await client.deleteEntry('watched/after');
    const seen: string[] = [];
    for await (const { key, deleted } of client.changes({ prefix: 'watched/after', after: cursor }))
      if (seen.push(`${key} ${deleted}`) === 2) break;
    expect(seen).toEqual(['watched/after false', 'watched/after true']);

    const lost = client.changes({ after: '00.1' }).next();
    await expect(lost).rejects.toMatchObject({ code: 'cursor-lost', details: { cursor: expect.any(String) } });
  });

  it('frees a stream at once by return, await using and its signal, also while a next waits', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(':\n\n');
    });
    let open = 0;
    server.on('connection', (socket) => {
      open++;
      socket.once('close', () => open--);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const quiet = createClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const end = { done: true, value: undefined };
    for (const make of [
      quiet.events,
      quiet.logs,
      quiet.changes,
      (options?: FollowOptions) => quiet.follow('/x', options),
    ]) {
      let waiting: Promise<unknown>;
      {
        await using stream = make();
        waiting = stream.next();
        await until(() => open === 1);
      }
      expect(await waiting).toEqual(end);
      await until(() => open === 0);

      const stop = new AbortController();
      const stream = make({ signal: stop.signal });
      waiting = stream.next();
      await until(() => open === 1);
      stop.abort();
      expect(await waiting).toEqual(end);
      await until(() => open === 0);
    }
    server.close();
  });

  it('ends a stream with an error that another try will not mend, and when its reader leaves', async () => {
    const first = createClient({ url: node.url }).logs().next();
    await expect(first).rejects.toMatchObject({ status: 401 });
  });

  it('reads events in whatever pieces they come', async () => {
    const text =
      ':\r\nid: 1\nevent: change\ndata: {"type":"change",\ndata: "key":"é"}\n\n: beat\n\ndata: {"type":"batch"}\r\n\r\n';
    const bytes = Buffer.from(text);
    const server: Server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      let at = 0;
      const next = (): void => {
        if (at < bytes.length) response.write(bytes.subarray(at, ++at), () => setImmediate(next));
      };
      next();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const events: unknown[] = [];
    for await (const event of createClient({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    }).events()) {
      events.push(event);
      if (events.length === 2) break;
    }
    expect(events).toEqual([{ type: 'change', key: 'é' }, { type: 'batch' }]);
    server.closeAllConnections();
    server.close();
  });
});
