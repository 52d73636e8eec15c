import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import { blame } from '../../../src/core/blame.ts';
import { createBuilder } from '../../../src/core/build.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { TemplateSources } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import { createRenderer } from '../../../src/core/render.ts';
import { ok } from '../../../src/core/result.ts';
import { NO_RUNTIME } from '../../../src/core/runtime.ts';
import { NO_WITNESS } from '../../../src/core/trust.ts';
import { createLoop, type Loop } from '../../../src/daemon/loop.ts';
import { createStateStore, type StateStore } from '../../../src/daemon/store.ts';
import { createHaproxy } from '../../../src/haproxy/adapter.ts';
import {
  createHaproxyRig,
  HAPROXY,
  type HaproxyRig,
  type NamedServer,
  portsFrom,
  realClock,
  startNamedServer,
} from '../../support/haproxy-rig.ts';
import { get, until } from '../../support/http-get.ts';
import { scriptedApp, snapshotOf } from '../../support/scripted-core.ts';
import { settings, templates } from '../../support/tables.ts';

const freePort = portsFrom(26_150);

describe('an address that HAProxy itself is in the way of', () => {
  let rig: HaproxyRig;
  let server: NamedServer;
  let port: number;
  let own: number;
  let store: StateStore;
  let loop: Loop;
  let running: Promise<void>;
  let apps: readonly App[];
  let sources: TemplateSources;
  let ending: AbortController;
  let events: DaemonEventBody[];
  /** What a vhost answered to whoever asked it all the time. */
  let answered: { readonly stop: () => Promise<readonly number[]> } | undefined;

  /** An app whose own port is this one. */
  const app = (id: string, servicePort: number, address: string): App => {
    const made = scriptedApp(id);
    const endpoints = [{ portIndex: 0, address: '127.0.0.1', port: server.port }];
    const labels = new Map([...made.labels, ['HAPROXY_0_BIND_ADDR', address], ['HAPROXY_GROUP', 'external']]);
    const tasks = made.tasks.map((task) => ({ ...task, endpoints }));
    return { ...made, labels, tasks, ports: [{ index: 0, protocol: 'tcp', servicePort }] };
  };

  beforeEach(async () => {
    rig = await createHaproxyRig();
    server = await startNamedServer('one', await freePort());
    [port, own] = [await freePort(), await freePort()];
    ending = new AbortController();
    events = [];
    sources = templates();
    apps = [app('/a', own, '127.0.0.1')];
    const chosen = settings({
      httpBind: [{ address: '127.0.0.1', port }],
      group: ['external'],
      stateDir: rig.paths.root,
      haproxy: HAPROXY,
    });
    store = createStateStore('0.0.0', chosen, realClock);
    const emit = (event: DaemonEventBody): void => {
      events.push(event);
      store.emit(event);
      loop.hear(event);
    };
    const haproxy = createHaproxy({ settings: chosen, clock: realClock, emit });
    loop = createLoop({
      version: '0.0.0',
      settings: chosen,
      clock: realClock,
      emit,
      haproxy: { ...haproxy, runtime: NO_RUNTIME },
      source: {
        async *changes(signal) {
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        },
        snapshot: async () => ok({ value: snapshotOf(apps, Date.now()), problems: [] }),
        witness: async () => NO_WITNESS,
      },
      files: { templates: () => sources, certificates: () => NO_CERTIFICATES },
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
    running = loop.run(ending.signal);
    await until('it serves', async () => (await get(own)).status === 200, 20_000);
    answered = askOnAndOn(port);
  });

  afterEach(async () => {
    await answered?.stop();
    answered = undefined;
    ending.abort();
    await running;
    await rig.cleanup();
    await server.close();
  });

  const applied = (): number => events.filter(({ type }) => type === 'applied').length;

  test('is had after the one that it replaces was given up, and others miss nothing', async () => {
    await until('it is told', () => applied() === 1, 10_000);
    apps = [app('/a', own, '*')];
    loop.control.requestPass('test');
    await until('it is given up first', () => events.some(({ type }) => type === 'listeners-held'), 10_000);
    await until('it is loaded', () => applied() === 3, 10_000);
    expect(store.current().heldListeners).toEqual([]);
    expect((await get(own)).status).toBe(200);
    expect(new Set(await answered?.stop())).toEqual(new Set([200]));
    expect(events.filter(({ type }) => type === 'apply-failed')).toEqual([]);
  });

  test('is no app’s where an operator’s template listens on it', async () => {
    const extra = await freePort();
    const text = `${sources.defaults.text}\nfrontend exporter from base\n  mode http\n  bind 127.0.0.1:${extra}\n  http-request return status 204\n`;
    sources = { ...sources, defaults: { ...sources.defaults, text } };
    loop.hear({ type: 'templates-loaded', overridden: ['defaults'] });
    await until('the template listens', async () => (await get(extra)).status === 204, 20_000);
    apps = [...apps, app('/b', extra, '127.0.0.1')];
    loop.control.requestPass('test');
    await until('it is told', () => store.current().heldListeners.length === 1, 10_000);
    expect(store.current().heldListeners).toMatchObject([
      { app: '/b', why: `the templates listen on 127.0.0.1:${extra}` },
    ]);
    await until(
      'what else the app asks for is there',
      async () => (await get(port, { host: 'b.example' })).status === 200,
      10_000,
    );
    expect((await get(extra)).status).toBe(204);
    expect(new Set(await answered?.stop())).toEqual(new Set([200]));
    expect(events.filter(({ type }) => type === 'apply-failed')).toEqual([]);
  });
});

/** Asks a vhost again and again, each time on a connection of its own. */
function askOnAndOn(port: number): { readonly stop: () => Promise<readonly number[]> } {
  const seen: number[] = [];
  let over = false;
  const done = (async () => {
    while (!over) seen.push((await get(port, { host: 'a.example' })).status);
  })();
  return {
    async stop() {
      over = true;
      await done;
      return seen;
    },
  };
}
