import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Json } from '../../../src/demo/json.ts';
import { selfSignedPem } from '../../support/pem.ts';
import { CHECK, call, eventStream, marathonOf, wire } from './rig.ts';

test('a standby passes requests on and says so; events it sends to the leader', async () => {
  const marathon = await marathonOf({ masters: 3 });
  const [leader, standby] = marathon.urls;
  await call(`${standby}/v2/apps`, 'POST', { id: 'web', cmd: 'serve' });
  const answer = await call(`${standby}/v2/apps`);
  expect(answer.json).toMatchObject({ apps: [{ id: '/web' }] });
  expect(answer.headers.get('x-marathon-via')).toBe(`1.1 ${new URL(standby ?? '').host}`);
  expect(answer.headers.get('x-marathon-leader')).toBe(leader);
  expect((await call(`${leader}/v2/apps`)).headers.get('x-marathon-via')).toBeNull();
  const events = await call(`${standby}/v2/events?event_type=a&event_type=b`, 'GET', undefined, {
    Accept: 'text/event-stream',
  });
  expect(events.status).toBe(302);
  expect(events.headers.get('location')).toBe(`${leader}/v2/events?event_type=a&event_type=b`);
});

test('a 1.4 standby passes the event stream on itself', async () => {
  const marathon = await marathonOf({ masters: 2, dialect: '1.4' });
  const stream = await eventStream(marathon.urls[1] ?? '');
  expect(stream.text().toLowerCase()).toContain('x-marathon-via: 1.1 ');
  await marathon.post({ id: 'web' });
  expect(await stream.until((text) => text.includes('deployment_success'))).toContain('TASK_RUNNING');
});

test.each([
  ['1.10', 'application/json', 502, ''],
  ['1.10', 'text/html', 502, 'Connection to leader refused.'],
  ['1.4', 'application/json', 502, 'Connection to leader refused.'],
] as const)(
  '%s: a dead leader makes a standby answer %s with %i, never with JSON',
  async (dialect, accept, status, text) => {
    const marathon = await marathonOf({ masters: 2, dialect });
    await marathon.fault(0, 'refuse');
    const answer = await call(`${marathon.urls[1]}/v2/apps`, 'GET', undefined, { Accept: accept });
    expect(answer.status).toBe(status);
    if (text === '') expect(answer.text).toBe('');
    else expect(answer.text).toContain(text);
  },
);

test.each([
  ['1.10', 500],
  ['1.4', 504],
] as const)('%s: a leader that hangs makes a standby answer %i', async (dialect, status) => {
  const marathon = await marathonOf({ masters: 2, dialect, proxyReadTimeoutMs: 50 });
  await marathon.fault(0, 'freeze');
  expect((await call(`${marathon.urls[1]}/v2/apps`)).status).toBe(status);
});

test('a leader that dies in mid-answer cuts the standby’s answer too', async () => {
  const marathon = await marathonOf({ masters: 2 });
  await marathon.fault(0, 'cut-length');
  await expect(fetch(`${marathon.urls[1]}/v2/apps`).then((answer) => answer.text())).rejects.toThrow();
});

test('a leader change as clients see it: stream end, errors, empty health, then events and health again', async () => {
  const marathon = await marathonOf({ masters: 2, delays: { election: 60, streamRace: 60, reregister: 1000 } });
  const [first, second] = marathon.urls;
  await marathon.post({ id: 'web', instances: 2, healthChecks: [{ ...CHECK, intervalSeconds: 20 }] });
  await marathon.settled();
  const before = (await call(`${first}/v2/apps?embed=apps.tasks`)).json['apps'] as Json[];
  expect(before[0]).toMatchObject({ tasksHealthy: 2 });
  const stream = await eventStream(first ?? '');
  const change = marathon.leaderChange();
  await stream.closed();
  const during = await call(`${second}/v2/apps`);
  expect([during.status, during.text]).toEqual([502, '']);
  await expect(call(`${first}/v2/apps`)).rejects.toThrow();
  await change;
  expect(marathon.leader()).toBe(1);
  const race = wire(second ?? '', 'GET /v2/events', ['Accept: text/event-stream']);
  expect((await race.closed()).split('\r\n\r\n')[1]).toBe('');
  const after = (await call(`${first}/v2/apps?embed=apps.tasks`)).json['apps'] as Json[];
  expect(after[0]).toMatchObject({
    tasksHealthy: 0,
    tasksRunning: 2,
    version: before[0]?.['version'],
    deployments: [],
  });
  for (const task of (after[0]?.['tasks'] ?? []) as Json[]) expect(task['healthCheckResults']).toEqual([]);
  let late = wire(second ?? '', 'GET /v2/events', ['Accept: text/event-stream']);
  while (!(await late.until((text) => text.includes('attached'))).includes('attached'))
    late = wire(second ?? '', 'GET /v2/events', ['Accept: text/event-stream']);
  await marathon.until('web', (tasks) => tasks.every(({ json }) => JSON.stringify(json).includes('"alive":true')));
  await late.until((text) => text.split('TASK_RUNNING').length > 2);
  const types = marathon.events().map(({ type }) => type);
  const back = types.lastIndexOf('scheduler_reregistered_event');
  expect(types.slice(back, back + 4)).toEqual([
    'scheduler_reregistered_event',
    'add_health_check_event',
    'status_update_event',
    'status_update_event',
  ]);
});

