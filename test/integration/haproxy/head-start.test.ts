import { readlink } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Haproxy } from '../../../src/core/ports.ts';
import {
  createHaproxyRig,
  type HaproxyRig,
  type NamedServer,
  portsFrom,
  startNamedServer,
} from '../../support/haproxy-rig.ts';
import { get } from '../../support/http-get.ts';

const freePort = portsFrom(22_400);
const never = new AbortController().signal;

let rig: HaproxyRig;
let haproxy: Haproxy;
let backend: NamedServer;
let port: number;

beforeEach(async () => {
  rig = await createHaproxyRig();
  backend = await startNamedServer('one', await freePort());
  port = await freePort();
  haproxy = rig.adapter();
  await haproxy.start();
});

afterEach(async () => {
  await rig.cleanup();
  await backend.close();
});

const good = (name = 'first') => rig.config({ ports: [port], servers: [`s1 127.0.0.1:${backend.port}`], name });
const bad = () => rig.config({ ports: [port], servers: ['s1 127.0.0.1:1 no-such-word'] });
const current = () => readlink(rig.paths.current).catch(() => undefined);

test('the first HAProxy is on its way while its configuration is checked, and is the one that is applied', async () => {
  const candidate = await haproxy.validate(good(), 'test', never);
  if (!candidate.ok) throw new Error('not valid');
  const begun = await rig.pids();
  expect(begun.length).toBeGreaterThan(0);
  expect(await haproxy.apply(candidate.value)).toMatchObject({ kind: 'applied', via: 'start', generation: 1 });
  const view = await haproxy.view();
  expect(begun).toContain(view.masterPid);
  expect(await get(port, { host: 'named.example' })).toMatchObject({ status: 200, headers: { 'x-config': 'first' } });
  expect(rig.events.filter(({ type }) => type === 'haproxy-up')).toMatchObject([{ how: 'started' }]);
});

test('of a first configuration that is refused nothing runs and nothing is current; the next one is started as ever', async () => {
  expect(await haproxy.validate(bad(), 'test', never)).toMatchObject({ ok: false, failure: { kind: 'invalid' } });
  expect(await rig.pids()).toEqual([]);
  expect(await current()).toBeUndefined();
  const candidate = await haproxy.validate(good(), 'test', never);
  if (!candidate.ok) throw new Error('not valid');
  expect(await rig.pids()).toEqual([]);
  expect(await haproxy.apply(candidate.value)).toMatchObject({ kind: 'applied', via: 'start', generation: 2 });
});

test('a check that is broken off ends what was begun', async () => {
  const ended = new AbortController();
  const checking = haproxy.validate(good(), 'test', ended.signal);
  while ((await rig.pids()).length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  ended.abort();
  const checked = await checking;
  // It may have been quicker than the abort.
  if (checked.ok) await haproxy.stop('keep');
  expect(await rig.pids()).toEqual([]);
  expect(await current()).toBeUndefined();
});

test('what was begun and never applied ends with the adapter', async () => {
  expect(await haproxy.validate(good(), 'test', never)).toMatchObject({ ok: true });
  expect((await rig.pids()).length).toBeGreaterThan(0);
  await haproxy.stop('keep');
  expect(await rig.pids()).toEqual([]);
  expect(await current()).toBeUndefined();
});

test('a port that is taken is told when the configuration is applied, and nothing stays current', async () => {
  const other = await startNamedServer('other', port);
  try {
    const candidate = await haproxy.validate(good(), 'test', never);
    if (!candidate.ok) throw new Error('not valid');
    expect(await haproxy.apply(candidate.value)).toMatchObject({
      kind: 'rejected',
      failure: { kind: 'start-failed', detail: expect.stringMatching(new RegExp(`cannot bind.*${port}`)) },
    });
    expect(await rig.pids()).toEqual([]);
    expect(await current()).toBeUndefined();
  } finally {
    await other.close();
  }
  const again = await haproxy.validate(good('again'), 'test', never);
  if (!again.ok) throw new Error('not valid');
  expect(await rig.pids()).toEqual([]);
  expect(await haproxy.apply(again.value)).toMatchObject({ kind: 'applied', via: 'start' });
});

test('where a generation was published, one that is checked starts nothing', async () => {
  const first = await haproxy.validate(good(), 'test', never);
  if (!first.ok) throw new Error('not valid');
  await haproxy.apply(first.value);
  const next = rig.adapter();
  await haproxy.stop('drain');
  expect(await next.validate(good('second'), 'test', never)).toMatchObject({ ok: true });
  expect(await rig.pids()).toEqual([]);
  expect(await current()).toBe('generations/1');
});
