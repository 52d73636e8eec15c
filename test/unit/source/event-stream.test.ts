import { mkdtemp, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ChangeHint } from '../../../src/core/ports.ts';
import { app, type Fake, follow, json, never, startFake, startSource, text, until } from './rig.ts';

const ATTACHED =
  'event: event_stream_attached\r\ndata: {"remoteAddress":"127.0.0.1","eventType":"event_stream_attached"}\r\n\r\n';
const frame = (eventType: string, rest: object) =>
  `event: ${eventType}\r\ndata: ${JSON.stringify({ ...rest, eventType })}\r\n\r\n`;
const update = (appId: string) => frame('status_update_event', { appId });

/** Opens the stream as Marathon does: no length, no chunks, the body ends with the connection. */
function openStream(response: ServerResponse, first = ATTACHED): ServerResponse {
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, { 'content-type': 'text/event-stream;charset=utf-8', connection: 'close' });
  response.flushHeaders();
  if (first !== '') response.write(first);
  return response;
}

/** A Marathon whose streams are handed to `onStream`; everything else gets an empty list. */
function withStream(onStream: Fake['answer']): Fake['answer'] {
  return (request, response) =>
    request.url?.startsWith('/v2/events') ? onStream(request, response) : json({ apps: [] })(request, response);
}

/** One Marathon that beats and keeps its streams open, and a source that follows it. */
async function listen(timings: Parameters<typeof startSource>[2] = {}, first = ATTACHED) {
  const streams: ServerResponse[] = [];
  const fake = await startFake(withStream((_, response) => void streams.push(openStream(response, first))));
  const { source, of, events } = startSource([fake.url], {}, { streamIdle: 60_000, ...timings });
  const { hints } = follow(source);
  const hinted = (reason: string) => hints.filter((hint: ChangeHint) => hint.reason === reason);
  const send = (raw: string) => streams.at(-1)?.write(raw);
  return { fake, streams, hints, hinted, send, of, events };
}

test('the request is as Marathon wants it', async () => {
  const { fake, hinted } = await listen();
  await until(() => hinted('connected').length === 1);
  const [request] = fake.seen;
  const url = new URL(request?.url ?? '', fake.url);
  expect(request?.headers.accept).toBe('text/event-stream');
  expect(url.searchParams.get('plan-format')).toBe('light');
  expect(url.searchParams.getAll('event_type')).toContain('event_stream_attached');
  expect(url.searchParams.getAll('event_type')).toContain('instance_health_changed_event');
});

describe('attaching', () => {
  test('a full read is hinted at when the subscription is active, not before', async () => {
    const { hints, send, of } = await listen({ attachGrace: 60_000, firstRead: 60_000 }, '');
    await until(() => of('marathon-request').length === 1);
    expect(hints).toEqual([]);
    expect(of('stream-attached')).toEqual([]);
    send(ATTACHED);
    await until(() => hints.length === 1);
    expect(hints).toMatchObject([{ scope: 'all', reason: 'connected' }]);
    expect(of('stream-attached')).toHaveLength(1);
    expect(of('marathon-request')).toMatchObject([{ op: 'events', outcome: 'ok' }]);
  });

  test('any event proves it too', async () => {
    const { hints, send, streams } = await listen({ attachGrace: 60_000, firstRead: 60_000 }, '');
    await until(() => streams.length === 1);
    send(update('/web'));
    await until(() => hints.length === 1);
    expect(hints).toMatchObject([{ scope: 'all', reason: 'connected' }]);
  });

  test('a Marathon that says nothing counts as attached after a while, and again when it says so', async () => {
    const { hinted, send, of } = await listen({ attachGrace: 100 }, '');
    await until(() => hinted('connected').length === 1);
    send(ATTACHED);
    await until(() => hinted('connected').length === 2);
    expect(of('stream-attached')).toHaveLength(1);
  });

  test('other clients that attach are none of our business', async () => {
    const { hinted, hints, send, of } = await listen();
    await until(() => hinted('connected').length === 1);
    send(ATTACHED + ATTACHED + update('/web'));
    await until(() => hinted('status_update_event').length === 1);
    expect(hints).toHaveLength(2);
    expect(of('marathon-event').map(({ eventType }) => eventType)).toContain('status_update_event');
  });
});

