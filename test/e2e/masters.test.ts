import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMarathon } from '../../src/demo/marathon.ts';
import type { StandInMarathon } from '../../src/demo/stand-in.ts';
import { createAuthority } from '../support/authority.ts';
import { createPlatform, customerApp, type Platform } from '../support/platform.ts';
import { createPortolan, get, type PortolanProcess, until } from '../support/portolan-process.ts';
import { startProber } from '../support/steady-prober.ts';

const POLL_MS = 2_000;
const POLL = ['--poll-interval', `${POLL_MS / 1000}s`];

interface Status {
  readonly source: {
    readonly mode: string;
    readonly leader?: string;
    readonly failing?: { readonly kind: string };
    readonly masters: readonly { readonly endpoint: string; readonly outcome: string }[];
  };
  readonly stream: { readonly attached: boolean; readonly endpoint?: string; readonly reconnects: number };
}
const statusOf = async (portolan: PortolanProcess) => (await portolan.admin('/v1/status')).body as Status;
const ask = async (portolan: PortolanProcess, host: string) => get(portolan.ports.http, '/', { host });
const serves = (portolan: PortolanProcess, host: string, ms?: number) =>
  until(`${host} answers`, async () => (await ask(portolan, host)).status === 200, ms);
const deploy = async ({ marathon, portolan }: Platform, name: string) => {
  const host = `${name}.masters.example`;
  await marathon.post(customerApp(`/masters/${name}`, { labels: { HAPROXY_0_VHOST: host } }));
  await serves(portolan, host);
  return host;
};
/** As an operator replaces a file: readers see the old one or the new one. */
const replace = async (path: string, text: string) => {
  await writeFile(`${path}.tmp`, text);
  await rename(`${path}.tmp`, path);
};
const setToken = (marathon: StandInMarathon, token: string) => {
  Object.assign(marathon.options, { token });
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptm-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('three masters that want a token', () => {
  let platform: Platform;
  let tokenFile = '';
  beforeAll(async () => {
    tokenFile = join(folder, 'token');
    await writeFile(tokenFile, 'token=first-secret\n');
    platform = await createPlatform(24_500, {
      flags: [...POLL, '--marathon-token-file', tokenFile],
      marathon: { masters: 3, token: 'first-secret' },
    });
  });
  afterAll(() => platform?.destroy());
  const leading = () => platform.marathon.urls[platform.marathon.leader()];

  test('the stream is the leader’s, also where a standby was asked', async () => {
    const { portolan } = platform;
    await deploy(platform, 'one');
    const { stream, source } = await statusOf(portolan);
    expect(stream).toMatchObject({ attached: true, endpoint: leading() });
    expect(source).toMatchObject({ mode: 'sse', leader: leading() });
  });

  test('another leader: nobody notices, and its events arrive', async () => {
    const { marathon, portolan } = platform;
    const before = leading();
    const { reconnects } = (await statusOf(portolan)).stream;
    const prober = startProber({ port: portolan.ports.http, host: 'one.masters.example', perSecond: 50 });
    await marathon.leaderChange();
    expect(leading()).not.toBe(before);
    await until('the stream is the new leader’s', async () => {
      const { stream } = await statusOf(portolan);
      return stream.attached && stream.endpoint === leading();
    });
    await deploy(platform, 'two');
    const seen = await statusOf(portolan);
    expect(seen.source.leader).toBe(leading());
    expect(seen.stream.reconnects).toBeGreaterThan(reconnects);
    expect((await portolan.admin('/metrics')).text).toMatch(/^portolan_marathon_leader_changes_total [1-9]/m);
    const { failures, ok } = await prober.stop();
    expect(failures).toEqual([]);
    expect(ok).toBeGreaterThan(20);
  });

  test('a leader that hangs while another one leads is gone around', async () => {
    const { marathon, portolan } = platform;
    await marathon.fault(marathon.leader(), 'freeze');
    await marathon.leaderChange();
    await deploy(platform, 'three');
    expect((await ask(portolan, 'one.masters.example')).status).toBe(200);
    await marathon.clearFaults();
  });

  test('a token that is no longer right is told, and its successor is used without a restart', async () => {
    const { marathon, portolan } = platform;
    await until('all is well', async () => (await statusOf(portolan)).source.failing === undefined);
    setToken(marathon, 'second-secret');
    await until('told', async () => (await statusOf(portolan)).source.failing?.kind === 'unauthorized');
    expect((await ask(portolan, 'one.masters.example')).status).toBe(200);
    await replace(tokenFile, 'token=second-secret\n');
    await until('read again', async () => (await statusOf(portolan)).source.failing === undefined, POLL_MS + 2_000);
    await deploy(platform, 'four');
    expect(portolan.output()).not.toContain('secret');
    expect((await portolan.admin('/v1/status')).text).not.toContain('secret');
  });
});

describe('old masters behind TLS, a path prefix and basic authentication', () => {
  let platform: Platform;
  let place = '';
  beforeAll(async () => {
    place = await mkdtemp(join(folder, 'tls-'));
    const ours = await createAuthority(join(place, 'ours'));
    const other = await createAuthority(join(place, 'other'));
    const server = await ours.issue('marathon', 'IP:127.0.0.1');
    const client = await ours.issue('portolan', 'DNS:portolan.example');
    const paths = { ca: join(place, 'ca.pem'), cert: join(place, 'cert.pem'), key: join(place, 'key.pem') };
    await writeFile(paths.ca, other.certificate);
    await writeFile(paths.cert, client.certificate);
    await writeFile(paths.key, client.key);
    await writeFile(join(place, 'auth'), 'edge:pass:word\n');
    await writeFile(join(place, 'right-ca.pem'), ours.certificate);
    platform = await createPlatform(24_600, {
      flags: [
        ...POLL,
        ...['--marathon-ca', paths.ca, '--marathon-cert', paths.cert, '--marathon-key', paths.key],
        ...['--marathon-auth-file', join(place, 'auth')],
      ],
      marathon: {
        masters: 2,
        dialect: '1.4',
        prefix: '/service/marathon',
        gzip: true,
        basicAuth: { user: 'edge', password: 'pass:word' },
        tls: { key: server.key, cert: server.certificate, ca: ours.certificate },
      },
    });
  });
  afterAll(() => platform?.destroy());

  test('are refused until their CA is known, and then served', async () => {
    const { portolan } = platform;
    await until('told', async () => (await statusOf(portolan)).source.failing?.kind === 'tls');
    await replace(join(place, 'ca.pem'), await readFile(join(place, 'right-ca.pem'), 'utf8'));
    await deploy(platform, 'tls');
    expect((await statusOf(portolan)).source.mode).toBe('sse');
    expect(portolan.output()).not.toContain('pass:word');
  });

  test('follow a leader’s change through the standby that passes the stream on', async () => {
    const { marathon, portolan } = platform;
    await marathon.leaderChange();
    await until('attached', async () => (await statusOf(portolan)).stream.attached);
    await deploy(platform, 'tls-two');
  });
});

describe('polling only, with agents that go by names', () => {
  let platform: Platform;
  beforeAll(async () => {
    platform = await createPlatform(24_700, {
      flags: ['--no-sse', '--poll-interval', '1s'],
      start: false,
      marathon: {
        agents: [
          { host: 'localhost', address: '127.0.0.1' },
          // Nobody knows this name now; it was known in a former life.
          { host: 'agent-two.invalid', address: '127.0.0.2' },
        ],
      },
    });
    const names = { schema: 1, names: { 'agent-two.invalid': '127.0.0.2' } };
    await writeFile(join(platform.portolan.stateDir, 'names.json'), JSON.stringify(names));
    await platform.portolan.start();
  });
  afterAll(() => platform?.destroy());

  test('both agents’ tasks answer, and no stream is opened', async () => {
    const { marathon, portolan } = platform;
    await marathon.post(
      customerApp('/masters/named', {
        instances: 2,
        ipAddress: null,
        container: {
          type: 'DOCKER',
          docker: {
            image: 'example/app:1',
            network: 'BRIDGE',
            // A fixed port: each agent has room for one task.
            portMappings: [{ containerPort: 8080, hostPort: 24_790, servicePort: 0, protocol: 'tcp' }],
          },
        },
        labels: { HAPROXY_0_VHOST: 'named.masters.example' },
      }),
    );
    await marathon.settled('/masters/named');
    const seen = new Set<string>();
    await until('both tasks answer', async () => {
      const { status, text } = await ask(portolan, 'named.masters.example');
      if (status === 200) seen.add((JSON.parse(text) as { task: string }).task);
      return seen.size === 2;
    });
    expect(marathon.streams()).toBe(0);
    expect((await statusOf(portolan)).source.mode).toBe('poll');
    // Names may name servers; what HAProxy connects to are addresses.
    const { routes } = (await portolan.admin('/v1/routes')).body as {
      routes: { route: string; servers: { endpoint: string }[] }[];
    };
    const servers = routes.find(({ route }) => route === 'named.masters.example')?.servers ?? [];
    expect(servers.map(({ endpoint }) => endpoint).sort()).toEqual(['127.0.0.1:24790', '127.0.0.2:24790']);
  });

  test('what was known is kept on disk', async () => {
    const { portolan } = platform;
    const file = join(portolan.stateDir, 'names.json');
    await until('saved', async () => (await readFile(file, 'utf8')).includes('localhost'));
    const { names } = JSON.parse(await readFile(file, 'utf8')) as { names: Record<string, string> };
    expect(names).toEqual({ 'agent-two.invalid': '127.0.0.2', localhost: '127.0.0.1' });
  });
});

describe('apps from a file', () => {
  let marathon: StandInMarathon;
  let portolan: PortolanProcess;
  let file = '';
  const save = async () => {
    const saved = await get(Number(new URL(marathon.urls[0] ?? '').port), '/v2/apps?embed=apps.tasks');
    await replace(file, saved.text);
  };
  const post = async (name: string) => {
    await marathon.post(customerApp(`/file/${name}`, { labels: { HAPROXY_0_VHOST: `${name}.file.example` } }));
    await marathon.settled(`/file/${name}`);
  };
  beforeAll(async () => {
    file = join(folder, 'apps.json');
    marathon = await createMarathon({ servicePorts: { from: 24_820, to: 24_879 }, secondMs: 500 });
    await post('one');
    await save();
    portolan = await createPortolan(24_800, ['--apps', file, '--group', 'external']);
    await portolan.start();
  });
  afterAll(async () => {
    await portolan?.destroy();
    await marathon?.stop();
  });

  test('are served, and followed when another file takes its place', async () => {
    await serves(portolan, 'one.file.example');
    expect((await statusOf(portolan)).source.mode).toBe('file');
    await post('two');
    await save();
    await serves(portolan, 'two.file.example');
    await marathon.delete('/file/one');
    await save();
    await until('gone', async () => (await ask(portolan, 'one.file.example')).status === 503);
  });

  test('a file that is cut short changes nothing and is told', async () => {
    const whole = await readFile(file, 'utf8');
    await replace(file, whole.slice(0, whole.length / 2));
    await until('told', async () => (await statusOf(portolan)).source.failing?.kind === 'file-unreadable');
    expect((await ask(portolan, 'two.file.example')).status).toBe(200);
    await replace(file, whole);
    await until('well again', async () => (await statusOf(portolan)).source.failing === undefined);
  });
});
