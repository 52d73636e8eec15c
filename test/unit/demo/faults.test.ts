import { setTimeout as pause } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { FaultKind, FaultParameters } from '../../../src/demo/faults.ts';
import type { StandInMarathon } from '../../../src/demo/stand-in.ts';
import { CHECK, call, eventStream, marathonOf, told, type Wire, wire } from './rig.ts';

/** A stand-in with six apps and one fault. */
async function faulty(kind: FaultKind, parameters: FaultParameters = {}): Promise<StandInMarathon> {
  const marathon = await marathonOf({ tasks: 'paper', heartbeatMs: 20 });
  for (let i = 0; i < 6; i++) await marathon.post({ id: `app-${i}`, labels: { note: 'x'.repeat(400) } });
  await marathon.settled();
  await marathon.fault('all', kind, parameters);
  return marathon;
}

function ask(marathon: StandInMarathon): Wire {
  return wire(marathon.urls[0] ?? '', 'GET /v2/apps?embed=apps.tasks', [
    'Accept: application/json',
    'Connection: close',
  ]);
}

async function answerOf(marathon: StandInMarathon): Promise<{ readonly head: string; readonly body: string }> {
  const text = await ask(marathon).closed();
  const [head = '', ...rest] = text.split('\r\n\r\n');
  return { head, body: rest.join('\r\n\r\n') };
}

/** Nothing comes for a while: the only way to see silence. */
async function silentFor(one: Wire, ms: number): Promise<boolean> {
  const before = one.text().length;
  await pause(ms);
  return one.text().length === before && !one.ended();
}

test('refuse: connections are cut and refused; cleared, the same port answers again', async () => {
  const marathon = await marathonOf();
  const stream = await eventStream(marathon.urls[0] ?? '');
  await marathon.fault(0, 'refuse');
  await stream.closed();
  const refused = wire(marathon.urls[0] ?? '', '');
  const error = await new Promise<NodeJS.ErrnoException>((resolve) => refused.socket.once('error', resolve));
  expect(error.code).toBe('ECONNREFUSED');
  await marathon.clearFaults(0);
  expect((await call(`${marathon.urls[0]}/v2/apps`)).status).toBe(200);
});

test('freeze: accepted, never answered, streams silent; thawed, the answer comes', async () => {
  const marathon = await marathonOf({ heartbeatMs: 10 });
  const stream = await eventStream(marathon.urls[0] ?? '');
  await marathon.fault('all', 'freeze');
  const asking = ask(marathon);
  await pause(20);
  expect(await silentFor(stream, 100)).toBe(true);
  expect(asking.text()).toBe('');
  await marathon.clearFaults();
  expect(await asking.closed()).toContain('{"apps":[]}');
});

test('unavailable: 503 without JSON, empty or HTML, or another status', async () => {
  const marathon = await faulty('unavailable');
  expect(await answerOf(marathon)).toMatchObject({ head: expect.stringContaining('HTTP/1.1 503 '), body: '' });
  await marathon.fault('all', 'unavailable', { status: 504, body: 'html' });
  expect(await answerOf(marathon)).toMatchObject({
    head: expect.stringContaining('HTTP/1.1 504 '),
    body: expect.stringContaining('<html>'),
  });
  const events = wire(marathon.urls[0] ?? '', 'GET /v2/events', ['Accept: text/event-stream', 'Connection: close']);
  expect(await events.closed()).toContain('HTTP/1.1 504 ');
});

test.each([
  ['blank-200', ''],
  ['empty-object', '{}'],
  ['empty-apps', '{"apps":[]}'],
  ['html', '<html><body>It works!</body></html>\n'],
] as const)('%s: 200 with %j', async (kind, body) => {
  const marathon = await faulty(kind);
  const answer = await answerOf(marathon);
  expect(answer.head).toContain('HTTP/1.1 200 ');
  expect(answer.body).toBe(body);
  await marathon.clearFaults('all', kind);
  expect((await answerOf(marathon)).body).toContain('"/app-5"');
});

test('half-list: half of the apps, well formed', async () => {
  const marathon = await faulty('half-list');
  expect(JSON.parse((await answerOf(marathon)).body)).toMatchObject({ apps: { length: 3 } });
});

