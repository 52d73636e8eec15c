import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import type { Scenario, Stage, Status } from './scenario.ts';

let changes = 0;

/** A new app is live, however Portolan hears of it, and gone again; in seconds. */
async function live(stage: Stage, within: number): Promise<number> {
  const name = `told-${changes++}`;
  const vhost = `${name}.fault.example`;
  const began = performance.now();
  await stage.marathon.post(customerApp(`/extra/${name}`, { labels: { HAPROXY_0_VHOST: vhost } }));
  await until(`${vhost} answers`, async () => (await stage.ask(vhost)) === 200, within * 1000);
  await stage.marathon.delete(`/extra/${name}`);
  return (performance.now() - began) / 1000;
}

const deafness = ({ stream }: Status): number => stream.deaf?.times ?? 0;

/** The stream stands and beats, and tells nothing: no watch over bytes sees that. */
export function deaf(): Scenario {
  let began = 0;
  return {
    name: 'event streams beat, and tell nothing',
    rows: ['1', 'I3'],
    seconds: { full: 60, short: 4 },
    // A new process opens a stream of its own, and all is as before.
    restart: false,
    inject: async ({ marathon }) => {
      began = Date.now();
      await marathon.fault('all', 'heartbeat-only');
    },
    during: async (stage) => {
      for (let times = 0; times < (stage.full ? 3 : 1); times++) await live(stage, 20);
    },
    shows: ({ stream }) => {
      const { deaf: found, lastLoss } = stream;
      if (found?.poll === undefined || Date.parse(found.last) < began || lastLoss?.reason !== 'deaf') return undefined;
      return `deaf, polls every ${found.poll.everyMs} ms`;
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    after: async (stage) => {
      const found = deafness(await stage.status());
      for (let times = 0; times < (stage.full ? 3 : 1); times++) await live(stage, 20);
      // What was told is not missed, though all is read every second now.
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const now = deafness(await stage.status());
      return now === found ? undefined : `deaf ${now - found} times more when events came again`;
    },
  };
}

/** Bytes that a process has to itself. */
const memoryOf = async (pid: number): Promise<number> =>
  1024 * Number(/^RssAnon:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);

const MB = 1_048_576;
const CHANGING = '/extra/changing';

/** Thousands of events a second, and nothing that they cause can be loaded: HAProxy's master does not move. */
export function floodAndHang(): Scenario {
  const balanced = (by: string) => ({
    labels: {
      HAPROXY_GROUP: 'external',
      HAPROXY_0_BIND_ADDR: '127.0.0.1',
      HAPROXY_0_VHOST: 'changing.fault.example',
      HAPROXY_0_BALANCE: by,
    },
  });
  return {
    name: 'thousands of events a second while a reload hangs',
    rows: ['23', '10'],
    seconds: { full: 30, short: 3 },
    // The flood would meet a process that has not attached yet; the plain flood of the outages is restarted.
    restart: false,
    patience: 60,
    prepare: async ({ marathon }) => {
      await marathon.post(customerApp(CHANGING, { healthChecks: [], ...balanced('roundrobin') }));
      await marathon.settled(CHANGING);
    },
    inject: ({ marathon, full }) => marathon.fault('all', 'flood', { perSecond: full ? 5_000 : 2_000 }),
    during: async (stage) => {
      const { marathon, portolan, apps, full } = stage;
      const { haproxy, stream } = await stage.status();
      const [pid, master, id] = [portolan.pid ?? 0, haproxy?.masterPid, apps[5]?.id ?? ''];
      if (master === undefined) throw new Error('no master is known');
      const before = await memoryOf(pid);
      await marathon.put(CHANGING, balanced('source'), true);
      await marathon.scale(id, 3);
      let oldest = 0;
      for (const end = Date.now() + (full ? 10_000 : 3_000); Date.now() < end; ) {
        process.kill(master, 'SIGSTOP');
        oldest = Math.max(oldest, (await stage.look())?.stream.lastByteAgeMs ?? 0);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      process.kill(master, 'SIGCONT');
      const grown = Math.round(((await memoryOf(pid)) - before) / MB);
      stage.says(`last byte never older than ${(oldest / 1000).toFixed(1)} s, ${grown} MB more`);
      const now = (await stage.status()).stream;
      // Marathon closes on who reads too slowly, which a machine that does too much at once may be; nothing is lost by that.
      const lost = now.reconnects - stream.reconnects;
      if (lost > 0) stage.says(`stream lost ${lost} times: ${now.lastLoss?.reason}`);
      if (lost > 0 && now.lastLoss?.reason === 'deaf') throw new Error('a stream was called deaf that told everything');
      if (oldest > 5_000) throw new Error(`nothing was read for ${oldest} ms`);
      if (grown > 150) throw new Error(`${grown} MB more than before`);
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    after: async (stage) => {
      const { vhost, id } = stage.apps[5] ?? { vhost: '', id: '' };
      await stage.marathon.settled(id);
      const ports = stage.marathon.tasks(id).flatMap(({ listens }) => listens.map(({ address }) => address));
      await until('all three tasks serve', async () => {
        const { text } = await stage.portolan.admin(`/v1/routes/${vhost}`);
        return ports.length === 3 && ports.every((port) => text.includes(port));
      });
      await until('the new balance runs', async () =>
        (await stage.portolan.admin('/config')).text.includes('balance source'),
      );
      return undefined;
    },
    tidy: async ({ marathon, apps }) => {
      await marathon.delete(CHANGING);
      await marathon.scale(apps[5]?.id ?? '', 2);
      await marathon.settled();
    },
  };
}

/** Standbys send everybody on to somebody whom nobody has configured: streams, reads, and the credentials they carry. */
export function sentOn(): Scenario {
  let stranger: Server | undefined;
  let asked = 0;
  return {
    name: 'standbys send requests and streams on to a host that is not configured',
    onlyFull: true,
    rows: ['24'],
    seconds: { full: 20, short: 3 },
    restart: false,
    inject: async (stage) => {
      const { marathon, freePorts } = stage;
      const port = freePorts[3] ?? 0;
      asked = 0;
      stranger = createServer((_request, response) => {
        asked += 1;
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"apps":[]}');
      });
      await new Promise<void>((resolve) => stranger?.listen(port, '127.0.0.1', resolve));
      const leader = marathon.leader();
      for (const master of [0, 1, 2].filter((one) => one !== leader))
        await marathon.fault(master, 'redirect', { location: `http://127.0.0.1:${port}/v2/apps` });
    },
    during: async (stage) => {
      stage.says(`a change is live after ${(await live(stage, 20)).toFixed(1)} s`);
      // The next leader is one of those: it sends on too, until it is healed.
      await stage.marathon.leaderChange();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    after: async (stage) => {
      await live(stage, 20);
      return asked === 0 ? undefined : `the stranger got ${asked} requests`;
    },
    tidy: async () => {
      stranger?.closeAllConnections();
      await new Promise<void>((resolve) => (stranger === undefined ? resolve() : stranger.close(() => resolve())));
    },
  };
}
