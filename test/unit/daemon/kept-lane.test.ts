import { describe, expect, test } from 'vitest';
import type { LeavingTask } from '../../../src/core/leaving.ts';
import type { RoutingTable, Server, ServerName } from '../../../src/core/routing.ts';
import { byRoute } from '../../../src/core/table-diff.ts';
import { createLaneStage, type LaneStage } from '../../support/lane-stage.ts';
import { appId, asked, backend, backendName, HTTP_PROFILE, route, server, table } from '../../support/tables.ts';

const CHECKED = { ...HTTP_PROFILE, check: 'http', checkTimeout: 20 } as const;
const checked = (port: number, interMs = 5_000): Server =>
  server(port, { id: port - 8_000, check: { tls: false, interMs, fall: 3 } });

/** App `/web` with these servers. */
const web = (...servers: readonly Server[]): RoutingTable =>
  table({
    backends: [backend('web_10000', { profile: CHECKED, servers })],
    routes: [route('web.example', 'web_10000')],
  });

const ONE = web(checked(8_001));
const TWO = web(checked(8_001), checked(8_002));
const leaves = (port: number): readonly LeavingTask[] => [
  { app: appId('/web'), task: `task.${port}` as LeavingTask['task'] },
];
const readyIn = ({ haproxy }: LaneStage, name: string): readonly string[] =>
  [...(haproxy.backends.get(name) ?? [])].flatMap(([server, { admission }]) => (admission === 'ready' ? [server] : []));

/** A lane that has been carried to a table. */
async function carried(at: RoutingTable): Promise<LaneStage> {
  const stage = createLaneStage(at);
  expect(await stage.carry(at)).toMatchObject({ kind: 'carried' });
  stage.heard.length = 0;
  return stage;
}

test('reads everything before the first command, and afterwards what it touched', async () => {
  const stage = createLaneStage(ONE);
  expect(await stage.carry(TWO)).toMatchObject({ kind: 'carried' });
  expect(stage.heard).toEqual(['read', 'add-server', 'read']);
  expect(stage.haproxy.differsFrom(TWO)).toEqual([]);
});

test('nothing is read, and nothing said, where nothing changed', async () => {
  const stage = await carried(TWO);
  expect(await stage.carry(TWO)).toMatchObject({ kind: 'carried', commands: [] });
  expect(stage.heard).toEqual([]);
});

test('after a doubt everything is read, and only what is missing is said again', async () => {
  const stage = await carried(ONE);
  const three = web(checked(8_001), checked(8_002), checked(8_003));
  stage.ends.push({ after: 1, result: { kind: 'doubt', detail: 'cut' } });
  expect(await stage.carry(three)).toMatchObject({ kind: 'doubt', because: 'doubt', detail: 'cut' });
  expect(await stage.lane.isDue()).toBe(true);
  expect(await stage.carry(three)).toMatchObject({ kind: 'carried', commands: [{ do: 'add-server' }] });
  expect(stage.heard).toEqual(['read', 'add-server', 'read', 'add-server', 'read']);
  expect(await stage.lane.isDue()).toBe(false);
});