test('filtered: the same apps each time; no-tasks and no-health: whole lists without them', async () => {
  const ids = async (marathon: StandInMarathon) =>
    (JSON.parse((await answerOf(marathon)).body) as { apps: { id: string }[] }).apps.map(({ id }) => id).toSorted();
  const filtered = await faulty('filtered', { share: 0.34 });
  expect(await ids(filtered)).toEqual(['/app-0', '/app-1', '/app-2', '/app-3']);
  expect(await ids(filtered)).toEqual(['/app-0', '/app-1', '/app-2', '/app-3']);
  const bare = await answerOf(await faulty('no-tasks'));
  expect(bare.body).toContain('"/app-5"');
  expect(bare.body).not.toContain('"tasks":');
});

test.each([
  ['null', '"healthCheckResults":null'],
  ['empty', '"healthCheckResults":[]'],
  ['of-null', '"healthCheckResults":[null]'],
  ['absent', undefined],
] as const)('no-health as %s', async (as, text) => {
  const marathon = await marathonOf({ tasks: 'paper' });
  await marathon.post({ id: 'web', healthChecks: [CHECK] });
  await marathon.settled();
  await marathon.fault('all', 'no-health', { as });
  for (const path of ['/v2/apps?embed=apps.tasks', '/v2/apps//web?embed=app.tasks']) {
    const { text: json } = await call(`${marathon.urls[0]}${path}`);
    expect(json).toContain('"tasks":[{');
    expect(json).not.toContain('"alive":true');
    if (text === undefined) expect(json).not.toContain('healthCheckResults');
    else expect(json).toContain(text);
  }
});

test('slow: late and whole', async () => {
  const began = performance.now();
  const { body } = await answerOf(await faulty('slow', { ms: 80 }));
  expect(JSON.parse(body)).toMatchObject({ apps: { length: 6 } });
  expect(performance.now() - began).toBeGreaterThan(75);
});

test('buffer-events: whole, in order, in pieces', async () => {
  const marathon = await faulty('buffer-events', { ms: 150 });
  const stream = wire(marathon.urls[0] ?? '', 'GET /v2/events', ['Accept: text/event-stream']);
  await stream.until((text) => text.includes('event_stream_attached'));
  const before = stream.pieces().length;
  await marathon.scale('app-1', 2);
  await marathon.settled();
  await stream.until((text) => text.includes('deployment_success'));
  expect(stream.pieces().length - before).toBeLessThanOrEqual(2);
  expect(told(stream.text()).filter((event) => event === 'deployment_success')).toHaveLength(1);
});

test('flood: as many events a second as asked for, until it is cleared', async () => {
  const marathon = await faulty('flood', { perSecond: 2000 });
  const floods = () => marathon.events().filter(({ line }) => line.includes('"Flood"')).length;
  const began = floods();
  await vi.waitFor(() => expect(floods() - began).toBeGreaterThan(400));
  await marathon.clearFaults();
  const ended = floods();
  await pause(50);
  expect(floods()).toBe(ended);
});

