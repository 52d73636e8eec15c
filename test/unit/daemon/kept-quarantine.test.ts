import { expect, test } from 'vitest';
import type { App, AppId, Instant, Snapshot } from '../../../src/core/app.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { SavedApps } from '../../../src/core/ports.ts';
import type { Quarantined } from '../../../src/core/quarantine.ts';
import { createKeptQuarantine } from '../../../src/daemon/kept-quarantine.ts';
import { app, appId, build } from '../core/table-rig.ts';

const ID = appId('/a');
const snapshotOf = (...apps: readonly App[]): Snapshot => ({ takenAt: 1 as Instant, apps });
const hosts = (vhost: string, more: Readonly<Record<string, string>> = {}) =>
  app(ID, { labels: { HAPROXY_0_VHOST: vhost, ...more }, ports: [10_000] });
const accepted = (...apps: readonly App[]) => ({ snapshot: snapshotOf(...apps), table: build(apps).value });

function rig(saved: {
  readonly apps?: ReadonlyMap<AppId, App>;
  readonly quarantined?: ReadonlyMap<AppId, Quarantined>;
}) {
  const told: DaemonEventBody[] = [];
  const saves: SavedApps[] = [];
  let now = 1_000;
  const quarantine = createKeptQuarantine({
    goodApps: {
      load: async () => ({ apps: new Map(), quarantined: new Map(), ...saved }),
      save: (apps) => void saves.push(apps),
      flush: async () => undefined,
    },
    clock: { now: () => now as Instant },
    emit: (event) => void told.push(event),
    timings: { quarantineRetryMs: 600_000, suspectRetryMs: 1_000 },
  });
  const vhosts = (one: App) => quarantine.cast(snapshotOf(one)).snapshot.apps[0]?.labels.get('HAPROXY_0_VHOST');
  const later = (ms: number) => {
    now += ms;
  };
  return { quarantine, told, saves, vhosts, later };
}
const words = (told: readonly DaemonEventBody[]) => told.map(({ type }) => type);

test('an app whose label cannot be understood any more stays what it was, until it can be', () => {
  const { quarantine, told, vhosts } = rig({});
  quarantine.cast(snapshotOf(hosts('a.example')));
  quarantine.accept(accepted(hosts('a.example')));
  expect(vhosts(hosts('a b'))).toBe('a.example');
  expect(told).toMatchObject([{ type: 'app-quarantined', unread: true, label: 'HAPROXY_0_VHOST', value: 'a b' }]);
  expect(quarantine.problems()).toMatchObject([{ code: 'Quarantined', effect: 'value-ignored', value: 'a b' }]);
  expect(quarantine.isTrying()).toBe(false);
  expect(vhosts(hosts('a c'))).toBe('a.example');
  expect(vhosts(hosts('c.example'))).toBe('c.example');
  quarantine.accept(accepted(hosts('c.example')));
  expect(words(told)).toEqual(['app-quarantined', 'app-quarantined', 'app-released']);
  expect(quarantine.problems()).toEqual([]);
});

test('what is accepted while a label is spoilt does not make the spoilt one good', () => {
  const { quarantine, vhosts } = rig({});
  quarantine.cast(snapshotOf(hosts('a.example')));
  quarantine.accept(accepted(hosts('a.example')));
  const bad = hosts('a b');
  expect(vhosts(bad)).toBe('a.example');
  quarantine.accept(accepted(bad));
  expect(vhosts(hosts('a b', { HAPROXY_0_STICKY: 'true' }))).toBe('a.example');
});

test('another life knows what was good', async () => {
  const first = rig({ apps: new Map([[ID, hosts('a.example')]]) });
  await first.quarantine.load();
  expect(first.vhosts(hosts('a b'))).toBe('a.example');
});

test('nothing wakes anybody for a label: it does not become right by waiting', () => {
  const { quarantine, vhosts, later } = rig({});
  quarantine.cast(snapshotOf(hosts('a.example')));
  quarantine.accept(accepted(hosts('a.example')));
  vhosts(hosts('a b'));
  expect(quarantine.wake()).toBeUndefined();
  later(700_000);
  expect(quarantine.review({} as never, {} as never)).toBe(false);
});

test('other certificates are a reason to look again, and the label is as bad as it was', () => {
  const { quarantine, told, vhosts } = rig({});
  quarantine.review({} as never, {} as never);
  quarantine.cast(snapshotOf(hosts('a.example')));
  quarantine.accept(accepted(hosts('a.example')));
  const bad = hosts('a b');
  vhosts(bad);
  expect(quarantine.review({} as never, { usable: ['new'] } as never)).toBe(true);
  expect(vhosts(bad)).toBe('a.example');
  expect(quarantine.isTrying()).toBe(false);
  expect(words(told)).toEqual(['app-quarantined']);
});

test('an app that nobody knew is none of its business', () => {
  const { quarantine, told, vhosts } = rig({});
  expect(vhosts(hosts('a b'))).toBe('a b');
  expect([told, quarantine.problems()]).toEqual([[], []]);
});