test('checks that agents run keep their results over a leader change', async () => {
  const marathon = await marathonOf({ delays: { election: 10 } });
  await marathon.post({ id: 'web', healthChecks: [{ ...CHECK, protocol: 'MESOS_HTTP' }] });
  await marathon.settled();
  await marathon.leaderChange();
  expect(marathon.tasks('web')[0]?.json['healthCheckResults']).toMatchObject([{ alive: true }]);
});

test('basic auth guards everything, on standbys too', async () => {
  const marathon = await marathonOf({ masters: 2, basicAuth: { user: 'u', password: 'pä' } });
  for (const url of marathon.urls)
    for (const path of ['/v2/apps', '/ping', '/v2/events']) {
      const refused = await call(`${url}${path}`);
      expect(refused.status).toBe(401);
      expect(refused.headers.get('www-authenticate')).toBe('basic realm="Mesosphere"');
      expect(refused.text).toContain('<html>');
    }
  const latin = Buffer.from('u:pä', 'latin1').toString('base64');
  const utf8 = Buffer.from('u:pä', 'utf8').toString('base64');
  const ask = (url: string | undefined, value: string) =>
    call(`${url}/v2/apps`, 'GET', undefined, { Authorization: `Basic ${value}` });
  expect((await ask(marathon.urls[1], latin)).json).toEqual({ apps: [] });
  expect((await ask(marathon.urls[0], utf8)).status).toBe(401);
});

test('a token, a prefix and compression', async () => {
  const marathon = await marathonOf({ token: 'secret', prefix: '/service/marathon', tasks: 'paper' });
  expect(marathon.urls[0]).toMatch(/\/service\/marathon$/);
  const headers = { Authorization: 'token=secret' };
  expect((await call(`${marathon.urls[0]}/ping`)).headers.get('www-authenticate')).toBe('oauthjwt');
  expect((await call(`${marathon.urls[0]}/ping`, 'GET', undefined, headers)).text).toBe('"pong"');
  expect((await call(`${new URL(marathon.urls[0] ?? '').origin}/v2/apps`, 'GET', undefined, headers)).status).toBe(404);
  await marathon.post({ id: 'web' });
  const raw = wire(marathon.urls[0] ?? '', 'GET /service/marathon/v2/apps', [
    'Authorization: token=secret',
    'Accept-Encoding: gzip',
    'Connection: close',
  ]);
  expect(await raw.closed()).toContain('Content-Encoding: gzip');
  const plain = wire(marathon.urls[0] ?? '', 'GET /service/marathon/v2/apps', [
    'Authorization: token=secret',
    'Connection: close',
  ]);
  expect(await plain.closed()).toContain('{"apps":[{');
});

test('TLS, between masters too, and client certificates where a CA is given', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'pd-'));
  const pem = await selfSignedPem(folder, 'marathon.example');
  await rm(folder, { recursive: true });
  const ask = (url: string, own: Json): Promise<string> =>
    new Promise((resolve, reject) => {
      request(`${url}/v2/apps`, { ca: pem, servername: 'marathon.example', ...own }, (answer) => {
        answer.on('data', (data: Buffer) => resolve(data.toString()));
      })
        .on('error', reject)
        .end();
    });
  const open = await marathonOf({ masters: 2, tls: { key: pem, cert: pem } });
  expect(open.urls[1]).toMatch(/^https:/);
  expect(await ask(open.urls[1] ?? '', {})).toBe('{"apps":[]}');
  await expect(ask(open.urls[0] ?? '', { ca: [] })).rejects.toThrow(/self-signed/);
  const closed = await marathonOf({ masters: 2, tls: { key: pem, cert: pem, ca: pem } });
  await expect(ask(closed.urls[0] ?? '', {})).rejects.toThrow();
  expect(await ask(closed.urls[1] ?? '', { key: pem, cert: pem })).toBe('{"apps":[]}');
});