describe('events become hints', () => {
  test('that name their apps', async () => {
    const { hinted, send, of } = await listen();
    await until(() => hinted('connected').length === 1);
    send(update('/web'));
    await until(() => hinted('status_update_event').length === 1);
    expect(hinted('status_update_event')).toMatchObject([{ scope: ['/web'] }]);
    expect(of('marathon-event').at(-1)).toEqual({
      type: 'marathon-event',
      eventType: 'status_update_event',
      relevant: true,
      apps: ['/web'],
    });
  });

  test('that may wait for health where the app is checked, and is routed by that', async () => {
    const checked = { ...app('/checked'), healthChecks: [{ protocol: 'HTTP', path: '/', portIndex: 0 }] };
    const patience = async (healthCheck: boolean) => {
      let stream: ServerResponse | undefined;
      const fake = await startFake((request, response) => {
        if (request.url?.startsWith('/v2/events')) stream = openStream(response);
        else json({ apps: [checked, app('/plain')] })(request, response);
      });
      const { source } = startSource([fake.url], { healthCheck }, { streamIdle: 60_000 });
      const { hints } = follow(source);
      await until(() => hints.length === 1);
      const tell = async (appId: string) => {
        const before = hints.length;
        stream?.write(frame('status_update_event', { appId, taskStatus: 'TASK_RUNNING', taskId: 'x.1' }));
        await until(() => hints.length > before);
        return hints.at(-1)?.patient;
      };
      const unread = await tell('/checked');
      await source.snapshot('all', never());
      return { unread, checked: await tell('/checked'), plain: await tell('/plain'), other: await tell('/other') };
    };
    const none = { unread: undefined, checked: undefined, plain: undefined, other: undefined };
    expect(await patience(true)).toEqual({ ...none, checked: true });
    expect(await patience(false)).toEqual(none);
  });

  test('raw frames of 0.9 without type line, and bare line ends between them', async () => {
    const first = 'data: {"remoteAddress":"10.0.0.5","eventType":"event_stream_attached"}\r\n\r\n';
    const { hinted, send, of } = await listen({}, first);
    await until(() => hinted('connected').length === 1);
    send('\r\n');
    send('data: {"appId":"/web","eventType":"status_update_event"}\r\n\r\n');
    await until(() => hinted('status_update_event').length === 1);
    expect(of('stream-lost')).toEqual([]);
  });

  test('frames split at every byte, with heartbeats split between CR and LF', async () => {
    const { hinted, streams } = await listen();
    await until(() => hinted('connected').length === 1);
    for (const byte of `\r\n${update('/web')}\r\n\r`) {
      await new Promise<void>((resolve) => void streams.at(-1)?.write(byte, () => setImmediate(resolve)));
    }
    await until(() => hinted('status_update_event').length === 1);
    streams.at(-1)?.write(`\n${update('/two')}`);
    await until(() => hinted('status_update_event').length === 2);
    expect(hinted('status_update_event').map(({ scope }) => scope)).toEqual([['/web'], ['/two']]);
  });

  test('lines of megabytes', async () => {
    const { hinted, send } = await listen();
    await until(() => hinted('connected').length === 1);
    const heavy = { plan: { original: 'x'.repeat(3_000_000), steps: [{ actions: [{ app: '/web' }] }] } };
    send(frame('deployment_info', heavy));
    await until(() => hinted('deployment_info').length === 1);
    expect(hinted('deployment_info')).toMatchObject([{ scope: ['/web'] }]);
  });

  test('malformed and unknown ones do no harm', async () => {
    const { hinted, send, of } = await listen();
    await until(() => hinted('connected').length === 1);
    send('event: status_update_event\r\ndata: {"appId":\r\n\r\n');
    await until(() => hinted('status_update_event').length === 1);
    expect(hinted('status_update_event')).toMatchObject([{ scope: 'all' }]);
    send(`${frame('some_future_event', { appId: '/x' })}garbage\r\n\r\n:comment\r\n\r\n${update('/web')}`);
    await until(() => hinted('status_update_event').length === 2);
    expect(of('stream-lost')).toEqual([]);
  });

  test('a flood waits in one bounded set, and nothing of it is lost', async () => {
    const { hinted, hints, send, of } = await listen();
    await until(() => hinted('connected').length === 1);
    send(Array.from({ length: 5_000 }, (_, i) => update(`/app-${i % 200}`)).join(''));
    await until(() => of('marathon-event').length === 5_001);
    const seen = () => new Set<string>(hints.slice(1).flatMap(({ scope }) => (scope === 'all' ? ['all'] : [...scope])));
    await until(() => seen().has('all') || seen().size === 200);
    expect(hints.every(({ scope }) => scope === 'all' || scope.length <= 50)).toBe(true);
  });
});

