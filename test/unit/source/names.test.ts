import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createNameResolver, type HostLookup } from '../../../src/source/names.ts';
import { clock, collector, never, until } from './rig.ts';

type Answers = Record<string, string | Error | Promise<never>>;

/** A resolver over a table of answers that a test may change. */
async function start(answers: Answers, times: { deadlineMs?: number; refreshMs?: number } = {}, file?: string) {
  const path = file ?? join(await mkdtemp(join(tmpdir(), 'portolan-names-')), 'state', 'names.json');
  const asked: string[] = [];
  const lookup: HostLookup = async (host) => {
    asked.push(host);
    const answer = await (answers[host] ?? new Error('ENOTFOUND'));
    if (answer instanceof Error) throw answer;
    return answer.split(' ').map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  const collected = collector();
  const names = await createNameResolver({ lookup, clock, file: path, emit: collected.emit, ...times });
  return { names, asked, path, ...collected };
}

function run(names: { run(signal: AbortSignal): Promise<void> }) {
  const stop = new AbortController();
  const done = names.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await done;
  });
}

test('A before AAAA, addresses as they are, and each name asked once', async () => {
  const { names, asked } = await start({ both: '::1 10.0.0.1', six: '2001:db8::1', odd: '0.0.0.0 10.0.0.3' });
  await names.resolve(['both', 'six', 'odd', '10.9.9.9'], never());
  await names.resolve(['both', 'six'], never());
  expect(['both', 'six', 'odd', '10.9.9.9', '[::2]', 'none'].map(names.address)).toEqual([
    '10.0.0.1',
    '2001:db8::1',
    '10.0.0.3',
    '10.9.9.9',
    '::2',
    undefined,
  ]);
  expect(asked.sort()).toEqual(['both', 'odd', 'six']);
});

test('a failure is told once, costs only its name, and does not make the next snapshot wait', async () => {
  const { names, asked, of } = await start({ good: '10.0.0.1', bad: new Error('SERVFAIL') });
  await names.resolve(['good', 'bad'], never());
  await names.resolve(['good', 'bad'], never());
  expect(names.address('good')).toBe('10.0.0.1');
  expect(names.address('bad')).toBeUndefined();
  expect(asked).toEqual(['good', 'bad']);
  expect(of('host-unresolvable')).toEqual([{ type: 'host-unresolvable', host: 'bad', reason: 'SERVFAIL' }]);
});

test('a resolver that hangs delays a snapshot by the deadline only; its late answer is told', async () => {
  let answer: (address: string) => void = () => undefined;
  const late = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const { names } = await start({ fast: '10.0.0.1', slow: late as Promise<never> }, { deadlineMs: 50 });
  let changes = 0;
  names.onChange(() => (changes += 1));
  await names.resolve(['slow', 'fast'], never());
  expect([names.address('fast'), names.address('slow'), changes]).toEqual(['10.0.0.1', undefined, 0]);
  answer('10.0.0.2');
  await until(() => changes === 1);
  expect(names.address('slow')).toBe('10.0.0.2');
});

test('a lookup that never ends counts as a failure', async () => {
  const { names, of } = await start({ hung: new Promise<never>(() => undefined) }, { deadlineMs: 20, refreshMs: 60 });
  await names.resolve(['hung'], never());
  await until(() => of('host-unresolvable').length === 1);
  expect(of('host-unresolvable')).toMatchObject([{ host: 'hung', reason: 'no answer' }]);
});

test('wanted names are asked again: a new answer replaces the old one, a failure does not', async () => {
  const answers: Answers = { agent: '10.0.0.1' };
  const { names, asked, of } = await start(answers, { refreshMs: 30 });
  let changes = 0;
  names.onChange(() => (changes += 1));
  await names.resolve(['agent'], never());
  run(names);
  await until(() => asked.length >= 3);
  expect(changes).toBe(0);
  answers['agent'] = '10.0.0.2';
  await until(() => changes === 1);
  answers['agent'] = new Error('SERVFAIL');
  await until(() => of('host-unresolvable').length === 1);
  const count = asked.length;
  await until(() => asked.length > count + 2);
  expect(names.address('agent')).toBe('10.0.0.2');
  expect(of('host-unresolvable')).toHaveLength(1);
});

test('the last known answers outlive the daemon', async () => {
  const first = await start({ agent: '10.0.0.1' });
  await first.names.resolve(['agent'], never());
  await untilFile(first.path, '10.0.0.1');
  expect((await stat(first.path)).mode & 0o777).toBe(0o640);
  const second = await start({ agent: new Error('DNS is down') }, {}, first.path);
  await second.names.resolve(['agent'], never());
  expect(second.names.address('agent')).toBe('10.0.0.1');
  expect(second.asked).toEqual([]);
});

test('a name known from an earlier life is asked for again by the timer', async () => {
  const first = await start({ agent: '10.0.0.1' });
  await first.names.resolve(['agent'], never());
  await untilFile(first.path, '10.0.0.1');
  const second = await start({ agent: '10.0.0.7' }, { refreshMs: 30 }, first.path);
  await second.names.resolve(['agent'], never());
  run(second.names);
  await until(() => second.names.address('agent') === '10.0.0.7');
  await untilFile(first.path, '10.0.0.7');
});

test('a file of a newer schema is used and not rewritten; a broken one is no obstacle', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-names-'));
  const newer = join(folder, 'newer.json');
  const text = '{"schema":2,"names":{"agent":"10.0.0.1","evil":"1.2.3.4 }"}}';
  await writeFile(newer, text);
  const { names } = await start({ other: '10.0.0.2' }, {}, newer);
  await names.resolve(['other'], never());
  expect(['agent', 'evil', 'other'].map(names.address)).toEqual(['10.0.0.1', undefined, '10.0.0.2']);
  expect(await readFile(newer, 'utf8')).toBe(text);

  const broken = join(folder, 'broken.json');
  await writeFile(broken, '{"schema":1,"names":{"age');
  const mended = await start({ agent: '10.0.0.3' }, {}, broken);
  await mended.names.resolve(['agent'], never());
  expect(mended.names.address('agent')).toBe('10.0.0.3');
  await untilFile(broken, '10.0.0.3');
});

test('an aborted snapshot does not wait for names', async () => {
  const { names } = await start({ hung: new Promise<never>(() => undefined) }, { deadlineMs: 60_000 });
  const stop = new AbortController();
  const resolving = names.resolve(['hung'], stop.signal);
  stop.abort();
  await resolving;
  expect(names.address('hung')).toBeUndefined();
});

async function untilFile(path: string, part: string): Promise<void> {
  let text = '';
  while (!text.includes(part)) {
    text = await readFile(path, 'utf8').catch(() => '');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
