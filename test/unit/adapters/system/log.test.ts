import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createLog, type LogOptions } from '../../../../src/adapters/system/log.ts';
import { createLeastLevel } from '../../../../src/adapters/system/log-level.ts';
import { LatticeError } from '../../../../src/core/types/index.ts';

function collected(options: Partial<LogOptions> = {}) {
  const written: string[] = [];
  const log = createLog({
    level: 'info',
    format: 'json',
    destination: { write: (line) => void written.push(line) },
    ...options,
  });
  return { log, written, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

test('a line is one JSON object: time, level name, component, fields, message', () => {
  const { log, written, lines } = collected();
  log.child('sync').info({ peer: 'abc', bytes: 12 }, 'repaired');
  expect(written[0]).toMatch(/^\{.*\}\n$/);
  const { time, ...rest } = lines()[0] ?? {};
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  expect(rest).toEqual({ level: 'info', component: 'sync', peer: 'abc', bytes: 12, msg: 'repaired' });
});

test('the level is a threshold, for children too', () => {
  const { log, lines } = collected({ level: 'warn' });
  for (const logger of [log, log.child('x')]) {
    logger.debug({}, 'debug');
    logger.info({}, 'info');
    logger.warn({}, 'warn');
    logger.error({}, 'error');
  }
  expect(lines().map(({ level, msg }) => [level, msg])).toEqual([
    ['warn', 'warn'],
    ['error', 'error'],
    ['warn', 'warn'],
    ['error', 'error'],
  ]);
});

test('the level can be changed while the log is used, for children that were made before too', () => {
  const level = createLeastLevel('warn');
  const { log, lines } = collected({ level });
  const child = log.child('early');
  for (const least of ['warn', 'debug', 'error'] as const) {
    level.set(least);
    expect(level.get()).toBe(least);
    for (const logger of [log, child]) {
      logger.debug({}, `debug at ${least}`);
      logger.error({}, `error at ${least}`);
    }
  }
  const twice = (text: string): readonly string[] => [text, text];
  expect(lines().map(({ msg }) => msg)).toEqual([
    ...twice('error at warn'),
    ...[0, 1].flatMap(() => ['debug at debug', 'error at debug']),
    ...twice('error at error'),
  ]);
});

test('a child’s child carries its own component, once', () => {
  const { log, written } = collected();
  log.child('api').child('sync').info({}, 'x');
  expect(written[0]?.match(/"component":"\w+"/g)).toEqual(['"component":"sync"']);
});

test('an error under err tells type, message with causes, stack, code and details', () => {
  const { log, lines } = collected();
  const err = new LatticeError('store-locked', 'open elsewhere', {
    details: { directory: 'd' },
    cause: new Error('EAGAIN'),
  });
  log.error({ err }, 'failed');
  expect(lines()[0]).toMatchObject({
    err: { type: 'LatticeError', message: 'open elsewhere: EAGAIN', code: 'store-locked', details: { directory: 'd' } },
  });
  expect(JSON.stringify(lines()[0])).toContain('log.test.ts');
});

test('something thrown that is no error is logged as it is', () => {
  const { log, lines } = collected();
  log.error({ err: 'text' }, 'failed');
  log.error({ err: undefined }, 'failed');
  expect(lines()[0]).toMatchObject({ err: 'text' });
  expect(lines()[1]).not.toHaveProperty('err');
});

test('secrets never reach a line: by name, in any case, at any depth, inside errors and arrays', () => {
  const { log, written } = collected();
  const secret = 'hunter2';
  const err = Object.assign(new Error('x'), {
    details: { privateKey: secret, headers: [{ authorization: secret }] },
    token: secret,
  });
  const deep = { a: { b: { c: { d: { e: { f: { g: { seed: secret } } } } } } } };
  for (const fields of [
    { token: secret },
    { seed: secret },
    { privateKey: new TextEncoder().encode(secret) },
    { headers: { Authorization: secret } },
    { list: [{ apiToken: secret }] },
    { err },
    { deep },
    { token: { value: secret } },
  ]) {
    log.error(fields, 'x');
  }
  expect(written).toHaveLength(8);
  expect(written.join('')).not.toContain(secret);
  expect(written.slice(0, 5).every((line) => line.includes('[redacted]'))).toBe(true);
});

test('logging changes nothing of what it is given', () => {
  const { log } = collected();
  const fields = { token: 'x', inner: { seed: 'y' } };
  log.info(fields, 'x');
  expect(fields).toEqual({ token: 'x', inner: { seed: 'y' } });
});

test('fields that point at themselves, bigints and bytes are no obstacle', () => {
  const { log, lines } = collected();
  const fields: Record<string, unknown> = { hlc: 5n, bytes: Uint8Array.of(1) };
  fields['self'] = fields;
  log.info(fields, 'x');
  expect(lines()[0]).toMatchObject({ hlc: 5, msg: 'x' });
});

test('pretty is text with the level, the component and the message', () => {
  const { log, written } = collected({ format: 'pretty' });
  log.child('p2p').warn({ peer: 'abc', token: 'hunter2' }, 'slow');
  const text = written.join('');
  for (const part of ['WARN', 'p2p', 'slow', 'abc']) expect(text).toContain(part);
  expect(text).not.toContain('hunter2');
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
});

test('pretty names commands as the user would type them, in the sentences of the program alone', () => {
  const hint = (text: string): string => text.replaceAll('lattice ', 'npx lattice ');
  const { log, written } = collected({ format: 'pretty', hint });
  log.warn({ reason: `${'x'.repeat(80)}: see lattice floor`, key: 'lattice floor' }, 'see lattice members');
  expect(written[0]).toContain('see npx lattice members');
  expect(written[0]).toContain('x: see npx lattice floor"');
  expect(written[0]).toContain('key="lattice floor"');
  log.warn({ err: new LatticeError('stale', 'too old: run lattice up') }, 'c');
  expect(written[1]).toContain('run npx lattice up');
});

test('pretty shows a moment as a local time, with the date where that is another day, and durations as they are', () => {
  const { log, written } = collected({ format: 'pretty' });
  const now = new Date();
  log.info({ until: now.getTime(), waitedMs: 1_700_000_000_000, start: 0 }, 'a');
  expect(written[0]).toContain(`until=${now.toTimeString().slice(0, 8)} waitedMs=1700000000000 start=0`);
  log.info({ at: new Date(2024, 1, 29, 23, 59, 58).getTime() }, 'b');
  expect(written[1]).toContain('at="2024-02-29 23:59:58"');
});

test('JSON keeps the commands as they are, because programs read it', () => {
  const { log, written } = collected({ format: 'json', hint: () => 'other' });
  log.warn({ reason: 'see lattice floor' }, 'm');
  expect(JSON.parse(written[0] ?? '')).toMatchObject({ msg: 'm', reason: 'see lattice floor' });
});

test('pretty is one line for each event, with few fields, keys shortened, and nothing that a terminal obeys', () => {
  const { log, written } = collected({ format: 'pretty' });
  const fields = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}`, i]));
  log.info({ root: 'ab'.repeat(32), peer: `12D3KooW${'x'.repeat(36)}12345678`, list: [1, 2, 3, 4, 5], ...fields }, 'a');
  log.warn({ told: 'two\nlines \u001b[2J', long: 'x'.repeat(500) }, 'b');
  log.warn({ err: new LatticeError('stale', 'too old') }, 'c');
  expect(written.join('').split('\n')).toHaveLength(4);
  expect(written[0]).toMatch(
    /^\d\d:\d\d:\d\d INFO {3,}a {2}root=abababab… peer=…12345678 list=1,2,3,… \(5\) f0=0 f1=1 f2=2 \(6 more\)\n$/,
  );
  expect(written[1]).toContain(String.raw`told="two\nlines \u001b[2J"`);
  expect(written[2]).toContain('code=stale error="too old"');
  for (const line of written) expect(line.length).toBeLessThan(200);
  log.error({ err: new Error('broken') }, 'd');
  expect(written[3]).toMatch(/error=broken\n {4}Error: broken\n {4}at /);
});

const hooks = fileURLToPath(new URL('../../../support/ts-loader.mjs', import.meta.url));
const source = (body: string): string[] => [
  '--import',
  hooks,
  '--input-type=module',
  '-e',
  `import { createLog } from '${new URL('../../../../src/adapters/system/log.ts', import.meta.url).href}';
const log = createLog({ level: 'info', format: 'json' });
${body}`,
];

test('standard output: the last line is out when the process exits right after it', () => {
  const { status, stdout } = spawnSync(
    process.execPath,
    source(`log.error({ n: 1 }, 'last words'); process.exit(74);`),
    {
      encoding: 'utf8',
      timeout: 120_000,
    },
  );
  expect(status).toBe(74);
  expect(JSON.parse(stdout)).toMatchObject({ level: 'error', n: 1, msg: 'last words' });
});

test('standard output that is closed or full costs lines, not the process', async () => {
  const body = `for (let i = 0; i < 100; i++) log.info({ i }, 'x'); setTimeout(() => { log.info({}, 'y'); process.exit(3); }, 50);`;
  const child = spawn(process.execPath, source(body), { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  expect(await once(child, 'exit')).toEqual([3, null]);

  const full = spawnSync('bash', ['-c', 'exec "$0" "$@" > /dev/full', process.execPath, ...source(body)], {
    timeout: 120_000,
  });
  expect(full.status).toBe(3);
});
