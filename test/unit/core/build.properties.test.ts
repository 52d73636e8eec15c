import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import type { BuiltTable } from '../../../src/core/build.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import type { Problem } from '../../../src/core/problem.ts';
import { appOf, apps, drawn, IDS, labelName } from '../../support/hostile-apps.ts';
import { bindsOf, build, CERTIFICATES } from './table-rig.ts';

const built = (list: readonly App[], memory = NO_MEMORY): BuiltTable =>
  build(list, { certificates: CERTIFICATES, memory });

const NAME = /^[A-Za-z0-9._-]+_\d{1,5}$/;
const PLAIN_PATH = /^\/[A-Za-z0-9._~/:@,=-]*$/;
const MAP_PATH = /^\/[!-~]*$/;
const ADDRESS = /^[0-9a-f.:]+$/;
const NO_QUOTES = /^[^\s"'\\#\u007f-\uffff]+$/;
const HOST = /^\.?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Every text of the table that somebody else can influence, with what it may look like at most. */
function* textsOf({
  value: { services, routes, appIds, backends },
}: BuiltTable): Generator<readonly [string, string, RegExp]> {
  for (const { name, binds } of services) {
    yield ['service', name, NAME];
    for (const { address, certificate, options } of binds) {
      yield ['bind', address, /^(\*|[0-9a-f.:]+)$/];
      if (certificate !== undefined) yield ['certificate', certificate.value, /^\/certs\/[a-z.]+$/];
      for (const option of options)
        if ('argument' in option) yield ['option', option.argument, /^[A-Za-z0-9!@+=:_.,/-]+$/];
    }
  }
  for (const { host, path, backend } of routes) {
    yield ['host', host, HOST];
    if (path !== undefined) yield ['path', path, MAP_PATH];
    if (path !== undefined) yield ['path', path, NO_QUOTES];
    yield ['backend', backend, NAME];
  }
  for (const { appId, backend } of appIds) {
    yield ['app id', appId, /^\/[a-z0-9._/-]+$/];
    yield ['backend', backend, NAME];
  }
  for (const backend of backends) {
    yield ['backend', backend.name, NAME];
    yield ['balance', backend.profile.balance, /^[a-z_-]+(\([A-Za-z0-9_-]+\))?$/];
    yield ['check path', backend.checkPath, /^\/[!-~]*$/];
    yield ['check path', backend.checkPath, NO_QUOTES];
    if (backend.auth !== undefined) {
      yield ['realm', backend.auth.value.realm, /^[A-Za-z0-9 !&()*+,./;<=>?@^_{|}~-]+$/];
      yield ['user', backend.auth.value.user, /^[A-Za-z0-9._@+-]+$/];
      yield ['hash', backend.auth.value.passwordHash, /^[A-Za-z0-9./$=,:+*@_-]+$/];
    }
    for (const network of backend.allowedNetworks?.value ?? []) yield ['network', network, /^[0-9a-f.:]+(\/\d+)?$/];
    for (const setting of [backend.proxyPass, backend.reverseProxy, backend.rootRedirect]) {
      if (setting !== undefined) yield ['rewrite', setting.value.path, PLAIN_PATH];
    }
    for (const host of backend.reverseProxy?.value.hosts ?? []) yield ['host', host, HOST];
    for (const {
      name,
      endpoint: { address },
      check: words,
      cookie,
    } of backend.servers) {
      yield ['server', name, /^[A-Za-z0-9_-]+$/];
      yield ['address', address, ADDRESS];
      if (words?.path !== undefined) yield ['check path', words.path, NO_QUOTES];
      if (cookie !== undefined) yield ['cookie', cookie, /^[0-9a-f]{10}$/];
    }
  }
}

const isPresentable = ({ message, value = '', origin }: Problem): boolean =>
  /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]{1,500}$/.test(message) &&
  value.length <= 120 &&
  /^(app|label)$/.test(origin.from);

