import { describe, expect, it } from 'vitest';
import type { App, AppId, Instant, Version } from '../../../src/core/app.ts';
import { createBuilder } from '../../../src/core/build.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { EarliestVersion } from '../../../src/core/earliest-version.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { type Memory, NO_MEMORY } from '../../../src/core/memory.ts';
import type { PeerAnswer } from '../../../src/core/peer.ts';
import type { Source } from '../../../src/core/ports.ts';
import type { Served } from '../../../src/core/served.ts';
import { createKeptMemory } from '../../../src/daemon/kept-memory.ts';
import { createKeptOwners } from '../../../src/daemon/kept-owners.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { app, routesOf, SETTINGS, snapshot } from '../core/table-rig.ts';

const HOST = 'host www.example';
const web = (id: string, version: string, port: number): App =>
  app(id, { version, ports: [port], labels: { HAPROXY_0_VHOST: 'www.example' } });
const A = web('/a', '2024-01-01T00:00:00.000Z', 10_001);
const B = web('/b', '2023-01-01T00:00:00.000Z', 10_002);
const versions =
  (first: Readonly<Record<string, string | undefined>>): EarliestVersion =>
  async (id) =>
    first[id] as Version | undefined;

function rig(
  more: {
    memory?: Memory;
    served?: Served;
    unknown?: boolean;
    peers?: readonly PeerAnswer[];
    earliest?: EarliestVersion | 'absent';
  } = {},
) {
  const clock = createManualClock();
  const events: DaemonEventBody[] = [];
  const answers = { peers: more.peers ?? [], earliest: more.earliest ?? versions({ '/a': '2020', '/b': '2021' }) };
  const asked = { peers: 0 };
  const source = {
    ...(more.earliest === 'absent'
      ? {}
      : { earliest: ((...given) => (answers.earliest as EarliestVersion)(...given)) satisfies EarliestVersion }),
  } as Source;
  const owners = createKeptOwners({
    source,
    peers: {
      claims: async () => {
        asked.peers += 1;
        return answers.peers;
      },
    },
    clock,
    emit: (event) => void events.push(event),
    settings: SETTINGS,
    memory: createKeptMemory({
      load: async () => more.memory ?? NO_MEMORY,
      save: () => undefined,
      flush: async () => undefined,
    }),
    served: () => more.served,
    isUnknown: () => more.unknown === true,
  });
  const builder = createBuilder('nobody');
  let builds = 0;
  const build = async (...apps: readonly App[]) => {
    builds = 0;
    const built = owners.settled(await owners.remembered(apps), (memory) => {
      builds += 1;
      return builder(snapshot(...apps), SETTINGS, NO_CERTIFICATES, memory);
    });
    await clock.settle();
    return routesOf(built);
  };
  return { clock, owners, build, builds: () => builds, events, answers, asked };
}
const said = (events: readonly DaemonEventBody[]) =>
  events.flatMap((event) => (event.type === 'claims-taken' ? [`${event.from} ${event.count}`] : []));

describe('a name that several ask for and nobody holds', () => {
  it('is served to nobody, and then to the one of which the oldest version asks for it', async () => {
    const { build, owners, clock, events, builds } = rig();
    expect(await build(A, B)).toEqual([]);
    expect(owners.isDue?.()).toBe(true);
    expect(owners.wake?.()?.at).toBe(clock.now());
    expect(await build(A, B)).toEqual(['www.example -> a_10001']);
    expect(said(events)).toEqual(['versions 1']);
    expect(owners.claims().get(HOST)).toBe('/a');
    expect([owners.isDue?.(), owners.wake?.()]).toEqual([false, undefined]);
    expect(await build(A, B)).toEqual(['www.example -> a_10001']);
    expect(builds()).toBe(1);
    expect(events.filter(({ type }) => type === 'claims-open')).toMatchObject([
      { count: 1, apps: ['/a', '/b'] },
      { count: 0, apps: [] },
    ]);
  });

  it('belongs to whom the peers give it, whatever is older', async () => {
    const peers = [
      { url: 'http://1', claims: new Map([[HOST, '/b' as AppId]]) },
      { url: 'http://2', detail: 'no answer' },
    ];
    const { build, events } = rig({ peers });
    await build(A, B);
    expect(await build(A, B)).toEqual(['www.example -> b_10002']);
    expect(said(events)).toEqual(['peers 1']);
  });

  it('belongs to whom most peers give it, and to the older one where they are of two minds', async () => {
    const peer = (url: string, holder: string) => ({ url, claims: new Map([[HOST, holder as AppId]]) });
    const most = rig({ peers: [peer('1', '/b'), peer('2', '/a'), peer('3', '/b')] });
    await most.build(A, B);
    expect(await most.build(A, B)).toEqual(['www.example -> b_10002']);
    const even = rig({ peers: [peer('1', '/b'), peer('2', '/a'), peer('3', '/gone')] });
    await even.build(A, B);
    expect(await even.build(A, B)).toEqual(['www.example -> a_10001']);
  });

  it('waits while the versions cannot be read, is tried again ever more seldom, and nobody loses anything', async () => {
    const { build, owners, clock, answers } = rig({ earliest: versions({}) });
    const other = app('/c', { labels: { HAPROXY_0_VHOST: 'c.example' }, ports: [10_003] });
    const pauses: number[] = [];
    for (let n = 0; n < 4; n += 1) {
      expect(await build(A, B, other)).toEqual(['c.example -> c_10003']);
      const at = owners.wake?.()?.at ?? (0 as Instant);
      pauses.push(at - clock.now());
      await clock.advance(at - clock.now());
      expect(owners.isDue?.()).toBe(true);
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000]);
    answers.earliest = versions({ '/a': '2022', '/b': '2021' });
    await build(A, B, other);
    expect(await build(A, B, other)).toEqual(['c.example -> c_10003', 'www.example -> b_10002']);
  });

  it('goes to the oldest configuration where nobody knows versions', async () => {
    const { build } = rig({ earliest: 'absent' });
    await build(A, B);
    expect(await build(A, B)).toEqual(['www.example -> b_10002']);
  });

  it('goes to the one that is left when the other leaves', async () => {
    const { build, owners } = rig({ earliest: versions({}) });
    expect(await build(A, B)).toEqual([]);
    expect(await build(A)).toEqual(['www.example -> a_10001']);
    expect(owners.wake?.()).toBeUndefined();
  });
});