describe('what a batch is to touch is read first', () => {
  const hosts = 'maps/hosts.map';
  /** A stage, the server of which somebody has done something to. */
  async function meddled(meddle: (stage: LaneStage) => void): Promise<LaneStage> {
    const stage = await carried(TWO);
    meddle(stage);
    return stage;
  }
  const THREE = web(checked(8_001), checked(8_002), checked(8_003));

  test('and the batch goes as planned where it is as known', async () => {
    const stage = await carried(ONE);
    expect(await stage.carry(TWO)).toMatchObject({ commands: [{ do: 'add-server' }], drift: [], uncertain: [] });
    expect(stage.heard).toEqual(['read', 'add-server', 'read']);
  });

  test.each<readonly [string, (stage: LaneStage) => void, object, string]>([
    [
      'a server in maintenance',
      ({ haproxy }) =>
        haproxy.run({
          do: 'set-admission',
          backend: backendName('web_10000'),
          server: '127_0_0_1_8001' as ServerName,
          admission: 'maint',
        }),
      { what: 'server-admission', backend: 'web_10000', server: { name: '127_0_0_1_8001' } },
      'revive-server',
    ],
    [
      'a server that is gone',
      ({ haproxy }) => void haproxy.backends.get('web_10000')?.delete('127_0_0_1_8001'),
      { what: 'server-missing', backend: 'web_10000', server: { name: '127_0_0_1_8001' } },
      'add-server',
    ],
  ])('%s by hand is put right by the same batch, and drift once', async (_, meddle, drift, command) => {
    const stage = await meddled(meddle);
    expect(await stage.carry(THREE)).toMatchObject({ kind: 'carried', drift: [drift], uncertain: [] });
    expect(stage.heard.toSorted()).toEqual(['read', 'read', command, 'add-server'].toSorted());
    expect(stage.haproxy.differsFrom(THREE)).toEqual([]);
    expect(await stage.carry(TWO)).toMatchObject({ kind: 'carried', drift: [], uncertain: [] });
  });

  test.each<readonly [string, (rows: Map<string, string>) => void, string]>([
    ['changed', (rows) => void rows.set('web.example', 'spare_http_http_1'), 'row-wrong'],
    ['deleted', (rows) => void rows.delete('web.example'), 'row-missing'],
  ])('a row that was %s by hand does not stop its change', async (_, meddle, what) => {
    const stage = await meddled(({ haproxy }) => meddle(haproxy.maps.get(hosts) ?? new Map()));
    const gone = table({ backends: TWO.backends });
    expect(await stage.carry(gone)).toMatchObject({ kind: 'carried', drift: [{ what, key: 'web.example' }] });
    expect(stage.haproxy.differsFrom(gone)).toEqual([]);
    expect(await stage.lane.isDue()).toBe(false);
  });

  test("a row that somebody has added is in nobody's way", async () => {
    const stage = await meddled(({ haproxy }) => haproxy.maps.get(hosts)?.set('more.example', 'nowhere'));
    const more: RoutingTable = { ...TWO, routes: [...TWO.routes, route('more.example', 'web_10000')].sort(byRoute) };
    expect(await stage.carry(more)).toMatchObject({
      commands: [{ do: 'set-row' }],
      drift: [{ what: 'row-extra', key: 'more.example', found: 'nowhere' }],
    });
    expect(stage.haproxy.differsFrom(more)).toEqual([]);
  });

  test('what it does not touch is left to the comparison', async () => {
    const stage = await meddled(({ haproxy }) => haproxy.maps.get(hosts)?.set('web.example', 'nowhere'));
    expect(await stage.carry(THREE)).toMatchObject({ commands: [{ do: 'add-server' }], drift: [] });
  });

  test('a reading that fails is a doubt, and nothing was said', async () => {
    const stage = await carried(ONE);
    stage.unread = 1;
    expect(await stage.carry(TWO)).toMatchObject({ kind: 'doubt', because: 'doubt' });
    expect(stage.heard).toEqual(['read']);
    expect(await stage.lane.isDue()).toBe(true);
    expect(await stage.carry(TWO)).toMatchObject({ kind: 'carried', commands: [{ do: 'add-server' }] });
  });

  test('drift is told too where the batch ends in doubt', async () => {
    const stage = await meddled(({ haproxy }) => void haproxy.backends.get('web_10000')?.delete('127_0_0_1_8001'));
    stage.ends.push({ after: 0, result: { kind: 'doubt', detail: 'cut' } });
    expect(await stage.carry(THREE)).toMatchObject({ kind: 'doubt', drift: [{ what: 'server-missing' }] });
  });

  test('nobody is taken out by an event while those who should stay are not there', async () => {
    const stage = await meddled(({ haproxy }) => void haproxy.backends.get('web_10000')?.delete('127_0_0_1_8002'));
    expect(await stage.lane.leave(leaves(8_001))).toEqual({ servers: 0, last: false, unsure: true });
    expect(readyIn(stage, 'web_10000')).toEqual(['127_0_0_1_8001']);
    expect(await stage.lane.isDue()).toBe(true);
    expect(await stage.carry(TWO)).toMatchObject({ kind: 'carried', drift: [{ what: 'server-missing' }] });
    expect(readyIn(stage, 'web_10000')).toEqual(['127_0_0_1_8002']);
  });
});

describe('words of servers, which HAProxy does not show', () => {
  test('are remembered over a doubt', async () => {
    const stage = await carried(ONE);
    stage.lane.doubt();
    expect(await stage.carry(web(checked(8_001, 9_000)))).toMatchObject({
      kind: 'reload',
      needs: [{ because: 'server-changed', server: '127_0_0_1_8001' }],
    });
  });

  test('are remembered of servers that the batch in doubt has added', async () => {
    const stage = await carried(ONE);
    stage.ends.push({ after: 1, result: { kind: 'doubt', detail: 'reset' } });
    await stage.carry(TWO);
    const changed = web(checked(8_001), checked(8_002, 9_000));
    expect(await stage.carry(changed)).toMatchObject({ kind: 'reload', needs: [{ server: '127_0_0_1_8002' }] });
  });

  test('are read from what an earlier life published', async () => {
    const stage = await carried(ONE);
    await stage.carry(TWO);
    stage.restart();
    const changed = web(checked(8_001), checked(8_002, 9_000));
    expect(await stage.carry(changed, TWO)).toMatchObject({ kind: 'reload', needs: [{ server: '127_0_0_1_8002' }] });
    stage.restart();
    expect(await stage.carry(TWO, TWO)).toMatchObject({ kind: 'carried', commands: [] });
  });
});

