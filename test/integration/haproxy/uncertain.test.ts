import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import { blame } from '../../../src/core/blame.ts';
import { createBuilder } from '../../../src/core/build.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import type { Source } from '../../../src/core/ports.ts';
import { createRenderer } from '../../../src/core/render.ts';
import { ok } from '../../../src/core/result.ts';
import { NO_RUNTIME } from '../../../src/core/runtime.ts';
import { NO_WITNESS } from '../../../src/core/trust.ts';
import { createLoop, type Loop } from '../../../src/daemon/loop.ts';
import { createStateStore, type StateStore } from '../../../src/daemon/store.ts';
import { createHaproxy } from '../../../src/haproxy/adapter.ts';
import { createHaproxyRig, HAPROXY, type HaproxyRig, portsFrom, realClock } from '../../support/haproxy-rig.ts';
import { get, until } from '../../support/http-get.ts';
import { scriptedApp, snapshotOf } from '../../support/scripted-core.ts';
import { settings, templates } from '../../support/tables.ts';

const freePort = portsFrom(26_280);

/** Stopped processes stay stopped: only so a reload can come to nothing. */
const NEVER = 3_600_000;

describe('a reload whose outcome nobody knows', () => {
  let rig: HaproxyRig;
  let port: number;
  let store: StateStore;
  let loop: Loop;
  let running: Promise<void>;
  let apps: readonly App[];
  const ending = { controller: new AbortController() };
  const events: DaemonEventBody[] = [];

  beforeEach(async () => {
    rig = await createHaproxyRig();
    port = await freePort();
    ending.controller = new AbortController();
    events.length = 0;
    apps = [scriptedApp('/a', 0)];
    const chosen = settings({
      httpBind: [{ address: '127.0.0.1', port }],
      stateDir: rig.paths.root,
      haproxy: HAPROXY,
    });
    store = createStateStore('0.0.0', chosen, realClock);
    const emit = (event: DaemonEventBody): void => {
      events.push(event);
      store.emit(event);
      loop.hear(event);
    };
    const haproxy = createHaproxy({
      settings: chosen,
      clock: realClock,
      emit,
      timings: { answer: 300, stoppedEvery: NEVER, reload: 1_500, leastReload: 500, silentUntilKilled: NEVER },
    });
    loop = createLoop({
      version: '0.0.0',
      settings: chosen,
      clock: realClock,
      emit,
      haproxy: { ...haproxy, runtime: NO_RUNTIME },
      source: silentSource(() => apps),
      files: { templates: () => templates(), certificates: () => NO_CERTIFICATES },
      peers: { claims: async () => [] },
      goodApps: {
        load: async () => ({ apps: new Map(), quarantined: new Map() }),
        save: () => undefined,
        flush: async () => undefined,
      },
      memoryStore: { load: async () => NO_MEMORY, save: () => undefined, flush: async () => undefined },
      place: { runtimeSocket: rig.paths.runtimeSocket, stateFile: rig.paths.serverState },
      spares: [],
      stages: { build: createBuilder(), createRenderer, blame },
      random: Math.random,
      setLogLevel: () => true,
    });
    running = loop.run(ending.controller.signal);
    await until('it serves', () => settled('a.example'), 20_000);
  });

  afterEach(async () => {
    ending.controller.abort();
    await running;
    await rig.cleanup();
  });

  const state = () => store.current();
  const failures = () => events.filter(({ type }) => type === 'apply-failed');

  /** What should run runs, and HAProxy knows the host: nobody is behind it, but it is not unknown. */
  async function settled(host: string): Promise<boolean> {
    const { desired, running: now } = state();
    if (desired === undefined || now?.config?.digest !== desired.digest) return false;
    return (await get(port, { host })).status === 503;
  }

  /** Asks for a pass once; nothing is hinted from then on. */
  function change(): void {
    apps = [scriptedApp('/a', 0), scriptedApp('/b', 0)];
    loop.control.requestPass('test');
  }

  test('ends in a proof when the master comes back, without any event', async () => {
    const { masterPid = 0, reloads = 0 } = state().haproxy ?? {};
    process.kill(masterPid, 'SIGSTOP');
    change();
    await until('the attempt is given up', () => failures().length > 0, 20_000);
    expect(await settled('a.example')).toBe(false);
    process.kill(masterPid, 'SIGCONT');
    await until('what should run runs', () => settled('b.example'), 40_000);
    expect(state().applyFailing).toBeUndefined();
    await until('it is seen', () => (state().haproxy?.reloads ?? 0) > reloads, 5_000);
    expect(state().haproxy).toMatchObject({ up: true, masterPid });
  });

  test('ends in a proof when neither master nor worker answered', async () => {
    const { masterPid = 0, workerPid = 0 } = state().haproxy ?? {};
    process.kill(masterPid, 'SIGSTOP');
    change();
    await until('it is on its way', () => events.at(-1)?.type === 'validated', 20_000);
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.kill(workerPid, 'SIGSTOP');
    await until('the attempt is given up', () => failures().length > 0, 20_000);
    process.kill(workerPid, 'SIGCONT');
    process.kill(masterPid, 'SIGCONT');
    await until('what should run runs', () => settled('b.example'), 40_000);
    expect(state().applyFailing).toBeUndefined();
    expect(state().haproxy).toMatchObject({ masterPid });
  });
});

/** Shows what there is when asked, and never hints. */
function silentSource(apps: () => readonly App[]): Source {
  return {
    async *changes(signal) {
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    },
    snapshot: async () => ok({ value: snapshotOf(apps(), Date.now()), problems: [] }),
    witness: async () => NO_WITNESS,
  };
}
