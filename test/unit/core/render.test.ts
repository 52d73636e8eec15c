import { describe, expect, test } from 'vitest';
import type { CertificateSet } from '../../../src/core/certificates.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { Generation } from '../../../src/core/config.ts';
import { GENERATION_LINE, type RenderedConfig, stampGeneration } from '../../../src/core/config.ts';
import { createTextDigest, filesDigest, joinedDigest } from '../../../src/core/digest.ts';
import { partsOf } from '../../../src/core/lazy-config.ts';
import { createRenderer, type Renderer } from '../../../src/core/render.ts';
import type { RoutingTable } from '../../../src/core/routing.ts';
import type { Settings } from '../../../src/core/settings.ts';
import {
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

const PLACE = { runtimeSocket: '/run/portolan/haproxy.sock', stateFile: '/var/lib/portolan/server-state' };
const ONE_CERTIFICATE: CertificateSet = {
  ...NO_CERTIFICATES,
  usable: [{ path: '/certs/a.pem', names: ['a.example'], notAfter: '2030-01-01T00:00:00Z' }],
};
const ALL_BINDS = settings({
  httpBind: [
    { address: '*', port: 80 },
    { address: '::', port: 80 },
  ],
  httpsBind: [{ address: '*', port: 443 }],
  appidBind: [{ address: '*', port: 9091 }],
  statsBind: [{ address: '127.0.0.1', port: 9090 }],
});

function renderer(): Renderer {
  const made = createRenderer(templates());
  if (!made.ok) throw new Error(made.failure.message);
  return made.value;
}

function rendered(
  of: RoutingTable,
  by: Settings = ALL_BINDS,
  certificates: CertificateSet = ONE_CERTIFICATE,
  using: Renderer = renderer(),
): RenderedConfig {
  const config = using.render(of, by, certificates, PLACE);
  if (!config.ok) throw new Error(config.failure.message);
  return config.value;
}

const cfgOf = (config: RenderedConfig): string => config.files.get('haproxy.cfg') ?? '';

/** The lines of one section, without its heading. */
function section(config: RenderedConfig, heading: string): string[] {
  const lines = cfgOf(config).split('\n');
  const owner = config.owners.find((one) => one.section === heading);
  return owner === undefined ? [] : lines.slice(owner.from, owner.to - 1).map((line) => line.trim());
}

const WEB = backend('web_10000', {
  profile: { ...HTTP_PROFILE, sticky: true, check: 'http', checkTimeout: 5 },
  auth: asked({ realm: 'private', user: 'ops', passwordHash: '$5$salt$hash' }, '/web', 'HAPROXY_0_AUTH'),
  servers: [
    server(31000, { cookie: '13d473d85a', check: { tls: false, interMs: 5000, fall: 4 } }),
    server(31001, { admission: 'maint', check: { tls: true, interMs: 500, fall: 2, port: 31002 } }),
    server(31003, { endpoint: { portIndex: 0, address: 'fe80::1', port: 31003 } }),
  ],
});
const ECHO = backend('echo_7', { profile: TCP_PROFILE, servers: [server(32000)] });
const TABLE = table({ backends: [WEB, ECHO], services: [service(ECHO, [7]), service(WEB, [10_000])] });

describe('the lines of haproxy.cfg', () => {
  test('each has exactly one owner', () => {
    const config = rendered(TABLE);
    const lines = cfgOf(config).split('\n').length - 1;
    const owned = config.owners.flatMap(({ from, to }) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
    expect(owned).toEqual(Array.from({ length: lines }, (_, i) => i + 1));
  });

  test('the owner of a section begins at its heading and names it', () => {
    const config = rendered(TABLE);
    const lines = cfgOf(config).split('\n');
    for (const { from, section: name } of config.owners) {
      const [kind = '', section = ''] = lines[from - 1]?.split(' ') ?? [];
      expect(name).toBe(section === '' ? kind : `${kind} ${section}`);
    }
  });

  test('apps own their services, userlists and backends, settings the shared frontends', () => {
    const origins = Object.fromEntries(rendered(TABLE).owners.map(({ section: name, origin }) => [name, origin]));
    expect(origins).toMatchObject({
      global: { from: 'default' },
      'frontend marathon_http_in': { from: 'setting', name: 'http-bind' },
      'frontend marathon_https_in': { from: 'setting', name: 'https-bind' },
      'frontend marathon_http_appid_in': { from: 'setting', name: 'appid-bind' },
      'listen stats': { from: 'setting', name: 'stats-bind' },
      'frontend web_10000_in': { from: 'app', app: '/web' },
      'userlist user_web_10000': { from: 'label', app: '/web', label: 'HAPROXY_0_AUTH' },
      'backend web_10000': { from: 'app', app: '/web' },
      'backend echo_7': { from: 'app', app: '/echo' },
    });
  });

  test('a profile whose balance takes an argument belongs to the label that asked for it', () => {
    const { origin } = asked(1, '/odd', 'HAPROXY_0_BALANCE');
    const odd = backend('odd_1', {
      profile: { ...HTTP_PROFILE, balance: 'hdr(X-User)' },
      profileOrigins: { ...WEB.profileOrigins, balance: origin },
    });
    const owner = rendered(table({ backends: [odd] })).owners.find((one) => one.section.startsWith('defaults P_'));
    expect(owner).toMatchObject({ section: 'defaults P_http_hdr.X-User_0_none_2', origin });
  });
});

describe('same input, same bytes', () => {
  test('two renderers agree, and one agrees with itself after other tables', () => {
    const using = renderer();
    const first = rendered(TABLE, ALL_BINDS, ONE_CERTIFICATE, using);
    rendered(table(), ALL_BINDS, ONE_CERTIFICATE, using);
    const again = rendered(structuredClone(TABLE), ALL_BINDS, ONE_CERTIFICATE, using);
    expect([...again.files]).toEqual([...first.files]);
    expect(again.digest).toBe(first.digest);
    expect(rendered(TABLE)).toEqual(first);
  });

  test('the digest is that of names and bytes, and follows every file', () => {
    const config = rendered(TABLE);
    const lists = partsOf(config)?.lists.map((list) => list.map(({ text }) => text)) ?? [];
    const digestOf = (name: string, text: string) => {
      if (name !== 'haproxy.cfg') return createTextDigest()(text === '' ? [] : text.split(/(?<=\n)/));
      expect(text.startsWith(lists.flat().join(''))).toBe(true);
      const more = text.slice(lists.flat().join('').length);
      return joinedDigest([...lists, ...(more === '' ? [] : [[more]])].map((list) => createTextDigest()(list)));
    };
    const digest = (files: Iterable<readonly [string, string]>) =>
      filesDigest(new Map([...files].map(([name, text]) => [name, digestOf(name, text)])));
    expect(digest(config.files)).toBe(config.digest);
    expect(digest([...config.files].reverse())).toBe(config.digest);
    for (const [name, text] of config.files) {
      expect(digest(new Map([...config.files, [name, `${text}#`]]))).not.toBe(config.digest);
    }
  });

  test('an unchanged backend is not rendered again', () => {
    const reads: string[] = [];
    const watched = new Proxy(WEB, {
      get: (target, key) => {
        reads.push(String(key));
        return Reflect.get(target, key);
      },
    });
    const using = renderer();
    const withIt = table({ backends: [watched, ECHO] });
    rendered(withIt, ALL_BINDS, ONE_CERTIFICATE, using);
    expect(reads).toContain('auth');
    reads.length = 0;
    rendered({ ...withIt }, ALL_BINDS, ONE_CERTIFICATE, using);
    expect(reads).not.toContain('auth');
    expect(reads).not.toContain('rootRedirect');
  });
});

describe('what is in haproxy.cfg', () => {
  test('the generation line stands once and is replaced in place', () => {
    const cfg = cfgOf(rendered(TABLE));
    expect(cfg.split(GENERATION_LINE)).toHaveLength(2);
    expect(stampGeneration(cfg, 17 as Generation)).toContain('  setenv PORTOLAN_GENERATION 17\n');
  });

  test('a server line holds real name, stable id and the words of its own check', () => {
    expect(section(rendered(TABLE), 'backend web_10000').filter((line) => line.startsWith('server'))).toEqual([
      'server 127_0_0_1_31000 127.0.0.1:31000 id 31001 check inter 5000ms fall 4 cookie 13d473d85a',
      'server 127_0_0_1_31001 127.0.0.1:31001 id 31002 check inter 500ms fall 2 port 31002 check-ssl verify none disabled',
      'server fe80__1_31003 [fe80::1]:31003 id 31004',
    ]);
  });

  test('the shared frontends do not change when apps change', () => {
    const names = ['frontend marathon_http_in', 'frontend marathon_https_in', 'frontend marathon_http_appid_in'];
    const empty = rendered(table());
    const full = rendered({ ...TABLE, routes: [route('web.example', 'web_10000'), route('*.example', 'web_10000')] });
    for (const name of names) {
      expect(section(empty, name).length).toBeGreaterThan(3);
      expect(section(full, name)).toEqual(section(empty, name));
    }
  });

  test('frontends without an address are left out, and TLS without a certificate', () => {
    const frontendsOf = (config: RenderedConfig): string[] =>
      config.owners.map((one) => one.section).filter((name) => /^(frontend|listen)/.test(name));
    expect(frontendsOf(rendered(table(), settings()))).toEqual([]);
    expect(frontendsOf(rendered(table(), ALL_BINDS, NO_CERTIFICATES))).not.toContain('frontend marathon_https_in');
    expect(frontendsOf(rendered(table()))).toContain('frontend marathon_https_in');
  });

  test('* is IPv4, [::] is IPv6 alone', () => {
    expect(section(rendered(table()), 'frontend marathon_http_in').filter((line) => line.startsWith('bind'))).toEqual([
      'bind *:80',
      'bind [::]:80 v6only',
    ]);
  });

  test('bind options of a service come in their order', () => {
    const bound = service(WEB, [
      {
        address: '*',
        port: 8443,
        certificate: asked('/certs/web app.pem'),
        options: [
          { option: 'accept-proxy' },
          { option: 'alpn', argument: 'h2,http/1.1' },
          { option: 'ssl-min-ver', argument: 'TLSv1.3' },
          { option: 'verify', argument: 'required' },
          { option: 'ca-file', argument: '/certs/ca.pem' },
        ],
      },
    ]);
    expect(section(rendered({ ...TABLE, services: [bound] }), 'frontend web_10000_in')).toContain(
      "bind *:8443 ssl crt '/certs/web app.pem' accept-proxy alpn h2,http/1.1 ssl-min-ver TLSv1.3 verify required ca-file /certs/ca.pem",
    );
  });

  test('only the profiles in use are there, once, by name', () => {
    const names = rendered(table({ backends: [WEB, ECHO, backend('b_1', { profile: { ...WEB.profile } })] }))
      .owners.map((one) => one.section)
      .filter((name) => name.startsWith('defaults P_'));
    expect(names).toEqual(['defaults P_http_roundrobin_1_http_5', 'defaults P_tcp_roundrobin_0_none_2']);
  });

  test('hashed balances stay open for servers at run time', () => {
    const words = (balance: 'source' | 'roundrobin' | 'url_param(sid)'): string[] => {
      const config = rendered(table({ backends: [backend('b_1', { profile: { ...HTTP_PROFILE, balance } })] }));
      const owner = config.owners.find((one) => one.section.startsWith('defaults P_'));
      return section(config, owner?.section ?? '').filter((line) => /^(balance|hash-type)/.test(line));
    };
    expect(words('source')).toEqual(['balance source', 'hash-type consistent']);
    expect(words('url_param(sid)')).toEqual(['balance url_param sid', 'hash-type consistent']);
    expect(words('roundrobin')).toEqual(['balance roundrobin']);
  });

  test('a backend in mode tcp has none of the HTTP blocks', () => {
    const odd = {
      ...WEB,
      profile: TCP_PROFILE,
      allowedNetworks: asked(['10.0.0.0/8']),
      proxyPass: asked({ path: '/x' }),
    };
    expect(
      section(rendered(table({ backends: [odd] })), 'backend web_10000').filter((line) => !/^server/.test(line)),
    ).toEqual(['acl network_allowed src -- 10.0.0.0/8', 'tcp-request content reject unless network_allowed']);
  });
});

test('certificates.list names the usable certificates, the default one first', () => {
  const certificate = (path: string) => ({ path, names: [], notAfter: '' });
  const usable = [certificate('/certs/z.pem'), certificate('/certs/a.pem')];
  const config = rendered(table(), ALL_BINDS, { ...NO_CERTIFICATES, usable });
  expect(config.files.get('certificates.list')).toBe('/certs/z.pem\n/certs/a.pem\n');
});
