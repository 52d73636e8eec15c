// Does to a state directory what a daemon does, as fast as it can, until it is killed: generations, memory, good definitions, journal.
import { createHash } from 'node:crypto';
import { createJournal } from '../../src/admin/journal.ts';
import type { AppId, TaskId } from '../../src/core/app.ts';
import type { Generation, RenderedConfig } from '../../src/core/config.ts';
import { createGenerations } from '../../src/haproxy/generations.ts';
import { statePaths } from '../../src/haproxy/paths.ts';
import { createGoodAppsStore } from '../../src/source/good-apps-store.ts';
import { createMemoryStore } from '../../src/source/memory-store.ts';
import { type DiskWriterTask, ROUND_SIZE } from './disk-task.ts';
import { realClock } from './haproxy-rig.ts';
import { scriptedApp } from './scripted-core.ts';

const numbered = (task: DiskWriterTask, round: number): RenderedConfig => {
  const rows = Array.from({ length: ROUND_SIZE }, (_none, n) => `host-${n}.example servers\n`).join('');
  const files = new Map(task.files.map(([name, text]) => [name, text.replaceAll('NUMBER', String(round))]));
  files.set('maps/hosts.map', rows);
  const digest = createHash('sha256')
    .update(JSON.stringify([...files]))
    .digest('hex');
  const lines = files.get('haproxy.cfg')?.split('\n').length ?? 1;
  return { files, digest, owners: [{ from: 1, to: lines, origin: { from: 'default' }, section: 'all' }] };
};

const write = async (task: DiskWriterTask): Promise<void> => {
  const generations = createGenerations(statePaths(task.stateDir), 3, realClock);
  const memory = createMemoryStore({
    path: `${task.stateDir}/memory.json`,
    clock: realClock,
    failed: () => undefined,
    signal: new AbortController().signal,
    pauseMs: 0,
  });
  const goodApps = createGoodAppsStore({
    path: `${task.stateDir}/good-apps.json`,
    clock: realClock,
    failed: () => undefined,
    signal: new AbortController().signal,
    pauseMs: 0,
  });
  const journal = createJournal({ path: `${task.stateDir}/journal.ndjson`, maxBytes: 200_000 });
  await generations.open();
  let running: Generation | undefined;
  for (let round = task.from; ; round++) {
    const written = await generations.write(numbered(task, round), `round ${round}`);
    if (!written.ok) throw new Error(written.failure.detail);
    // As a reload, and as what the socket carried and the disk follows.
    if (running === undefined || round % 3 === 0) {
      await generations.point('current', written.value);
      await generations.confirm(written.value);
      running = written.value;
    } else await generations.follow(written.value, running);
    const entries = Array.from({ length: ROUND_SIZE }, (_none, n) => n);
    memory.save({
      claims: new Map(entries.map((n) => [`host-${n}.example`, `/round/${round}` as AppId])),
      health: new Map(entries.map((n) => [`task-${n}` as TaskId, 'healthy'])),
      readiness: new Map(),
      autoPorts: new Map(),
      outOfTouch: new Map(),
    });
    await memory.flush();
    const apps = entries.map((n) => ({
      ...scriptedApp(`/good/${String(n).padStart(4, '0')}`),
      labels: new Map([['ROUND', String(round)]]),
    }));
    goodApps.save({ apps, quarantined: new Map() });
    await goodApps.flush();
    journal.observe({ at: Date.now(), type: 'haproxy-down', reason: `round ${round}` });
    process.send?.(round);
  }
};

process.once('message', (task: DiskWriterTask) => void write(task));
process.once('disconnect', () => process.exit(0));
