import type { FaultKind, FaultParameters } from '../../../src/demo/faults.ts';
import { createRandom } from '../../../src/demo/random.ts';
import { customerApp } from '../../support/platform.ts';
import { createPortolan, get, type PortolanProcess, until } from '../../support/portolan-process.ts';
import type { Row } from './failure-modes.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';
import { FULL } from './stage.ts';

let changes = 0;
/** Posts an app of its own and gives its name. */
const change = async (stage: Stage): Promise<string> => {
  const name = `outage-${changes++}`;
  await stage.marathon.post(customerApp(`/extra/${name}`, { labels: { HAPROXY_0_VHOST: `${name}.fault.example` } }));
  return name;
};
/** Waits until it is routed, and deletes it. */
const live = async (stage: Stage, name: string, seconds: number): Promise<void> => {
  const vhost = `${name}.fault.example`;
  await until(`${vhost} answers`, async () => (await stage.ask(vhost)) === 200, seconds * 1000);
  await stage.marathon.delete(`/extra/${name}`);
};

/** A fault of every master's answers, told as the source failing in one of these ways. */
const outage = (
  name: string,
  rows: readonly Row[],
  fault: FaultKind,
  kinds: readonly string[],
  parameters: FaultParameters = {},
): Scenario => {
  let made = '';
  return {
    name,
    rows,
    seconds: { full: 30, short: 3 },
    inject: async (stage) => {
      await stage.marathon.fault('all', fault, parameters);
      made = await change(stage);
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    shows: ({ source, degraded }) =>
      source.failing !== undefined && kinds.includes(source.failing.kind) && degraded.includes('source-unreachable')
        ? `source: ${source.failing.kind}`
        : undefined,
    // What changed meanwhile is caught up with.
    after: async (stage) => {
      await live(stage, made, 10);
      return undefined;
    },
  };
};

/** A fault through which changes are seen all the same. */
const seenThrough = (
  name: string,
  rows: readonly Row[],
  within: number,
  parts: Pick<Scenario, 'inject' | 'heal'> & Partial<Scenario>,
): Scenario => ({
  name,
  rows,
  seconds: { full: 30, short: 2 },
  during: async (stage) => {
    const began = performance.now();
    await live(stage, await change(stage), within);
    stage.says(`a change is live after ${((performance.now() - began) / 1000).toFixed(1)} s`);
  },
  ...parts,
});
const faulty = (kind: FaultKind, parameters: FaultParameters = {}): Pick<Scenario, 'inject' | 'heal'> => ({
  inject: ({ marathon }) => marathon.fault('all', kind, parameters),
  heal: ({ marathon }) => marathon.clearFaults(),
});

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const standby = ({ marathon }: Stage): number => (marathon.leader() + 1) % marathon.urls.length;

/** What one of three masters may answer that is not so. */
const NONSENSE: readonly FaultKind[] = ['blank-200', 'empty-apps', 'empty-object', 'html', 'cut-length', 'half-list'];

/** Each kind of nonsense, from one master after the other. */
const oneInThree = seenThrough('one master of three answers nonsense of every kind', ['2', '18', 'I1'], 20, {
  inject: async () => undefined,
  during: async (stage) => {
    const began = performance.now();
    for (const [n, kind] of NONSENSE.entries()) {
      const master = n % stage.marathon.urls.length;
      await stage.marathon.fault(master, kind);
      const made = await change(stage);
      await pause(stage.full ? 5_000 : 500);
      // What the leader says is all that the others pass on.
      if (master === stage.marathon.leader()) await stage.marathon.clearFaults(master);
      await live(stage, made, 30);
      await stage.marathon.clearFaults(master);
    }
    stage.says(`${NONSENSE.length} changes live, ${((performance.now() - began) / 1000).toFixed(1)} s`);
  },
  heal: ({ marathon }) => marathon.clearFaults(),
  onlyFull: true,
});

/** Masters go and come back, one or all of them at a time. */
const comeAndGo = seenThrough('masters die and come back in any order', ['15', '24'], 60, {
  seconds: { full: 60, short: 3 },
  inject: async () => undefined,
  during: async (stage) => {
    const { marathon } = stage;
    const random = createRandom(7);
    const end = performance.now() + (stage.full ? 60_000 : 3_000);
    const down = new Set<number>();
    let times = 0;
    while (performance.now() < end) {
      const master = random.below(marathon.urls.length);
      if (down.delete(master)) await marathon.clearFaults(master);
      else {
        down.add(master);
        await marathon.fault(master, random.next() < 0.5 ? 'refuse' : 'freeze');
      }
      times += 1;
      await pause(random.below(1_500));
    }
    stage.says(`${times} times`);
  },
  heal: ({ marathon }) => marathon.clearFaults(),
  after: async (stage) => {
    await live(stage, await change(stage), 20);
    return undefined;
  },
  patience: 60,
});

/** A node that starts while no master answers: nothing of it may be public before it knows what to serve. */
function newcomer(): Scenario {
  // A group of its own: two nodes on one machine cannot have the same service ports.
  const apps = [0, 1, 2].map((n) => ({ id: `/extra/newcomer-${n}`, vhost: `newcomer-${n}.fault.example` }));
  let second: PortolanProcess | undefined;
  const ask = (vhost: string) => get(second?.ports.http ?? 0, '/', { host: vhost });
  return {
    name: 'a new node starts while no master answers',
    rows: ['15', '21'],
    seconds: { full: 30, short: 2 },
    prepare: async ({ marathon }) => {
      for (const { id, vhost } of apps)
        await marathon.post(customerApp(id, { labels: { HAPROXY_GROUP: 'newcomer', HAPROXY_0_VHOST: vhost } }));
      for (const { id } of apps) await marathon.settled(id);
    },
    inject: async (stage) => {
      await stage.marathon.fault('all', 'unavailable');
      const masters = stage.marathon.urls.flatMap((url) => ['--marathon', url]);
      const flags = [...masters, '--group', 'newcomer', '--poll-interval', '3s'];
      second = await createPortolan(stage.freePorts[0] ?? 0, flags);
      await second.start();
    },
    during: async (stage) => {
      for (let looks = 0; looks < 10; looks++) {
        const ready = (await second?.admin('/readyz'))?.status;
        const { status } = await ask(apps[0]?.vhost ?? '');
        if (ready !== 503 || status !== 0) throw new Error(`/readyz ${ready}, its port answered ${status}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      stage.says('new node: not ready, ports unbound');
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    recovered: async () => {
      if ((await second?.admin('/readyz'))?.status !== 200) return false;
      // Ready is ready: the very first answers are right.
      for (const { vhost } of apps) {
        const { status, text } = await ask(vhost);
        if (status !== 200) throw new Error(`ready, and ${vhost} answers ${status}: ${text}`);
      }
      return true;
    },
    tidy: async ({ marathon }) => {
      await second?.destroy();
      second = undefined;
      for (const { id } of apps) await marathon.delete(id);
      // Gone, so that the next one may post them again.
      for (const { id } of apps) await marathon.settled(id);
    },
  };
}

/** Only after 10 s does Portolan know that nobody will answer: in the short form it is over before. */
function hang(): Scenario {
  const { shows, ...rest } = outage('every master hangs', ['15', '22'], 'freeze', ['timeout']);
  return FULL && shows !== undefined ? { ...rest, shows } : rest;
}

faultSuite('Marathon is out', 27_000, {}, [
  outage('every master refuses connections', ['15', '18'], 'refuse', ['unreachable']),
  outage('every master answers a blank 200', ['2', 'I1'], 'blank-200', ['not-json', 'truncated']),
  outage('every master sends half of its JSON', ['2', '26'], 'cut-length', ['truncated', 'not-json']),
  newcomer(),
  oneInThree,
  comeAndGo,
  hang(),
  { ...outage('every master answers an empty object', ['2', 'I1'], 'empty-object', ['not-apps']), onlyFull: true },
  outage('every master answers a web page', ['2', '18'], 'html', ['not-json']),
  seenThrough('the event stream falls silent', ['1', 'I3'], 20, {
    ...faulty('silent-stream'),
    // Nobody can know before its time is up that a silent stream is dead.
    shows: ({ stream }) => (stream.attached ? 'stream believed' : 'stream given up'),
  }),
  seenThrough('events are lost, doubled and out of order', ['1', '10'], 20, {
    inject: async ({ marathon }) => {
      await marathon.fault('all', 'lose-events', { share: 0.5 });
      await marathon.fault('all', 'duplicate-events');
      await marathon.fault('all', 'reorder-events');
    },
    heal: ({ marathon }) => marathon.clearFaults(),
  }),
  seenThrough('Marathon takes 15 s for each answer', ['22'], FULL ? 150 : 10, {
    ...faulty('slow', { ms: FULL ? 15_000 : 3_000 }),
    patience: 60,
  }),
  seenThrough('a standby refuses and another master hangs', ['15', '24'], 40, {
    inject: async (stage) => {
      await stage.marathon.fault(standby(stage), 'refuse');
      await stage.marathon.fault((standby(stage) + 1) % 3, 'freeze');
    },
    heal: ({ marathon }) => marathon.clearFaults(),
    patience: 60,
  }),
  seenThrough('whoever passes the stream on buffers it for a minute', ['1', '24'], 20, faulty('buffer-events')),
  seenThrough('10,000 events a second', ['10', '23'], 20, faulty('flood', { perSecond: 10_000 })),
]);
