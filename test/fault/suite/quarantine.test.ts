import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { AppView } from '../../../src/core/apps-view.ts';
import type { RouteView } from '../../../src/core/routes-view.ts';
import type { Json } from '../../../src/demo/json.ts';
import { selfSignedPem } from '../../support/pem.ts';
import { PICKY_HOST, PICKY_MARKS, writePickyHaproxy } from '../../support/picky-haproxy.ts';
import { createPlatform, customerApp } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';
import { hostileLabels } from './hostile-labels.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage } from './scenario.ts';
import { FULL } from './stage.ts';

const folder = await mkdtemp(join(tmpdir(), 'picky-'));
afterAll(() => rm(folder, { recursive: true, force: true }));
const picky = await writePickyHaproxy(folder);
const certificates = join(folder, 'certificates');
await mkdir(certificates);
await writeFile(join(certificates, 'web.pem'), await selfSignedPem(folder, 'app-0.fault.example'));

const labelled = (vhost: string, labels: Json = {}): Json => {
  const { labels: all } = customerApp('/any', { labels: { HAPROXY_0_VHOST: vhost, ...labels } });
  return { labels: all as Json };
};
/**
 * Puts labels on the first `count` apps of a stage, beside their vhost. Marathon replaces their tasks for that: it is over when this
 * resolves, or a Portolan that is killed would miss the tasks that are.
 */
async function relabel({ marathon, apps }: Stage, labels: Json, count = 1): Promise<void> {
  const some = apps.slice(0, count);
  await Promise.all(some.map(({ id, vhost }) => marathon.put(id, labelled(vhost, labels), true)));
  await Promise.all(some.map(({ id }) => marathon.settled(id)));
}
const appOf = async ({ portolan }: Pick<Stage, 'portolan'>, id: string): Promise<AppView | undefined> =>
  ((await portolan.admin('/v1/apps')).body as { readonly apps?: readonly AppView[] }).apps?.find(
    (app) => app.id === id,
  );
const isHeld = async (stage: Pick<Stage, 'portolan'>, id: string): Promise<boolean> => {
  const app = await appOf(stage, id);
  return app?.problems.some(({ code, effect }) => code === 'Quarantined' && effect === 'value-ignored') ?? false;
};
const serversOf = async ({ portolan }: Pick<Stage, 'portolan'>, vhost: string): Promise<number> => {
  const { routes } = (await portolan.admin('/v1/routes')).body as { readonly routes: readonly RouteView[] };
  return routes.find(({ route }) => route === vhost)?.servers.filter(({ state }) => state === 'up').length ?? 0;
};
const held = (scenario: Pick<Scenario, 'name' | 'inject' | 'heal'> & Partial<Scenario>): Scenario => ({
  rows: ['4', 'I6'],
  seconds: { full: 20, short: 2 },
  shows: ({ degraded }) => (degraded.includes('apps-quarantined') ? 'apps-quarantined' : undefined),
  ...scenario,
});

const RIVAL = '/extra/rival';

/** Several apps at once, refused in one of HAProxy's ways: each is held, and nobody else. */
const several = (name: string, mark: string): Scenario =>
  held({
    name,
    inject: async (stage) => {
      await relabel(stage, { HAPROXY_0_HTTP_BACKEND_REDIR: mark }, 3);
    },
    during: async (stage) => {
      for (const { id } of stage.apps.slice(0, 3)) await until(`${id} is held`, () => isHeld(stage, id), 30_000);
      const others = await Promise.all(stage.apps.slice(3).map(({ id }) => isHeld(stage, id)));
      expect(others).not.toContain(true);
    },
    heal: async (stage) => {
      await relabel(stage, {}, 3);
    },
  });

