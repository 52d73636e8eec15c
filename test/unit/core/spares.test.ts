import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { loadedConfig, loadedTable } from '../../../src/core/loaded.ts';
import { createRenderer } from '../../../src/core/render.ts';
import { backendName } from '../../../src/core/servers.ts';
import { createSpares, fitsSpare, isSpareName, SPARE_SIZES, sparesAmong } from '../../../src/core/spares.ts';
import { type Cookies, profileName } from '../../../src/core/template-views.ts';
import {
  appId,
  asked,
  backend,
  HTTP_PROFILE,
  route,
  server,
  service,
  settings,
  TCP_PROFILE,
  table,
  templates,
} from '../../support/tables.ts';

const PLACE = { runtimeSocket: 'run/s.sock', stateFile: 'state' };
const SETTINGS = settings({ httpBind: [{ address: '127.0.0.1', port: 18_090 }] });

function renderer(over: Parameters<typeof templates>[0] = {}, cookies: Cookies = 'named') {
  const made = createRenderer(templates(over), cookies);
  if (!made.ok) throw new Error(made.failure.message);
  return made.value;
}

describe('the pool', () => {
  test('has as many of each kind as was asked for, each name once', () => {
    const spares = createSpares(SPARE_SIZES, 'B');
    const kinds = Map.groupBy(spares, ({ profile }) => `${profile.mode}${profile.sticky ? ' sticky' : ''}`);
    expect([...kinds].map(([kind, list]) => [kind, list.length])).toEqual([
      ['http', 200],
      ['http sticky', 50],
      ['tcp', 50],
    ]);
    expect(new Set(spares.map(({ name }) => name)).size).toBe(300);
    expect(createSpares({ http: 7, sticky: 3, tcp: 1 }, 'B')).toHaveLength(11);
    expect(createSpares({ http: 0, sticky: 0, tcp: 0 }, 'B')).toEqual([]);
  });

  test('is the same on 2.6, and has none where none can be used', () => {
    expect(createSpares(SPARE_SIZES, 'C')).toEqual(createSpares(SPARE_SIZES, 'B'));
    expect(createSpares(SPARE_SIZES, 'D')).toEqual([]);
  });

  test('is of profiles where a backend can be made from one', () => {
    const reserves = createSpares(SPARE_SIZES, 'A');
    expect(sparesAmong(reserves)).toEqual([]);
    const names = reserves.map(({ profile }) => profileName(profile));
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('P_http_leastconn_1_https_60');
    expect(names).toContain('P_tcp_roundrobin_0_none_2');
  });

  test('takes no name that an app could have', () => {
    for (const { name } of createSpares(SPARE_SIZES, 'B')) expect(name).not.toMatch(/_\d+$/);
    expect(isSpareName(backendName(appId('/portolan/spare/http-1'), 10_000))).toBe(false);
    expect(isSpareName('portolan_spare_http-7')).toBe(true);
  });
});

const http = { ...HTTP_PROFILE, check: 'http', checkTimeout: 20 } as const;
test.each([
  ['no check goes anywhere', http, HTTP_PROFILE, 'B', true],
  ['the same', http, http, 'B', true],
  ['a shorter check timeout', http, { ...http, checkTimeout: 5 }, 'B', true],
  ['a longer one', http, { ...http, checkTimeout: 60 }, 'B', false],
  ['HTTPS is a word of the server', http, { ...http, check: 'https' }, 'B', true],
  ['another kind of check', http, { ...http, check: 'tcp' }, 'B', false],
  ['another mode', http, TCP_PROFILE, 'B', false],
  ['another algorithm', http, { ...http, balance: 'leastconn' }, 'B', false],
  ['a cookie', http, { ...http, sticky: true }, 'B', false],
  ['a cookie on a sticky one', { ...http, sticky: true }, { ...http, sticky: true }, 'B', true],
  ['a cookie on tier C', { ...http, sticky: true }, { ...http, sticky: true }, 'C', false],
  ['nothing on tier D', http, http, 'D', false],
] as const)('whether a spare fits: %s', (_, spare, wanted, tier, fits) => {
  expect(fitsSpare(spare, wanted, tier, renderer().shapes)).toBe(fits);
});

test('a spare whose cookies HAProxy computes takes sticky servers on tier C, if it has our key', () => {
  const sticky = { ...http, sticky: true };
  expect(fitsSpare(sticky, sticky, 'C', renderer({}, 'computed').shapes)).toBe(true);
  const profile = templates().profile.text.replace('{{quote cookieKey}}', 'another');
  expect(fitsSpare(sticky, sticky, 'C', renderer({ profile }, 'computed').shapes)).toBe(false);
});

test('with computed cookies no server has one of its own', () => {
  const profile = { ...http, sticky: true };
  const lone = server(31_000, { cookie: 'a1b2' });
  const sticky = backend('web_10000', { profile, servers: [lone] });
  const text = (cookies: Cookies): string => {
    const using = renderer({}, cookies);
    expect(using.shapes.isAddable(sticky, lone)).toBe(true);
    const rendered = using.render(table({ backends: [sticky] }), SETTINGS, NO_CERTIFICATES, PLACE);
    return rendered.ok ? (rendered.value.files.get('haproxy.cfg') ?? '') : rendered.failure.message;
  };
  expect(text('named')).toContain('cookie mesosphere_server_id insert indirect nocache\n');
  expect(text('named')).toMatch(/server \S+ 127.0.0.1:31000 id \d+ cookie a1b2\n/);
  expect(text('computed')).toContain('cookie mesosphere_server_id insert indirect nocache dynamic\n');
  expect(text('computed')).toContain('  dynamic-cookie-key portolan\n');
  expect(text('computed')).toMatch(/server \S+ 127.0.0.1:31000 id \d+\n/);
});