describe('tasks that leave', () => {
  test('are out for certain when they are told of again, and for nobody knows while it is not known what runs', async () => {
    const stage = await carried(TWO);
    await stage.lane.leave(leaves(8_001));
    stage.heard.length = 0;
    expect(await stage.lane.leave(leaves(8_001))).toEqual({ servers: 0, last: false, unsure: false });
    expect(stage.heard).toEqual([]);
    stage.lane.doubt();
    expect(await stage.lane.leave(leaves(8_001))).toEqual({ servers: 0, last: false, unsure: true });
  });

  test('stay out of rotation after a reload, whose configuration lists them', async () => {
    const stage = await carried(TWO);
    expect(await stage.lane.leave(leaves(8_001))).toEqual({ servers: 1, last: false, unsure: false });
    expect(await stage.lane.isDue()).toBe(false);
    stage.reload(TWO);
    expect(readyIn(stage, 'web_10000')).toHaveLength(2);
    expect(await stage.lane.isDue()).toBe(true);
    await stage.carry(TWO);
    expect(readyIn(stage, 'web_10000')).toEqual(['127_0_0_1_8002']);
    expect(await stage.lane.isDue()).toBe(false);
  });

  test('come back when they have not left in time, though nothing else changed', async () => {
    const stage = await carried(TWO);
    await stage.lane.leave(leaves(8_001));
    stage.advance(59_999);
    expect(await stage.lane.isDue()).toBe(false);
    stage.advance(1);
    expect(await stage.lane.isDue()).toBe(true);
    await stage.carry(TWO);
    expect(readyIn(stage, 'web_10000')).toHaveLength(2);
  });

  test('leave a doubt that is looked into, though nothing else changed', async () => {
    const stage = await carried(TWO);
    stage.ends.push({ after: 0, result: { kind: 'doubt', detail: 'no answer' } });
    expect(await stage.lane.leave(leaves(8_001))).toEqual({ servers: 0, last: false, unsure: true });
    expect(await stage.lane.isDue()).toBe(true);
    await stage.carry(TWO);
    expect(readyIn(stage, 'web_10000')).toEqual(['127_0_0_1_8002']);
  });

  test('are read back: what HAProxy only says it did is a doubt', async () => {
    const stage = await carried(TWO);
    stage.ends.push({ after: 0, result: { kind: 'done', ms: 0, left: [] } });
    expect(await stage.lane.leave(leaves(8_001))).toEqual({ servers: 0, last: false, unsure: true });
    expect(await stage.lane.isDue()).toBe(true);
  });

  test('the last one of a backend goes on', async () => {
    const stage = await carried(ONE);
    expect(await stage.lane.leave(leaves(8_001))).toEqual({ servers: 0, last: true, unsure: false });
    expect(await stage.lane.isDue()).toBe(false);
    expect(readyIn(stage, 'web_10000')).toEqual(['127_0_0_1_8001']);
  });
});

test('a doubt from outside counts, also while a batch is under way', async () => {
  const stage = await carried(ONE);
  stage.meanwhile = () => stage.lane.doubt();
  expect(await stage.carry(TWO)).toMatchObject({ kind: 'doubt' });
  stage.meanwhile = () => undefined;
  stage.heard.length = 0;
  expect(await stage.carry(TWO)).toMatchObject({ kind: 'carried', commands: [] });
  expect(stage.heard).toEqual(['read']);
});

test('a reload that overtakes the fast lane is what runs', async () => {
  const stage = await carried(TWO);
  stage.meanwhile = () => stage.reload(ONE);
  await stage.lane.leave(leaves(8_001));
  stage.meanwhile = () => undefined;
  expect(await stage.carry(TWO)).toMatchObject({ kind: 'carried' });
  expect(readyIn(stage, 'web_10000')).toEqual(['127_0_0_1_8002']);
});

test('where nothing can be carried, nothing is due', async () => {
  const stage = await carried(ONE);
  stage.lane.doubt();
  stage.tier = 'D';
  expect(await stage.carry(TWO)).toMatchObject({ kind: 'reload', needs: [{ because: 'no-runtime' }] });
  expect(await stage.lane.isDue()).toBe(false);
});

test('a host that moves to a backend that only a reload brings is answered by the one before until then', async () => {
  const old = backend('old_10000', { servers: [checked(8_001)], profile: CHECKED });
  const closed = backend('new_10001', {
    servers: [checked(8_002)],
    profile: CHECKED,
    auth: asked({ realm: 'r', user: 'u', passwordHash: '$5$x' }),
  });
  const before = table({ backends: [old], routes: [route('x.example', 'old_10000')] });
  const stage = await carried(before);
  for (const backends of [[old, closed], [closed]]) {
    const after = table({ backends, routes: [route('x.example', 'new_10001')] });
    expect(await stage.carry(after)).toMatchObject({ kind: 'reload' });
    expect(stage.haproxy.answered()).toContain('maps/hosts.map x.example');
  }
});

test('servers that nobody knows answer until a wanted one can', async () => {
  const stage = createLaneStage(web(checked(8_009)));
  const locked: RoutingTable = {
    ...ONE,
    backends: ONE.backends.map((one) => ({ ...one, profile: { ...CHECKED, balance: 'leastconn' as const } })),
  };
  expect(await stage.carry(locked)).toMatchObject({ kind: 'reload', needs: [{ because: 'backend-changed' }] });
  expect(readyIn(stage, 'web_10000')).toEqual(['127_0_0_1_8009']);
});
