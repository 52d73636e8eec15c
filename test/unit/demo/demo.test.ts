import { access } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { expect, test } from 'vitest';
import { type DemoSettings, runDemo } from '../../../src/demo/demo.ts';
import { choosePorts, DEMO_PORTS } from '../../../src/demo/demo-ports.ts';
import type { Json } from '../../../src/demo/json.ts';
import { call } from './rig.ts';

/** Ports that no other test uses. */
const PORTS = Object.fromEntries(
  Object.keys(DEMO_PORTS).map((name, i) => [name, 27_100 + i]),
) as unknown as typeof DEMO_PORTS;

/** Instead of Portolan: answers on the HTTP port, and says one line. */
function standIn(server: Server, asked: DemoSettings[], stopped: string[]) {
  return async (settings: DemoSettings) => {
    asked.push(settings);
    await new Promise<void>((resolve) => server.listen(settings.httpBind[0]?.port, '127.0.0.1', resolve));
    return {
      stop: async () => {
        stopped.push('portolan');
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
      onChange: (tell: (line: string) => void) => tell('reload 12 ms: /demo/site appeared\n'),
    };
  };
}

test('the demo starts everything, shows how to try it, and leaves nothing behind', async () => {
  const asked: DemoSettings[] = [];
  const stopped: string[] = [];
  const server = createServer((request, response) => response.end(`${request.headers.host}${request.url} answered\n`));
  const end = new AbortController();
  let shown = '';
  const started = new Promise<void>((resolve) => {
    void runDemo({
      ports: PORTS,
      signal: end.signal,
      startPortolan: standIn(server, asked, stopped),
      stdout: {
        write: (text) => {
          shown += text;
          if (shown.includes('Ctrl-C ends the demo')) resolve();
        },
      },
    }).then((code) => stopped.push(`demo ${code}`));
  });
  await started;
  const marathon = asked[0]?.marathon[0] ?? '';
  expect(asked[0]).toMatchObject({
    group: ['external'],
    httpBind: [{ address: '127.0.0.1' }],
    adminBind: { address: '127.0.0.1' },
    onStop: 'drain',
  });
  // A port that somebody else has just then moves on; the demo says so, and everything goes by the new one.
  const http = asked[0]?.httpBind[0]?.port ?? 0;
  if (!shown.includes('is taken')) expect(http).toBe(PORTS.http);
  expect((asked[0]?.stateDir ?? '').length).toBeLessThan(60);
  expect(shown).toContain('reload 12 ms: /demo/site appeared\n');
  expect(shown).toContain(`site.demo.localhost:${http}/ answered`);
  const { json } = await call(`${marathon}/v2/apps?embed=apps.tasks`);
  const apps = (json['apps'] as Json[]).map(({ id, instances }) => [id, instances]).sort();
  expect(apps).toEqual([
    ['/demo/api', 2],
    ['/demo/echo', 2],
    ['/demo/site', 2],
  ]);
  const post = /curl -s -X POST (\S+) .* -d '(.*)'/.exec(shown);
  expect((await call(post?.[1] ?? '', 'POST', post?.[2])).status).toBe(201);
  const scale = /curl -s -X PUT (\S+\/v2\S+) .* -d '(.*)'/.exec(shown);
  expect((await call(`${scale?.[1]}?force=true`, 'PUT', scale?.[2])).status).toBe(200);
  const remove = /curl -s -X DELETE (\S+\/v2\S+)/.exec(shown);
  expect((await call(remove?.[1] ?? '', 'DELETE')).status).toBe(200);
  end.abort();
  await expect.poll(() => stopped).toEqual(['portolan', 'demo 0']);
  await expect(call(`${marathon}/v2/apps`)).rejects.toThrow();
  await expect(access(asked[0]?.stateDir ?? '')).rejects.toThrow();
  expect(shown).toContain('Everything is stopped.');
});

test('when Portolan does not start, the demo says why and ends with 1', async () => {
  let shown = '';
  const code = await runDemo({
    ports: Object.fromEntries(Object.entries(PORTS).map(([name, port]) => [name, port + 100])),
    signal: new AbortController().signal,
    startPortolan: () => Promise.reject(new Error('HAProxy is missing: apt-get install haproxy')),
    stdout: { write: (text) => (shown += text) },
  });
  expect(code).toBe(1);
  expect(shown).toContain('HAProxy is missing: apt-get install haproxy');
});

test('when Portolan ends by itself, the demo does too, with 1', async () => {
  let shown = '';
  let end = (): void => undefined;
  const code = await runDemo({
    ports: Object.fromEntries(Object.entries(PORTS).map(([name, port]) => [name, port + 300])),
    signal: new AbortController().signal,
    startPortolan: () => {
      const ended = new Promise<void>((resolve) => {
        end = resolve;
      });
      setImmediate(() => end());
      return Promise.resolve({ stop: () => Promise.resolve(), onChange: () => undefined, ended });
    },
    stdout: { write: (text) => (shown += text) },
  });
  expect(code).toBe(1);
  expect(shown).toContain('Portolan has ended by itself.');
});

test('when the sample routes never answer, the demo says so and ends with 1', async () => {
  const stopped: string[] = [];
  const server = createServer((_request, response) => response.writeHead(503).end());
  let shown = '';
  const code = await runDemo({
    ports: Object.fromEntries(Object.entries(PORTS).map(([name, port]) => [name, port + 200])),
    signal: new AbortController().signal,
    patienceMs: 250,
    startPortolan: standIn(server, [], stopped),
    stdout: { write: (text) => (shown += text) },
  });
  expect(code).toBe(1);
  expect(shown).toContain('The sample routes do not answer');
  expect(stopped).toEqual(['portolan']);
});

test('a port that is taken moves to the next free one that no other part wants', async () => {
  const wanted = Object.fromEntries(
    Object.keys(DEMO_PORTS).map((name, i) => [name, 27_500 + i]),
  ) as unknown as typeof DEMO_PORTS;
  const squatter = createTcp();
  await new Promise<void>((resolve) => squatter.listen(wanted.http, '127.0.0.1', resolve));
  const { ports, moved } = await choosePorts(wanted);
  squatter.close();
  const names = Object.keys(wanted).length;
  expect(moved).toEqual([{ name: 'http', wanted: 27_500, used: 27_500 + names }]);
  expect(new Set(Object.values(ports)).size).toBe(names);
});