faultSuite(
  'HAProxy refuses what an app asks for',
  25_400,
  { flags: ['--haproxy', picky, '--ssl-certs', certificates] },
  [
    held({
      name: 'ciphers that it does not know, on an app that is scaled meanwhile',
      ...(FULL ? {} : { restart: false }),
      rows: ['4', '16', 'I6'],
      inject: async (stage) => {
        const labels = { HAPROXY_0_SSL_CERT: 'web.pem', HAPROXY_0_BIND_OPTIONS: 'ciphers no-such-cipher' };
        await relabel(stage, labels);
      },
      during: async (stage) => {
        const [app] = stage.apps;
        if (app === undefined) throw new Error('a stage has apps');
        await until(`${app.id} is held`, () => isHeld(stage, app.id), 30_000);
        const [problem] = (await appOf(stage, app.id))?.problems.filter(({ code }) => code === 'Quarantined') ?? [];
        expect(problem).toMatchObject({ label: 'HAPROXY_0_BIND_OPTIONS', value: 'ciphers no-such-cipher' });
        expect(problem?.message).toContain("unable to set SSL cipher list to 'no-such-cipher'");
        await stage.marathon.scale(app.id, 4, true);
        await until(
          'the old form serves with the new servers',
          async () => (await serversOf(stage, app.vhost)) === 4,
          40_000,
        );
      },
      heal: async (stage) => {
        await relabel(stage, {});
        for (const { id } of stage.apps.slice(0, 1)) await stage.marathon.scale(id, 2, true);
      },
      patience: 40,
    }),
    held({
      name: 'a host that the socket has taken already',
      onlyFull: true,
      inject: async (stage) => {
        const [app] = stage.apps;
        await relabel(stage, { HAPROXY_0_VHOST: `${app?.vhost},${PICKY_HOST}.fault.example` });
      },
      during: async (stage) => {
        for (const { id } of stage.apps.slice(0, 1)) await until(`${id} is held`, () => isHeld(stage, id), 30_000);
        await until('the host is gone', async () => (await stage.ask(`${PICKY_HOST}.fault.example`)) === 503, 30_000);
      },
      heal: async (stage) => {
        await relabel(stage, {});
      },
    }),
    { ...several('three apps at once, by their proxies’ names alone', PICKY_MARKS.name), onlyFull: true },
    several('three apps at once, without a word about whose it is', PICKY_MARKS.mute),
    held({
      name: 'an app that gives its host away in the same step, while somebody else waits for it',
      onlyFull: true,
      prepare: async (stage) => {
        const [app] = stage.apps;
        await stage.marathon.post(customerApp(RIVAL, { labels: { HAPROXY_0_VHOST: app?.vhost ?? '' } }));
        await until('the rival waits', async () => ((await appOf(stage, RIVAL))?.problems.length ?? 0) > 0, 30_000);
        await stage.marathon.settled(RIVAL);
      },
      inject: async (stage) => {
        const labels = { HAPROXY_0_VHOST: 'away.fault.example', HAPROXY_0_HTTP_BACKEND_REDIR: PICKY_MARKS.mute };
        await relabel(stage, labels);
      },
      during: async (stage) => {
        for (const { id } of stage.apps.slice(0, 1)) await until(`${id} is held`, () => isHeld(stage, id), 30_000);
      },
      heal: async (stage) => {
        await relabel(stage, {});
        await stage.marathon.delete(RIVAL);
        await stage.marathon.settled(RIVAL);
      },
    }),
    hostileLabels(),
  ],
);

const HOSTS = ['one', 'two', 'three'].map((name) => `${name}.refused.example`);

// HAProxy itself is killed: what is asked at that moment is lost, so that nothing is counted here.
test('Portolan and HAProxy are killed while an app is refused and Marathon is away: its old form serves again', {
  timeout: 180_000,
}, async () => {
  const platform = await createPlatform(25_600, { flags: ['--haproxy', picky, '--poll-interval', '3s'] });
  const { marathon, portolan } = platform;
  const serve = async (host: string) => (await get(portolan.ports.http, '/', { host })).status === 200;
  try {
    for (const [n, host] of HOSTS.entries())
      await marathon.post(customerApp(`/refused/${n}`, { instances: 2, labels: { HAPROXY_0_VHOST: host } }));
    for (const host of HOSTS) await until(`${host} serves`, () => serve(host), 40_000);
    await until('good definitions are on disk', async () =>
      (await readFile(join(portolan.stateDir, 'good-apps.json'), 'utf8').catch(() => '')).includes(
        'two.refused.example',
      ),
    );
    await marathon.put(
      '/refused/1',
      labelled('elsewhere.refused.example', { HAPROXY_0_HTTP_BACKEND_REDIR: PICKY_MARKS.mute }),
    );
    await until('it is held', () => isHeld(platform, '/refused/1'), 40_000);
    await marathon.settled();
    // The disk follows the socket within seconds. Who is killed before it did has the servers of before, which are gone.
    const places = HOSTS.flatMap((_host, n) =>
      marathon
        .tasks(`/refused/${n}`)
        .flatMap(({ listens }) => listens.map(({ address, port }) => `${address}:${port}`)),
    );
    expect(places.length).toBe(2 * HOSTS.length);
    await until('the servers of now are on disk', async () => {
      const text = await readFile(join(portolan.stateDir, 'last-good', 'haproxy.cfg'), 'utf8');
      return places.every((place) => text.includes(` ${place} `));
    });
    const haproxy = ((await portolan.admin('/v1/status')).body as { haproxy: { masterPid: number; workerPid: number } })
      .haproxy;
    await marathon.fault('all', 'refuse');
    await portolan.crash();
    for (const pid of [haproxy.masterPid, haproxy.workerPid]) process.kill(pid, 'SIGKILL');
    await portolan.start();
    for (const host of HOSTS) await until(`${host} serves again`, () => serve(host), 30_000);
    await marathon.clearFaults();
    await until('it is still held', () => isHeld(platform, '/refused/1'), 40_000);
    for (const host of HOSTS) expect(await serve(host)).toBe(true);
    expect(await serve('elsewhere.refused.example')).toBe(false);
    await marathon.put('/refused/1', labelled('elsewhere.refused.example'));
    await until('what it asks for now is served', () => serve('elsewhere.refused.example'), 40_000);
    expect(await isHeld(platform, '/refused/1')).toBe(false);
  } finally {
    await platform.destroy();
  }
});
