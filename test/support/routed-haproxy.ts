import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { vi } from 'vitest';
import { type CertificateSet, NO_CERTIFICATES } from '../../src/core/certificates.ts';
import type { RenderedConfig, TemplateName } from '../../src/core/config.ts';
import { createRenderer } from '../../src/core/render.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import type { Settings } from '../../src/core/settings.ts';
import type { Seen } from './echo-servers.ts';
import { selfSignedPem } from './pem.ts';
import { templates } from './tables.ts';

const HAPROXY = process.env['HAPROXY'] ?? 'haproxy';

/** A real HAProxy that serves a routing table. */
export interface RoutedHaproxy {
  /** What `haproxy -c` said of the configuration. */
  readonly verdict: string;
  /** What it serves. */
  readonly config: RenderedConfig;
  stop(): Promise<void>;
}

/** Renders, writes and validates a table and serves it, as Portolan does: `-W -C <folder> -f haproxy.cfg`. */
export async function startRouted(
  table: RoutingTable,
  settings: Settings,
  certificates: CertificateSet,
  overrides: Partial<Record<TemplateName, string>> = {},
): Promise<RoutedHaproxy> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-'));
  const renderer = createRenderer(templates(overrides));
  if (!renderer.ok) throw new Error(renderer.failure.message);
  const stateFile = join(folder, 'server-state');
  const config = renderer.value.render(table, settings, certificates, { runtimeSocket: 'haproxy.sock', stateFile });
  if (!config.ok) throw new Error(config.failure.message);
  await writeFile(stateFile, '1\n# be_id be_name srv_id srv_name\n');
  for (const [name, text] of config.value.files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }

  let output = '';
  const start = (mode: string) => {
    const child = spawn(HAPROXY, [mode, '-C', folder, '-f', 'haproxy.cfg'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data: Buffer) => {
        output += data.toString();
      });
    }
    return { child, ended };
  };
  const code = await start('-c').ended;
  if (code !== 0) {
    await rm(folder, { recursive: true });
    throw new Error(output);
  }
  const verdict = output;
  const { child, ended } = start('-W');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
    await rm(folder, { recursive: true });
  };
  const health = settings.statsBind[0]?.port ?? 0;
  try {
    // The master itself says so: somebody else's HAProxy may answer on our port.
    await vi.waitUntil(() => /Loading success/.test(output) || child.exitCode !== null, {
      timeout: 10_000,
      interval: 20,
    });
    await vi.waitUntil(
      async () => (await ask(health, '/_haproxy_health_check')).status === 200 && child.exitCode === null,
    );
  } catch (error) {
    await stop();
    throw new Error(`HAProxy does not serve: ${output}`, { cause: error });
  }
  return { verdict, config: config.value, stop };
}

/** What one request gave; status 0 when the connection was refused or closed without an answer. */
export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The name of the echo server that answered; empty for HAProxy's own answers. */
  readonly by: string;
}

/** One request to 127.0.0.1 on a connection of its own. Never rejects; any certificate will do. */
export function ask(
  port: number,
  path: string,
  options: { headers?: Record<string, string>; method?: string; tls?: boolean } = {},
): Promise<Reply> {
  return new Promise((resolve) => {
    const none = (): void => resolve({ status: 0, headers: {}, body: '', by: '' });
    const send = options.tls ? httpsRequest : httpRequest;
    const sent = send(
      {
        host: '127.0.0.1',
        port,
        path,
        method: options.method ?? 'GET',
        headers: options.headers ?? {},
        agent: false,
        ...(options.tls ? { rejectUnauthorized: false } : {}),
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('error', none).on('end', () => {
          const by = /^\{"by":"([^"]*)"/.exec(body)?.[1] ?? '';
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, by });
        });
      },
    );
    sent.on('error', none).end();
  });
}

/** A GET for a host and path. */
export type Get = (host: string, path?: string, headers?: Record<string, string>) => Promise<Reply>;

/** Asks one frontend, in plain HTTP or over TLS. */
export const hostsAt =
  (port: number, tls = false): Get =>
  (host, path = '/', headers = {}) =>
    ask(port, path, { headers: { host, ...headers }, tls });

/** What the echo server that answered saw. */
export const seenBy = (reply: Reply): Seen => JSON.parse(reply.body) as Seen;

/** A folder of its own with one self-signed certificate, as Portolan would have found it. */
export async function oneCertificate(): Promise<{ readonly folder: string; readonly certificates: CertificateSet }> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-'));
  const path = join(folder, 'web.pem');
  await writeFile(path, await selfSignedPem(folder, 'web.example'));
  return { folder, certificates: { ...NO_CERTIFICATES, usable: [{ path, names: ['web.example'], notAfter: '' }] } };
}

/** Sends bytes and gives what came back, once it is complete or the other side closed. */
export function exchange(port: number, bytes: string, complete: (answer: string) => boolean): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (data) => {
      answer += data.toString();
      if (complete(answer)) socket.destroy();
    });
    socket.on('error', () => {}).on('close', () => resolve(answer));
  });
}