test('cut-length: fewer bytes than promised', async () => {
  const { head, body } = await answerOf(await faulty('cut-length'));
  const promised = Number(/content-length: (\d+)/i.exec(head)?.[1]);
  expect(body).toMatch(/^\{"apps":\[/);
  expect(body.length).toBeLessThan(promised);
  expect(() => JSON.parse(body)).toThrow();
});

test('cut-chunked: chunks without the last one', async () => {
  const { head, body } = await answerOf(await faulty('cut-chunked'));
  expect(head.toLowerCase()).toContain('transfer-encoding: chunked');
  expect(body).toContain('{"apps":[');
  expect(body).not.toContain('\r\n0\r\n');
});

test('hang-headers and hang-body: nothing more comes, and the connection stays', async () => {
  const before = ask(await faulty('hang-headers'));
  expect(await silentFor(before, 60)).toBe(true);
  expect(before.text()).toBe('');
  const middle = ask(await faulty('hang-body'));
  await middle.until((text) => text.includes('{"apps":['));
  expect(await silentFor(middle, 60)).toBe(true);
  const [head = '', body = ''] = middle.text().split('\r\n\r\n');
  expect(body.length).toBeLessThan(Number(/content-length: (\d+)/i.exec(head)?.[1]));
});

test('slow-body: whole in the end, in pieces', async () => {
  const marathon = await faulty('slow-body', { ms: 5 });
  const asking = ask(marathon);
  const text = await asking.closed();
  expect(JSON.parse(text.split('\r\n\r\n')[1] ?? '')).toMatchObject({ apps: { length: 6 } });
  expect(asking.pieces().length).toBeGreaterThan(3);
});

test('redirect and assembling', async () => {
  const redirected = await answerOf(await faulty('redirect', { location: 'http://elsewhere.example/' }));
  expect(redirected.head).toContain('HTTP/1.1 302 ');
  expect(redirected.head).toContain('Location: http://elsewhere.example/');
  const overloaded = await answerOf(await faulty('assembling'));
  expect(overloaded.head).toContain('HTTP/1.1 500 ');
  expect(overloaded.body).toContain('while assembling rich tasks for app');
});

test('a fault of one path leaves the others alone', async () => {
  const marathon = await faulty('unavailable', { path: '/v2/apps/' });
  expect((await call(`${marathon.urls[0]}/v2/apps/app-1`)).status).toBe(503);
  expect((await call(`${marathon.urls[0]}/v2/apps`)).status).toBe(200);
});

test('silent-stream: not a byte, and the socket stays; heartbeat-only: beats without events', async () => {
  const marathon = await faulty('heartbeat-only');
  const stream = wire(marathon.urls[0] ?? '', 'GET /v2/events', ['Accept: text/event-stream']);
  await stream.until((text) => text.endsWith('\r\n\r\n\r\n\r\n'));
  await marathon.scale('app-1', 2);
  await marathon.settled();
  expect(told(stream.text())).toEqual([]);
  await marathon.clearFaults();
  await marathon.scale('app-1', 3);
  await stream.until((text) => text.includes('deployment_success'));
  await marathon.fault(0, 'silent-stream');
  await pause(20);
  const waiting = silentFor(stream, 120);
  await marathon.scale('app-1', 4);
  expect(await waiting).toBe(true);
});

test('stream-eof: open streams end, new ones get their header and end', async () => {
  const marathon = await marathonOf();
  const stream = await eventStream(marathon.urls[0] ?? '');
  await marathon.fault(0, 'stream-eof');
  await stream.closed();
  const next = wire(marathon.urls[0] ?? '', 'GET /v2/events', ['Accept: text/event-stream']);
  const [head, body] = (await next.closed()).split('\r\n\r\n');
  expect(head).toContain('HTTP/1.1 200 OK');
  expect(body).toBe('');
});

test('events lost, doubled, and out of order', async () => {
  const marathon = await marathonOf({ tasks: 'paper' });
  await marathon.post({ id: 'web' });
  await marathon.settled();
  const stream = await eventStream(
    marathon.urls[0] ?? '',
    '?event_type=status_update_event&event_type=event_stream_attached&event_type=api_post_event',
  );
  const step = async (kind: FaultKind): Promise<readonly string[]> => {
    const before = told(stream.text()).length;
    await marathon.fault(0, kind);
    await marathon.scale('web', 0);
    await marathon.settled();
    await marathon.clearFaults();
    // One known event marks the end of what the step brought.
    await marathon.scale('web', 1);
    await marathon.settled();
    await stream.until((text) => told(text).slice(before).includes('status_update_event TASK_RUNNING'));
    const events = told(stream.text()).slice(before);
    return events.slice(0, events.indexOf('status_update_event TASK_STARTING'));
  };
  expect(await step('duplicate-events')).toEqual([
    ...Array(2).fill('api_post_event'),
    ...Array(2).fill('status_update_event TASK_KILLING'),
    ...Array(2).fill('status_update_event TASK_KILLED'),
    'api_post_event',
  ]);
  expect(await step('lose-events')).toEqual(['api_post_event']);
  expect(await step('reorder-events')).toEqual([
    'status_update_event TASK_KILLING',
    'api_post_event',
    'api_post_event',
    'status_update_event TASK_KILLED',
  ]);
});

test('everything can be switched with curl', async () => {
  const marathon = await marathonOf({ secondMs: 10 });
  await marathon.post({ id: 'a/web' });
  await marathon.settled();
  const control = marathon.controlUrl;
  expect((await call(`${control}/faults`)).json).toHaveProperty('refuse');
  await call(`${control}/faults/0/unavailable?status=500&body=html`, 'PUT');
  expect((await call(`${marathon.urls[0]}/v2/apps`)).status).toBe(500);
  await call(`${control}/faults`, 'DELETE');
  expect((await call(`${marathon.urls[0]}/v2/apps`)).status).toBe(200);
  expect((await call(`${control}/faults/all/nonsense`, 'PUT')).status).toBe(404);
  const [task] = marathon.tasks('a/web');
  await call(`${control}/tasks/${task?.id}/crash`, 'POST');
  expect(marathon.tasks('a/web')[0]?.state).toBe('TASK_FAILED');
  await call(`${control}/leader-change`, 'POST');
  expect(marathon.events().some(({ type }) => type === 'scheduler_disconnected_event')).toBe(true);
});
