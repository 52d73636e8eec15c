import { expect, test } from 'vitest';
import { call, eventStream, marathonOf, told, wire } from './rig.ts';

test('the stream has Marathon’s header: no length, no chunks, never compressed, and ends with the connection', async () => {
  const marathon = await marathonOf();
  const stream = wire(marathon.urls[0] ?? '', 'GET /v2/events', ['Accept: text/event-stream', 'Accept-Encoding: gzip']);
  const text = await stream.until((seen) => seen.includes('event_stream_attached'));
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(head).toContain(`X-Marathon-Leader: ${marathon.urls[0]}`);
  expect(head).toContain('Content-Type: text/event-stream;charset=utf-8');
  expect(head).toContain('Connection: close');
  expect(head).toContain('Cache-Control: no-cache, no-store, must-revalidate');
  expect(head.toLowerCase()).not.toMatch(/content-length|transfer-encoding|content-encoding/);
  expect(body).toMatch(/^event: event_stream_attached\r\ndata: \{"remoteAddress":"127\.0\.0\.1".*\}$/);
});

test('a heartbeat is a carriage return and then a line feed, while events come in between', async () => {
  const marathon = await marathonOf({ heartbeatMs: 30 });
  const stream = await eventStream(marathon.urls[0] ?? '');
  const start = stream.text().length;
  await stream.until((text) => text.length >= start + 6);
  expect(stream.text().slice(start, start + 6)).toBe('\r\n\r\n\r\n');
});

test.each(['text/event-stream, */*', '*/*', 'text/event-stream;q=1'])('Accept: %s is answered 405', async (accept) => {
  const marathon = await marathonOf();
  const answer = await call(`${marathon.urls[0]}/v2/events`, 'GET', undefined, { Accept: accept });
  expect(answer.status).toBe(405);
  expect(answer.text).toContain('HTTP method GET is not supported by this URL');
});

test('a filter lets only its types through', async () => {
  const marathon = await marathonOf();
  const query = '?event_type=status_update_event&event_type=event_stream_attached&plan-format=light';
  const stream = await eventStream(marathon.urls[0] ?? '', query);
  const all = await eventStream(marathon.urls[0] ?? '');
  await marathon.post({ id: 'web' });
  await all.until((text) => text.includes('deployment_success'));
  await stream.until((text) => text.includes('TASK_RUNNING'));
  expect(told(stream.text())).toEqual(['status_update_event TASK_STARTING', 'status_update_event TASK_RUNNING']);
  expect(told(all.text()).length).toBeGreaterThan(8);
});

test('nothing is replayed to a stream that comes later', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web' });
  await marathon.settled();
  const stream = await eventStream(marathon.urls[0] ?? '');
  await marathon.scale('web', 0);
  await stream.until((text) => text.includes('deployment_success'));
  expect(told(stream.text())[0]).toBe('deployment_info ScaleApplication');
});

test('up to 1.7 plans are heavy unless light ones are asked for', async () => {
  const marathon = await marathonOf({ dialect: '1.4' });
  const heavy = await eventStream(marathon.urls[0] ?? '');
  const light = await eventStream(marathon.urls[0] ?? '', '?plan-format=light');
  await marathon.post({ id: 'a/web' });
  for (const stream of [heavy, light]) await stream.until((text) => text.includes('deployment_success'));
  expect(heavy.text()).toContain('"original":{"id":"/"');
  expect(light.text()).not.toContain('"original"');
});

test.each([
  ['1.10', true],
  ['1.4', false],
] as const)('a consumer that does not read: %s closes it: %s', async (dialect, closed) => {
  const marathon = await marathonOf({ dialect, maxOutstanding: 20, tasks: 'paper' });
  const slow = await eventStream(marathon.urls[0] ?? '', '?plan-format=light');
  slow.socket.pause();
  const big = { note: 'x'.repeat(200_000) };
  let posted = 0;
  while (posted < 60 && marathon.streams() === 1) await marathon.post({ id: `app-${posted++}`, labels: big });
  expect(marathon.streams() === 0).toBe(closed);
});

test('a client that leaves is told to the others', async () => {
  const marathon = await marathonOf();
  const stays = await eventStream(marathon.urls[0] ?? '');
  const leaves = await eventStream(marathon.urls[0] ?? '');
  expect(marathon.streams()).toBe(2);
  leaves.socket.destroy();
  await stays.until((text) => text.includes('event_stream_detached'));
  expect(marathon.streams()).toBe(1);
});