describe('losing the stream', () => {
  test('silence on the wire ends it, and another master is asked', async () => {
    const fakes = await Promise.all(
      [0, 1].map(() => startFake(withStream((_, response) => void openStream(response)))),
    );
    const { source, of } = startSource(
      fakes.map(({ url }) => url),
      {},
      { streamIdle: 150 },
    );
    const { hints } = follow(source);
    await until(() => of('stream-attached').length >= 2);
    expect(of('stream-lost')[0]).toMatchObject({ endpoint: fakes[0]?.url, reason: 'silence' });
    expect(of('stream-attached').map(({ endpoint }) => endpoint)).toEqual(
      expect.arrayContaining(fakes.map(({ url }) => url)),
    );
    expect(hints.filter(({ reason }) => reason === 'connected').length).toBeGreaterThanOrEqual(2);
  });

  test('a good stream that falls silent is followed by one elsewhere at once', async () => {
    const first = await startFake(withStream((_, response) => void openStream(response)));
    const second = await startFake(withStream((_, response) => void openStream(response)));
    const { source, of } = startSource([first.url, second.url], {}, { streamIdle: 150, streamStable: 100 });
    follow(source);
    await until(() => of('stream-attached').length >= 2);
    expect(
      of('stream-attached')
        .map(({ endpoint }) => endpoint)
        .slice(0, 2),
    ).toEqual([first.url, second.url]);
  });

  test('heartbeats keep it, and are reported at most once in a while', async () => {
    const { hinted, send, of } = await listen({ streamIdle: 400, byteReport: 100 });
    await until(() => hinted('connected').length === 1);
    let sent = 0;
    while (sent < 30) {
      send(sent % 2 === 0 ? '\r' : '\n');
      sent += 1;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(of('stream-lost')).toEqual([]);
    expect(of('stream-byte').length).toBeGreaterThan(1);
    expect(of('stream-byte').length).toBeLessThan(15);
  });

  test('a stream that ends at once was never one', async () => {
    const fake = await startFake(withStream((_, response) => void openStream(response, '').end()));
    const { source, of } = startSource([fake.url]);
    const { hints } = follow(source);
    await until(() => of('stream-lost').length >= 3);
    expect(of('stream-attached')).toEqual([]);
    expect(hints.filter(({ reason }) => reason === 'connected')).toEqual([]);
  });

  const refusals: readonly [string, Fake['answer'], string][] = [
    ['503 without a body', text(503, ''), 'http-status'],
    ['405 HTML', text(405, '<html>'), 'http-status'],
    ['204', text(204, ''), 'http-status'],
    ['403', text(403, ''), 'unauthorized'],
    ['no head', () => undefined, 'timeout'],
    ['a cut connection', (request) => void request.socket.destroy(), 'unreachable'],
  ];
  for (const [name, answer, outcome] of refusals) {
    test(`${name}: the next master is asked, with a pause`, async () => {
      const ill = await startFake(withStream(answer));
      const well = await startFake(withStream((_, response) => void openStream(response)));
      const { source, of } = startSource([ill.url, well.url]);
      follow(source);
      await until(() => of('stream-attached').length === 1);
      expect(of('marathon-request').filter(({ op }) => op === 'events')).toMatchObject([
        { endpoint: ill.url, outcome },
        { endpoint: well.url, outcome: 'ok' },
      ]);
      expect(of('stream-lost')).toMatchObject([{ endpoint: ill.url }]);
    });
  }

  test.each([
    ['a refusal', 503, {}],
    ['a page', 200, { 'content-type': 'text/html' }],
    ['a redirect to somebody else', 302, { location: 'http://127.0.0.1:1/v2/events' }],
  ])('%s whose body never ends is let go of, and the next stream is asked for', async (_, status, headers) => {
    let closed = 0;
    const fake = await startFake(
      withStream((request, response) => {
        if (closed > 1) return void openStream(response);
        response.writeHead(status, headers);
        response.write('and so on');
        request.socket.once('close', () => {
          closed += 1;
        });
      }),
    );
    const { source, of } = startSource([fake.url], {}, { streamIdle: 60_000 });
    const { hints } = follow(source);
    await until(() => hints.some(({ reason }) => reason === 'connected'));
    expect(of('stream-lost').length).toBeGreaterThan(1);
    expect(of('stream-attached')).toHaveLength(1);
  });

  test('200 with another content type is no stream', async () => {
    const fake = await startFake(text(200, 'hello', { 'content-type': 'text/html' }));
    const { source, of } = startSource([fake.url]);
    follow(source);
    await until(() => of('stream-lost').length >= 2);
    expect(of('stream-attached')).toEqual([]);
  });

  test('a stream that the server ends comes back by itself', async () => {
    const { hinted, streams, of } = await listen();
    await until(() => hinted('connected').length === 1);
    streams[0]?.end();
    await until(() => hinted('connected').length === 2);
    expect(of('stream-lost')).toHaveLength(1);
  });

  test('after its life time a stream is opened anew', async () => {
    const { streams, of } = await listen({ streamLife: 200 });
    await until(() => streams.length >= 2);
    expect(of('stream-lost')[0]).toMatchObject({ reason: 'end of its life time' });
  });

  test('a master that refuses connections is passed over, and all of them are tried for ever', async () => {
    const gone = await startFake(text(200, ''));
    await gone.stop();
    const { source, of } = startSource([gone.url]);
    follow(source);
    await until(() => of('stream-lost').length >= 4);
    expect(of('marathon-request').every(({ outcome }) => outcome === 'unreachable')).toBe(true);
  });

  test('aborting ends the stream and the iteration', async () => {
    const { source, of, events } = await (async () => {
      const fake = await startFake(withStream((_, response) => void openStream(response)));
      return startSource([fake.url]);
    })();
    const { stop, done } = follow(source);
    await until(() => of('stream-attached').length === 1);
    stop.abort();
    await done;
    const count = events.length;
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(events.length).toBe(count);
  });
});

describe('redirects', () => {
  test('to a configured leader are followed with credentials', async () => {
    const marathonTokenFile = join(await mkdtemp(join(tmpdir(), 'portolan-source-')), 'token');
    await writeFile(marathonTokenFile, 'T');
    const leader = await startFake(withStream((_, response) => void openStream(response)));
    const standby = await startFake((request, response) => {
      response.writeHead(302, { location: `${leader.url}${request.url}` }).end();
    });
    const { source, of } = startSource([standby.url, leader.url], { marathonTokenFile });
    follow(source);
    await until(() => of('stream-attached').length === 1);
    expect(of('stream-attached')).toMatchObject([{ endpoint: leader.url }]);
    expect(leader.seen[0]?.headers.authorization).toBe('Bearer T');
    expect(leader.seen[0]?.headers.accept).toBe('text/event-stream');
  });

  test('to another host are refused: it gets no request, and the next master is asked', async () => {
    const stranger = await startFake(withStream((_, response) => void openStream(response)));
    const standby = await startFake((request, response) => {
      response.writeHead(302, { location: `${stranger.url}${request.url}` }).end();
    });
    const well = await startFake(withStream((_, response) => void openStream(response)));
    const { source, of } = startSource([standby.url, well.url]);
    follow(source);
    await until(() => of('stream-attached').length === 1);
    expect(of('stream-attached')).toMatchObject([{ endpoint: well.url }]);
    expect(of('redirect-refused')).toMatchObject([{ endpoint: standby.url, target: `${stranger.url}/v2/events` }]);
    expect(stranger.seen).toEqual([]);
  });
});

describe('polling', () => {
  test('goes on steadily beside a stream', async () => {
    const fake = await startFake(withStream((_, response) => void openStream(response)));
    const { source, of } = startSource([fake.url], { pollInterval: 80 }, { streamIdle: 60_000 });
    const { hints } = follow(source);
    await until(() => hints.filter(({ reason }) => reason === 'poll').length >= 3);
    expect(of('stream-lost')).toEqual([]);
    expect(hints.every(({ scope }) => scope === 'all')).toBe(true);
  });

  test('alone, without a stream, starts with a full read', async () => {
    const fake = await startFake(json({ apps: [app('/web')] }));
    const { source } = startSource([fake.url], { sse: false, pollInterval: 60 });
    const { hints } = follow(source);
    await until(() => hints.length >= 3);
    expect(hints.map(({ reason }) => reason).slice(0, 3)).toEqual(['start', 'poll', 'poll']);
    expect(fake.seen).toEqual([]);
  });

  test('comes more often after two streams in a row failed', async () => {
    const fake = await startFake(withStream(text(503, '')));
    const { source, of } = startSource([fake.url], { pollInterval: 3_600 });
    const { hints } = follow(source);
    await until(() => of('stream-lost').length >= 2);
    await until(() => hints.some(({ reason }) => reason === 'poll'), 'a poll after a third of the time');
    expect(hints[0]).toMatchObject({ scope: 'all', reason: 'start' });
  });

  test('a first read is hinted at when the stream does not come', async () => {
    const fake = await startFake(withStream(() => undefined));
    const { source } = startSource([fake.url], {}, { firstRead: 100, streamOpen: 60_000 });
    const { hints } = follow(source);
    await until(() => hints.length === 1);
    expect(hints).toMatchObject([{ scope: 'all', reason: 'start' }]);
  });
});