describe('a node that has forgotten', () => {
  const served: Served = {
    routes: [{ match: 'host', host: 'www.example', ignoreCase: false, backend: 'b_10002', app: B.id }],
    services: [],
    backends: new Map([['b_10002', { app: B.id, servers: [] }]]),
  };

  it('serves on what its HAProxy runs, and asks nobody', async () => {
    const { build, events, asked } = rig({ served });
    expect(await build(A, B)).toEqual(['www.example -> b_10002']);
    expect(said(events)).toEqual(['running 2']);
    expect(asked.peers).toBe(0);
  });

  it('believes what runs before what it remembered', async () => {
    const { build } = rig({ served, memory: { ...NO_MEMORY, claims: new Map([[HOST, '/a' as AppId]]) } });
    expect(await build(A, B)).toEqual(['www.example -> b_10002']);
  });

  it('guesses by age where something runs that cannot be seen: it must not be taken away', async () => {
    const { build } = rig({ unknown: true, earliest: versions({}) });
    expect(await build(A, B)).toEqual(['www.example -> b_10002']);
  });
});

describe('peers', () => {
  const peer = (holder: string): PeerAnswer => ({ url: 'http://1', claims: new Map([[HOST, holder as AppId]]) });
  const look = async (made: ReturnType<typeof rig>, ms: number): Promise<void> => {
    const looking = made.owners.tend?.(new AbortController().signal);
    await made.clock.settle();
    await made.clock.advance(ms);
    await looking;
  };

  it('that give a name to somebody else are told of, and nothing is done about it', async () => {
    const made = rig({ peers: [peer('/b')] });
    await made.build(A);
    await look(made, 60_000);
    expect(made.events.filter(({ type }) => type === 'peers-seen')).toMatchObject([
      {
        peers: [{ url: 'http://1', reachable: true }],
        conflicts: [{ key: HOST, here: '/a', there: '/b', peer: 'http://1' }],
      },
    ]);
    expect(await made.build(A, B)).toEqual(['www.example -> a_10001']);
    made.answers.peers = [peer('/a')];
    await look(made, 60_000);
    expect(made.events.filter(({ type }) => type === 'peers-seen').at(-1)).toMatchObject({ conflicts: [] });
  });

  it('that only were a little later are not', async () => {
    const made = rig({ peers: [peer('/b')] });
    await made.build(A);
    const looking = made.owners.tend?.(new AbortController().signal);
    await made.clock.settle();
    made.answers.peers = [peer('/a')];
    await made.clock.advance(2_000);
    await looking;
    expect(made.events.filter(({ type }) => type === 'peers-seen')).toMatchObject([{ conflicts: [] }]);
  });

  it('that are not there are told once', async () => {
    const made = rig({ peers: [{ url: 'http://1', detail: 'refused' }] });
    await made.build(A);
    await look(made, 0);
    await look(made, 0);
    expect(made.events.filter(({ type }) => type === 'peers-seen')).toMatchObject([
      { peers: [{ reachable: false, detail: 'refused' }], conflicts: [] },
    ]);
  });
});