describe('whatever labels say', () => {
  test('nothing throws, every text of the table is harmless, every problem is one short line', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const table = built(list);
        expect([...textsOf(table)].filter(([, text, shape]) => !shape.test(text))).toEqual([]);
        expect(table.problems.filter((problem) => !isPresentable(problem))).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  test('hashes of passwords are in no problem', () => {
    fc.assert(
      fc.property(apps, labelName, fc.constantFrom('r:u:', 'u:', '', ':', 'a b:c:'), (list, name, prefix) => {
        const secret = '$5$s$TOPSECRETTOPSECRET';
        const guilty = list.map((one) => ({
          ...one,
          labels: new Map([...one.labels, ['HAPROXY_0_AUTH', `${prefix}${secret}`], [`${name}X`, secret]]),
        }));
        expect(JSON.stringify(built(guilty).problems)).not.toContain('TOPSECRET');
      }),
      { numRuns: 150 },
    );
  });

  test('the table holds together: names are unique, and everything leads somewhere', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const table = built(list);
        const { services, routes, appIds, backends } = table.value;
        const names = backends.map(({ name }) => name);
        const unique = (texts: readonly string[]) => expect(new Set(texts).size).toBe(texts.length);
        unique(names);
        unique(bindsOf(table).map((bind) => bind.split(' ')[0] ?? ''));
        unique(routes.map(({ host, path = '', ignoreCase }) => `${host}${path}${ignoreCase}`));
        const led = new Set([...services, ...routes, ...appIds].map(({ backend }) => backend));
        expect([...led].sort()).toEqual([...names].sort());
        for (const { servers } of backends) {
          unique(servers.map(({ name }) => name));
          unique(servers.map(({ id }) => `${id}`));
        }
        for (const { backend, binds } of services) {
          expect(backends.find(({ name }) => name === backend)?.servers.length).toBeGreaterThan(0);
          for (const { port } of binds) expect([80, 443, 9091]).not.toContain(port);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('the order of apps and labels does not matter', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const shuffled = list.toReversed().map((one) => ({ ...one, labels: new Map([...one.labels].reverse()) }));
        expect(built(shuffled)).toEqual(built(list));
      }),
      { numRuns: 150 },
    );
  });
});

/** Everything that leads to an app, as texts. */
const rowsOf = ({ value }: BuiltTable, id: string): readonly string[] => [
  ...value.routes.flatMap((route) => (route.app === id ? [JSON.stringify(route)] : [])),
  ...value.services.flatMap((service) =>
    service.app === id ? service.binds.map((bind) => JSON.stringify([service.name, bind])) : [],
  ),
];
const withoutGroup = (one: App): App => ({
  ...one,
  labels: new Map([...one.labels].filter(([name]) => !name.startsWith('HAPROXY_DEPLOYMENT_'))),
});
const LOSSES = ['HostnameConflict', 'PortConflict', 'BackendNameConflict', 'RouteShadowed'];

describe('among apps', () => {
  test('the labels of one change another’s services only by a claim that is told', () => {
    fc.assert(
      fc.property(drawn, drawn, (mine, others) => {
        const victim = withoutGroup(appOf('/victim', mine));
        const alone = built([victim]);
        const together = built([victim, withoutGroup(appOf('/other', others))]);
        const [before, after] = [rowsOf(alone, '/victim'), rowsOf(together, '/victim')];
        expect(before).toEqual(expect.arrayContaining([...after]));
        const told = together.problems.filter(
          ({ code, origin }) => LOSSES.includes(code) && 'app' in origin && origin.app === '/victim',
        ).length;
        const toldAlone = alone.problems.filter(({ code }) => LOSSES.includes(code)).length;
        expect(told - toldAlone).toBeGreaterThanOrEqual(before.length - after.length);
        for (const backend of together.value.backends.filter((candidate) => candidate.app === '/victim')) {
          expect(alone.value.backends).toContainEqual(backend);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('whoever holds a host or a port keeps it, whoever comes', () => {
    fc.assert(
      fc.property(drawn, fc.array(drawn, { maxLength: 3 }), (mine, others) => {
        const owner = withoutGroup(appOf('/owner', { ...mine, age: 3 }));
        const before = built([owner]);
        const newcomers = others.map((one, index) => withoutGroup(appOf(IDS[index] ?? '/x', one)));
        const after = built([...newcomers, owner], before.memory);
        const shadowed = after.problems.filter(({ code }) => code === 'RouteShadowed').length;
        const missing = rowsOf(before, '/owner').filter((row) => !rowsOf(after, '/owner').includes(row));
        expect(missing.filter((row) => row.startsWith('['))).toEqual([]);
        expect(missing.length).toBeLessThanOrEqual(shadowed);
        for (const [claim, app] of before.memory.claims)
          expect([claim, after.memory.claims.get(claim)]).toEqual([claim, app]);
      }),
      { numRuns: 150 },
    );
  });

  test('a pass with the memory of the last one changes nothing', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const first = built(list);
        const second = built(list, first.memory);
        expect(second.value).toEqual(first.value);
        expect(second.memory).toEqual(first.memory);
      }),
      { numRuns: 150 },
    );
  });
});
