import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Haproxy } from '../../../src/core/ports.ts';
import { createHaproxy } from '../../../src/haproxy/adapter.ts';
import { createHaproxyRig, HAPROXY, type HaproxyRig, realClock } from '../../support/haproxy-rig.ts';

const never = new AbortController().signal;
/** `sched(7)`: SCHED_OTHER and SCHED_IDLE. */
const [NORMAL, IDLE] = [0, 5];

let rig: HaproxyRig;
let seen: string;

beforeEach(async () => {
  rig = await createHaproxyRig();
  seen = join(rig.paths.root, 'seen');
});

afterEach(async () => rig.cleanup());

/** A HAProxy whose checks write down how they are scheduled, and last so many seconds when they give way. */
async function watched(lasts = 0): Promise<Haproxy> {
  const binary = join(rig.paths.root, 'haproxy.sh');
  const checks = [
    `[ "$1" = -c ] && { cat /proc/$$/stat /proc/$$/autogroup 2>/dev/null; echo; } >> ${seen}`,
    `[ "$1" = -c ] && [ "$(cut -d ' ' -f 41 < /proc/$$/stat)" = ${IDLE} ] && sleep ${lasts}`,
  ];
  await writeFile(binary, ['#!/bin/sh', ...checks, `exec ${HAPROXY} "$@"`, ''].join('\n'));
  await chmod(binary, 0o755);
  return createHaproxy({
    settings: { stateDir: rig.paths.root, haproxy: binary, haproxyMode: 'managed', keepGenerations: 3 },
    clock: realClock,
    emit: (event) => rig.events.push(event),
    timings: { validate: lasts === 0 ? 20_000 : 500 },
  });
}

/** Policy and niceness of every check so far, and what the autogroup of each said, where this kernel has any. */
async function scheduled() {
  const parts = (await readFile(seen, 'utf8')).split('\n\n').filter((part) => part !== '');
  return parts.map((part) => {
    const [stat = '', group = ''] = part.split('\n');
    // The name may have blanks in it: fields are counted from behind it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { policy: Number(fields[38]), nice: Number(fields[16]), group: / nice (\S+)$/.exec(group)?.[1] };
  });
}

const config = (frontend: readonly string[] = []) => rig.config({ ports: [], servers: [], frontend });

test('a check beside the traffic takes only what nobody else wants, one that is waited for its share', async () => {
  const haproxy = await watched();
  expect(await haproxy.validate(config(), 'test', never, 'meanwhile')).toMatchObject({ ok: true });
  expect(await haproxy.validate(config(), 'test', never)).toMatchObject({ ok: true });
  const [meanwhile, now] = await scheduled();
  expect([meanwhile?.policy, now?.policy]).toEqual([IDLE, NORMAL]);
  expect([meanwhile?.nice, now?.nice]).toEqual([19, 0]);
  expect(meanwhile?.group ?? '19').toBe('19');
});

test('what it finds is the same', async () => {
  const haproxy = await watched();
  expect(await haproxy.validate(config(['no such word']), 'test', never, 'meanwhile')).toMatchObject({
    ok: false,
    failure: { kind: 'invalid', diagnostics: expect.arrayContaining([expect.objectContaining({ severity: 'alert' })]) },
  });
});

test('a HAProxy that cannot be started says nothing about the configuration', async () => {
  const haproxy = await watched();
  expect(await haproxy.validate(config(), 'test', never, 'meanwhile')).toMatchObject({ ok: true });
  await chmod(join(rig.paths.root, 'haproxy.sh'), 0o644);
  expect(await haproxy.validate(config(), 'test', never, 'meanwhile')).toMatchObject({
    ok: false,
    failure: { kind: 'binary' },
  });
});

test('after one that got no CPU in time, the next one takes its share', async () => {
  const haproxy = await watched(5);
  expect(await haproxy.validate(config(), 'test', never, 'meanwhile')).toMatchObject({
    ok: false,
    failure: { kind: 'timeout' },
  });
  expect(await haproxy.validate(config(), 'test', never, 'meanwhile')).toMatchObject({ ok: true });
  expect((await scheduled()).map(({ policy }) => policy)).toEqual([IDLE, NORMAL]);
});