const app = backend('web_10000', {
  profile: http,
  auth: asked({ realm: 'r', user: 'u', passwordHash: '$5$x' }),
  servers: [server(31_000, { check: { tls: false, interMs: 5_000, fall: 3 } }), server(31_001)],
});
const plain = backend('plain_10001', { servers: [server(31_002)] });
const TABLE = table({
  backends: [app, plain],
  routes: [route('web.example', app.name)],
  services: [service(plain, [18_091])],
});

test.each(['A', 'B'] as const)(
  'a configuration with what is held ready on tier %s is one that HAProxy takes',
  async (tier) => {
    const spares = createSpares(SPARE_SIZES, tier);
    const rendered = renderer().render(TABLE, SETTINGS, NO_CERTIFICATES, PLACE, spares);
    if (!rendered.ok) throw new Error(rendered.failure.message);
    const dir = await mkdtemp(join(tmpdir(), 'spares-'));
    try {
      for (const [file, text] of rendered.value.files) {
        await mkdir(dirname(join(dir, file)), { recursive: true });
        await writeFile(join(dir, file), text);
      }
      await writeFile(join(dir, 'state'), '1\n');
      const { stdout, stderr } = await promisify(execFile)('haproxy', ['-c', '-C', dir, '-f', 'haproxy.cfg']);
      expect(stdout + stderr).not.toMatch(/ALERT|WARNING/);
    } finally {
      await rm(dir, { recursive: true });
    }
  },
);

test('without spares a configuration is what it was', () => {
  const one = renderer().render(TABLE, SETTINGS, NO_CERTIFICATES, PLACE);
  const other = renderer().render(TABLE, SETTINGS, NO_CERTIFICATES, PLACE, []);
  expect(other).toEqual(one);
  expect(JSON.stringify(one)).not.toContain('portolan_spare');
});

test.each(['A', 'B'] as const)('what is read back from a configuration of tier %s is what was rendered', (tier) => {
  const using = renderer();
  const spares = createSpares({ http: 20, sticky: 5, tcp: 5 }, tier);
  const rendered = using.render(TABLE, SETTINGS, NO_CERTIFICATES, PLACE, spares);
  const fixed = using.fixedSections(SETTINGS, NO_CERTIFICATES, PLACE, TABLE.services);
  if (!rendered.ok || !fixed.ok) throw new Error('not rendered');
  const read = loadedConfig(rendered.value);
  const made = loadedTable(TABLE, using.shapes, spares, fixed.value);
  expect(read.fixed).toEqual(made.fixed);
  expect(read.maps).toEqual(made.maps);
  expect(read.maps.has('maps/hosts.map')).toBe(true);
  expect(read.maps.has('maps/app-ids.map')).toBe(false);
  expect([...read.spares.values()]).toEqual([...made.spares.values()]);
  expect([...read.backends()].sort()).toEqual([...made.backends()].sort());
  for (const { profile } of [...spares, ...TABLE.backends]) {
    const name = profileName(profile);
    expect(read.profileText(name)).toContain(`defaults ${name} from base\n`);
    expect(read.profileText(name)).toBe(made.profileText(name));
  }
  expect(read.profileText('P_other')).toBe(made.profileText('P_other'));
  for (const { name } of TABLE.backends) {
    expect(read.shapeOf(name)).toEqual(made.shapeOf(name));
    expect(read.serviceText(name)).toEqual(made.serviceText(name));
  }
  expect(read.shapeOf(app.name)?.own).toContain('userlist');
  expect(read.serviceText(plain.name)).toContain('bind 127.0.0.1:18091');
  for (const { name } of sparesAmong(spares)) expect(read.shapeOf(name)).toBeUndefined();
});

describe('what a template makes of a backend', () => {
  test('with text of its own it is not plain', () => {
    const { shapes } = renderer();
    expect([shapes.isPlain(plain), shapes.isBare(plain)]).toEqual([true, true]);
    expect([shapes.isPlain(app), shapes.isBare(app)]).toEqual([false, false]);
  });

  test('with a line that every backend has it is plain, and no `add backend` says it', () => {
    const shipped = templates().backend.text;
    const { shapes } = renderer({ backend: `${shipped}  option allbackups\n` });
    expect([shapes.isPlain(plain), shapes.isBare(plain)]).toEqual([true, false]);
    expect(renderer({ backend: `${shipped}  # no more\n` }).shapes.isBare(plain)).toBe(true);
  });

  test('a server is addable unless a template says more of it', () => {
    const [checked] = app.servers;
    if (checked === undefined) throw new Error('no server');
    expect(renderer().shapes.isAddable(app, checked)).toBe(true);
    expect(renderer().shapes.isAddable(app, { ...checked, cookie: 'c', admission: 'maint' })).toBe(true);
    const shipped = templates().backend.text;
    const more = renderer({ backend: shipped.replace(' id {{id}}', ' id {{id}} send-proxy') });
    expect(more.shapes.isAddable(app, checked)).toBe(false);
    const line = renderer({ backend: `${shipped}{{#if servers}}  option allbackups\n{{/if}}` });
    expect(line.shapes.isAddable(app, checked)).toBe(false);
  });
});
