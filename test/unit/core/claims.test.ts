import { describe, expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import { createBuilder } from '../../../src/core/build.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { settleClaims } from '../../../src/core/claims.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import { app, bindsOf, build, codesOf, routesOf, SETTINGS, snapshot } from './table-rig.ts';

const OLD = '2023-01-01T00:00:00.000Z';
const web = (id: string, version: string, labels: Record<string, string> = {}, port = 10_000) =>
  app(id, { version, ports: [port], labels: { HAPROXY_0_VHOST: 'www.example.com', ...labels } });

describe('hosts', () => {
  test('the oldest configuration gets a host, the loser is told by whom, and is promoted when the owner leaves', () => {
    const [older, newer] = [web('/z', OLD, {}, 10_001), web('/a', '2024-06-01T00:00:00.000Z', {}, 10_002)];
    const both = build([newer, older]);
    expect(routesOf(both)).toEqual(['www.example.com -> z_10001']);
    expect(both.problems).toMatchObject([
      {
        code: 'HostnameConflict',
        effect: 'route-refused',
        origin: { from: 'label', app: '/a', label: 'HAPROXY_0_VHOST' },
        message:
          'HAPROXY_0_VHOST of /a: www.example.com belongs to /z, which keeps it; port 0 gets it when the owner leaves.',
      },
    ]);
    const after = build([newer], { memory: both.memory });
    expect(routesOf(after)).toEqual(['www.example.com -> a_10002']);
    expect(after.problems).toEqual([]);
  });

  test('the owner keeps its host when it is deployed anew, also beside a newcomer with all the weight', () => {
    const first = build([web('/z', OLD, {}, 10_001)]);
    const redeployed = web('/z', '2025-01-01T00:00:00.000Z', {}, 10_001);
    const newcomer = web('/a', OLD, { HAPROXY_0_BACKEND_WEIGHT: '1000' }, 10_002);
    expect(routesOf(build([newcomer, redeployed], { memory: first.memory }))).toEqual(['www.example.com -> z_10001']);
    expect(routesOf(build([newcomer, redeployed]))).toEqual(['www.example.com -> a_10002']);
  });

  test('an owner that no longer wants its host loses it', () => {
    const first = build([web('/a', OLD, {}, 10_001), web('/b', OLD, {}, 10_002)]);
    const moved = web('/a', OLD, { HAPROXY_0_VHOST: 'other.example' }, 10_001);
    expect(routesOf(build([moved, web('/b', OLD, {}, 10_002)], { memory: first.memory }))).toEqual([
      'other.example -> a_10001',
      'www.example.com -> b_10002',
    ]);
  });

  test('the same age: the first id wins', () => {
    expect(routesOf(build([web('/b', OLD, {}, 10_002), web('/a', OLD, {}, 10_001)]))).toEqual([
      'www.example.com -> a_10001',
    ]);
  });

  test('paths of one host belong to whoever asks; PATH=/ is the whole host', () => {
    const table = build([
      web('/a', OLD, {}, 10_001),
      web('/b', OLD, { HAPROXY_0_PATH: '/api' }, 10_002),
      web('/c', OLD, { HAPROXY_0_PATH: '/' }, 10_003),
    ]);
    expect(routesOf(table)).toEqual(['www.example.com -> a_10001', 'www.example.com/api -> b_10002']);
    expect(codesOf(table)).toEqual(['HostnameConflict HAPROXY_0_VHOST']);
  });

  test('a path without regard to case contests every spelling of it', () => {
    const table = build([
      web('/a', OLD, { HAPROXY_0_PATH: '/Api' }, 10_001),
      web('/b', OLD, { HAPROXY_0_PATH: '/api' }, 10_002),
      web('/c', OLD, { HAPROXY_0_PATH: '-i /API' }, 10_003),
    ]);
    expect(routesOf(table)).toEqual(['www.example.com/Api -> a_10001', 'www.example.com/api -> b_10002']);
  });

  test('within an app the higher weight wins, then the lower index', () => {
    const ports = [10_001, 10_002, 10_003];
    const labels = { HAPROXY_0_VHOST: 'w.example', HAPROXY_1_VHOST: 'w.example', HAPROXY_2_VHOST: 'w.example' };
    expect(routesOf(build([app('/a', { ports, labels })]))).toEqual(['w.example -> a_10001']);
    const weighted = build([app('/a', { ports, labels: { ...labels, HAPROXY_1_BACKEND_WEIGHT: '5' } })]);
    expect(routesOf(weighted)).toEqual(['w.example -> a_10002']);
    expect(weighted.problems.map(({ message }) => message)).toEqual([
      expect.stringContaining('w.example belongs to port 1 of the same app'),
      expect.stringContaining('w.example belongs to port 1 of the same app'),
    ]);
  });

  test('a host and its wildcard are different names', () => {
    const table = build([
      web('/a', OLD, { HAPROXY_0_VHOST: '*.example.com' }, 10_001),
      web('/b', OLD, { HAPROXY_0_VHOST: 'example.com' }, 10_002),
    ]);
    expect(routesOf(table)).toEqual(['.example.com -> a_10001', 'example.com -> b_10002']);
  });

  test('a host stays with an app that is refused or has no tasks', () => {
    const refused = web('/a', OLD, { HAPROXY_0_AUTH: 'nonsense' }, 10_001);
    expect(routesOf(build([refused, web('/b', OLD, {}, 10_002)]))).toEqual([]);
    const suspended = app('/a', { version: OLD, tasks: 0, labels: { HAPROXY_0_VHOST: 'www.example.com' } });
    expect(routesOf(build([suspended, web('/b', OLD, {}, 10_002)]))).toEqual(['www.example.com -> a_10000']);
  });
});

describe('ports', () => {
  const tcp = (id: string, labels: Record<string, string> = {}, port = 10_000) =>
    app(id, { version: OLD, ports: [port], labels });

  test('one port has one owner, who keeps it', () => {
    const table = build([tcp('/b'), tcp('/a')]);
    expect(bindsOf(table)).toEqual(['*:10000 -> a_10000']);
    expect(table.value.backends.map(({ name }) => name)).toEqual(['a_10000']);
    expect(table.problems).toMatchObject([
      { code: 'PortConflict', effect: 'route-refused', origin: { from: 'app', app: '/b' } },
    ]);
    const held = build([tcp('/b')]).memory;
    expect(bindsOf(build([tcp('/a'), tcp('/b')], { memory: held }))).toEqual(['*:10000 -> b_10000']);
  });

  test('the problem names the label where the port came from one', () => {
    const table = build([tcp('/a'), tcp('/b', { HAPROXY_0_PORT: '10000' }, 10_009)]);
    expect(codesOf(table)).toEqual(['PortConflict HAPROXY_0_PORT']);
  });

  test.each([
    ['*', '10.0.0.1', 1],
    ['10.0.0.1', '10.0.0.1', 1],
    ['10.0.0.1', '10.0.0.2', 2],
    ['*', '::', 2],
    ['::', 'fd00::1', 1],
  ])('%s and %s: %i of two bind', (first, second, count) => {
    const table = build([tcp('/a', { HAPROXY_0_BIND_ADDR: first }), tcp('/b', { HAPROXY_0_BIND_ADDR: second })]);
    expect(bindsOf(table)).toHaveLength(count);
    expect(codesOf(table).filter((code) => code.startsWith('PortConflict'))).toHaveLength(2 - count);
  });

  test('of several addresses only the contested one is lost', () => {
    const table = build([
      tcp('/a', { HAPROXY_0_BIND_ADDR: '10.0.0.1' }),
      tcp('/b', { HAPROXY_0_BIND_ADDR: '10.0.0.1,10.0.0.2' }),
    ]);
    expect(bindsOf(table)).toEqual(['10.0.0.1:10000 -> a_10000', '10.0.0.2:10000 -> b_10000']);
  });

  test.each([80, 443, 9090, 9091, 9092])('port %i belongs to Portolan itself', (port) => {
    const table = build([tcp('/a', { HAPROXY_0_PORT: `${port}`, HAPROXY_0_VHOST: 'a.example' })]);
    expect(bindsOf(table)).toEqual([]);
    expect(routesOf(table)).toEqual([`a.example -> a_${port}`]);
    expect(table.problems).toMatchObject([
      { code: 'PortConflict', message: expect.stringContaining('Portolan itself') },
    ]);
  });

  test('a shared frontend that is off reserves nothing, one on another address only that', () => {
    expect(bindsOf(build([tcp('/a', { HAPROXY_0_PORT: '80' })], { settings: { httpBind: [] } }))).toEqual([
      '*:80 -> a_80',
    ]);
    const elsewhere = tcp('/a', { HAPROXY_0_PORT: '9090', HAPROXY_0_BIND_ADDR: '10.0.0.1' });
    expect(bindsOf(build([elsewhere]))).toEqual(['10.0.0.1:9090 -> a_9090']);
  });

  test.each(['*', '0.0.0.0'])('what listens on %s leaves no address of the port to apps', (address) => {
    const one = tcp('/a', { HAPROXY_0_PORT: '9092', HAPROXY_0_BIND_ADDR: '10.0.0.1' });
    expect(bindsOf(build([one], { settings: { adminBind: { address, port: 9092 } } }))).toEqual([]);
  });
});

describe('deployment groups', () => {
  const member = app('/shop-blue', {
    version: OLD,
    labels: { HAPROXY_DEPLOYMENT_GROUP: 'shop', HAPROXY_0_VHOST: 'shop.example' },
  });

  test('an app that comes with a group’s name takes nothing of what the group had', () => {
    const before = build([member]);
    expect(routesOf(before)).toEqual(['shop.example -> shop_10000']);
    const namesake = app('/shop', { labels: { HAPROXY_0_VHOST: 'shop.example' } });
    const after = build([member, namesake], { memory: before.memory });
    expect(routesOf(after)).toEqual(['shop.example -> shop-blue_10000']);
    expect(bindsOf(after)).toEqual(['*:10000 -> shop-blue_10000']);
    expect(codesOf(after)).toContain('HostnameConflict HAPROXY_0_VHOST');
    expect(routesOf(build([member, namesake], { memory: after.memory }))).toEqual(routesOf(after));
  });

  test('a group keeps what it has, whoever comes', () => {
    const before = build([member]);
    const older = app('/a', { version: '2000-01-01T00:00:00.000Z', labels: { HAPROXY_0_VHOST: 'shop.example' } });
    expect(routesOf(build([older, member], { memory: before.memory }))).toEqual(['shop.example -> shop_10000']);
  });
});

describe('backend names', () => {
  test('two apps that flatten to one name: one is served, the other told', () => {
    const table = build([
      app('/a/b', { version: OLD, labels: { HAPROXY_0_VHOST: 'slash.example' } }),
      app('/a_b', { labels: { HAPROXY_0_VHOST: 'underscore.example' } }),
    ]);
    expect(table.value.backends.map(({ name, app: owner }) => [name, owner])).toEqual([['a_b_10000', '/a/b']]);
    expect(routesOf(table)).toEqual(['slash.example -> a_b_10000']);
    expect(codesOf(table)).toEqual(['BackendNameConflict /a_b']);
  });

  test('two ports of one app on one service port: the lower index is served', () => {
    const table = build([app('/a', { ports: [10_000, 10_001], labels: { HAPROXY_1_PORT: '10000' } })]);
    expect(table.value.backends.map(({ portIndex }) => portIndex)).toEqual([0]);
    expect(codesOf(table)).toEqual(['BackendNameConflict /a']);
  });
});

test('what nobody wants any more is not remembered', () => {
  const { memory } = build([web('/a', OLD)]);
  expect([...memory.claims]).toEqual([
    ['backend a_10000', '/a'],
    ['host www.example.com', '/a'],
    ['port *:10000', '/a'],
  ]);
  expect(build([], { memory }).memory.claims.size).toBe(0);
  expect(build([web('/a', OLD)], { memory }).memory.claims).toBe(memory.claims);
});

test('a claim that is lost blocks nobody', () => {
  const claim = (app: string, wants: readonly number[]) =>
    ({ key: app, bucket: 'x', app, holder: app, configVersion: app, weight: 0, portIndex: 0, wants }) as never;
  const overlap = (a: readonly number[], b: readonly number[]) => a.some((value) => b.includes(value));
  const { granted, lost } = settleClaims([claim('c', [2, 3]), claim('b', [1, 2]), claim('a', [1])], overlap, new Map());
  expect(granted.map(({ app }) => app)).toEqual(['a', 'c']);
  expect(lost.map(({ claim: { app }, owner }) => [app, owner.app])).toEqual([['b', 'a']]);
});

describe('a name that nobody holds', () => {
  const [older, newer] = [web('/z', OLD, {}, 10_001), web('/a', '2024-06-01T00:00:00.000Z', {}, 10_002)];
  const careful = (apps: readonly App[], memory = NO_MEMORY) =>
    createBuilder('nobody')(snapshot(...apps), SETTINGS, NO_CERTIFICATES, memory);

  test('is given to nobody where it can be found out who had it first; everything else is served', () => {
    const table = careful([newer, older]);
    expect(routesOf(table)).toEqual([]);
    expect(bindsOf(table)).toEqual(['*:10001 -> z_10001', '*:10002 -> a_10002']);
    expect(table.memory.claims.has('host www.example.com')).toBe(false);
    expect(table.open.map(({ rivals }) => rivals.map(({ key, app: of }) => [key, of]).sort())).toEqual([
      [
        ['host www.example.com', '/a'],
        ['host www.example.com', '/z'],
      ],
    ]);
    expect(table.problems.map(({ code, effect, message }) => [code, effect, message])).toEqual([
      [
        'HostnameConflict',
        'route-refused',
        'HAPROXY_0_VHOST of /a: www.example.com is asked for by /z too, and it is not known yet who had it first; nobody gets it until it is.',
      ],
      [
        'HostnameConflict',
        'route-refused',
        'HAPROXY_0_VHOST of /z: www.example.com is asked for by /a too, and it is not known yet who had it first; nobody gets it until it is.',
      ],
    ]);
  });

  test('is told also where the oldest gets it', () => {
    const table = build([newer, older]);
    expect(routesOf(table)).toEqual(['www.example.com -> z_10001']);
    expect(table.open).toHaveLength(1);
    expect(build([newer, older], { memory: table.memory }).open).toEqual([]);
  });

  test('is one again when its owner leaves two others behind, and never while somebody holds it', () => {
    const owner = web('/m', OLD, {}, 10_003);
    const build = createBuilder('nobody');
    const alone = build(snapshot(owner), SETTINGS, NO_CERTIFICATES, NO_MEMORY);
    const three = build(snapshot(newer, owner, older), SETTINGS, NO_CERTIFICATES, alone.memory);
    expect(routesOf(three)).toEqual(['www.example.com -> m_10003']);
    expect(three.open).toEqual([]);
    const two = build(snapshot(newer, older), SETTINGS, NO_CERTIFICATES, three.memory);
    expect(routesOf(two)).toEqual([]);
    expect(two.open).toHaveLength(1);
    const one = build(snapshot(newer), SETTINGS, NO_CERTIFICATES, two.memory);
    expect(routesOf(one)).toEqual(['www.example.com -> a_10002']);
    expect(one.open).toEqual([]);
  });

  test('within one app is none: its own weights and indexes decide', () => {
    const labels = { HAPROXY_1_VHOST: 'www.example.com' };
    const twice = app('/a', {
      version: OLD,
      ports: [10_000, 10_001],
      labels: { HAPROXY_0_VHOST: 'www.example.com', ...labels },
    });
    expect(routesOf(careful([twice]))).toEqual(['www.example.com -> a_10000']);
    expect(careful([twice]).open).toEqual([]);
  });

  test('is a port too, where addresses overlap; and a backend’s name', () => {
    const [a, b] = [
      app('/a', { ports: [10_000] }),
      app('/b', { ports: [10_000], labels: { HAPROXY_0_BIND_ADDR: '10.0.0.1' } }),
    ];
    expect(bindsOf(careful([a, b]))).toEqual([]);
    expect(careful([a, b]).open.map(({ rivals }) => rivals.map(({ key }) => key).sort())).toEqual([
      ['port *:10000', 'port 10.0.0.1:10000'],
    ]);
    const flat = careful([app('/x/y'), app('/x_y', { ports: [10_000] })]);
    expect(flat.value.backends).toEqual([]);
    expect(flat.open.map(({ rivals }) => rivals.map(({ app: of }) => of).sort())).toEqual([['/x/y', '/x_y']]);
  });
});

describe('a wildcard', () => {
  const wild = app('/wild', { labels: { HAPROXY_0_VHOST: '*.example.com' }, ports: [10_001] });
  const host = (id: string, name: string, port: number) =>
    app(id, { labels: { HAPROXY_0_VHOST: name }, ports: [port] });
  const notices = (table: ReturnType<typeof build>) =>
    table.problems.filter(({ effect }) => effect === 'notice').map(({ message }) => message);

  test('keeps all but the names that other apps have; its owner is told', () => {
    const table = build([wild, host('/b', 'b.example.com', 10_002), host('/far', 'a.b.example.com', 10_003)]);
    expect(routesOf(table)).toContain('.example.com -> wild_10001');
    expect(routesOf(table)).toContain('b.example.com -> b_10002');
    expect(notices(table)).toEqual([
      'HAPROXY_0_VHOST of /wild: *.example.com does not get the requests for b.example.com of /b: the most specific name wins.',
    ]);
    expect(notices(build([wild], { memory: table.memory }))).toEqual([]);
  });

  test('and a host of one app are no news', () => {
    const own = app('/wild', { labels: { HAPROXY_0_VHOST: '*.example.com,b.example.com' }, ports: [10_001] });
    expect(notices(build([own]))).toEqual([]);
  });

  test('that half of the cluster is below hears how many they are', () => {
    const many = Array.from({ length: 30 }, (_, n) => host(`/h${n}`, `h${n}.example.com`, 11_000 + n));
    expect(notices(build([wild, ...many]))).toEqual([
      'HAPROXY_0_VHOST of /wild: *.example.com does not get the requests for 30 hosts and paths of other apps: the most specific name wins.',
    ]);
  });
});
