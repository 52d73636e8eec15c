import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { StandInTask } from '../../../src/demo/stand-in.ts';
import { CHECK, call, marathonOf, wire } from './rig.ts';

const at = (task: StandInTask | undefined, index = 0): string => {
  const port = task?.listens[index];
  return `http://${port?.address}:${port?.port}`;
};

test('an HTTP task says who it is and what it got', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web' });
  await marathon.settled();
  const [task] = marathon.tasks('web');
  const answer = await call(`${at(task)}/some/path?x=1`, 'POST', { a: 1 }, { 'X-Forwarded-For': '10.1.1.1' });
  expect(answer.json).toMatchObject({
    task: task?.id,
    app: '/web',
    version: task?.version,
    port: task?.listens[0]?.port,
    method: 'POST',
    path: '/some/path?x=1',
    headers: { 'x-forwarded-for': '10.1.1.1' },
  });
  expect(answer.headers.get('x-task-id')).toBe(task?.id);
  expect((await call(`${at(task)}/status/404`)).status).toBe(404);
  expect((await call(`${at(task)}/`, 'GET', undefined, { Accept: 'text/plain' })).text).toContain(`task ${task?.id}`);
});

test('a TCP task greets with its id and sends everything back', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'echo', labels: { HAPROXY_0_MODE: 'tcp' }, healthChecks: [{ ...CHECK, protocol: 'TCP' }] });
  await marathon.settled();
  const [task] = marathon.tasks('echo');
  const echo = wire(at(task), '');
  await echo.until((text) => text.includes('\n'));
  expect(echo.text()).toContain(`hello from ${task?.id} of /echo`);
  echo.socket.write('abc');
  await echo.until((text) => text.endsWith('abc'));
  echo.socket.end('last');
  expect(await echo.closed()).toMatch(/abclast$/);
});

test('host and bridge tasks listen on ports of the agents’ band, each its own', async () => {
  const marathon = await marathonOf({ agentPorts: { from: 31000, to: 31999 } });
  const container = {
    type: 'DOCKER',
    docker: { image: 'a' },
    portMappings: [{ containerPort: 80 }, { containerPort: 0 }],
  };
  await marathon.post({ id: 'host', ports: [0, 0], instances: 3 });
  await marathon.post({ id: 'bridge', container, networks: [{ mode: 'container/bridge' }], instances: 3 });
  await marathon.settled();
  const tasks = marathon.tasks();
  for (const task of tasks) {
    expect(task.json['ports']).toEqual(task.listens.map(({ port }) => port));
    for (const [index, { address, port }] of task.listens.entries()) {
      expect(port).toBeGreaterThanOrEqual(31000);
      expect(port).toBeLessThanOrEqual(31999);
      expect(address).toBe(task.json['host']);
      expect((await call(at(task, index))).json).toMatchObject({ task: task.id, portIndex: index });
    }
  }
  expect(new Set(tasks.flatMap(({ listens }) => listens.map((l) => `${l.address}:${l.port}`))).size).toBe(12);
  expect(tasks.find(({ app }) => app === '/bridge')?.json['ipAddresses']).toMatchObject([
    { ipAddress: expect.stringMatching(/^172\.17\./) },
  ]);
});

test('container tasks have an address of their own; a mapping with a host port has both', async () => {
  const marathon = await marathonOf();
  await marathon.post({
    id: 'web',
    instances: 3,
    networks: [{ mode: 'container', name: 'dcos' }],
    container: { type: 'MESOS', portMappings: [{ containerPort: 8080 }, { containerPort: 8081, hostPort: 0 }] },
    healthChecks: [
      { ...CHECK, portIndex: 0 },
      { ...CHECK, portIndex: 1, protocol: 'TCP' },
    ],
  });
  await marathon.settled();
  const tasks = marathon.tasks('web');
  const addresses = tasks.map(({ json }) => (json['ipAddresses'] as { ipAddress: string }[])[0]?.ipAddress ?? '');
  expect(new Set(addresses).size).toBe(3);
  for (const [index, task] of tasks.entries()) {
    expect(task.json['ports']).toHaveLength(1);
    expect(addresses[index]).toMatch(/^127\.\d+\.\d+\.\d+$/);
    expect((await call(`http://${addresses[index]}:8080/`)).json).toMatchObject({ task: task.id, portIndex: 0 });
    expect(task.listens.map(({ portIndex }) => portIndex)).toEqual([0, 1, 1]);
  }
});

test('nothing listens before a task runs', async () => {
  const marathon = await marathonOf({ delays: { starting: 1_000_000 } });
  await marathon.post({ id: 'web' });
  await marathon.until('web', (tasks) => tasks[0]?.state === 'TASK_STARTING');
  const [task] = marathon.tasks('web');
  const port = ((task?.json['ports'] ?? []) as number[])[0] ?? 0;
  const error = await new Promise<NodeJS.ErrnoException>((resolve) =>
    connect(port, String(task?.json['host'])).once('error', resolve),
  );
  expect(error.code).toBe('ECONNREFUSED');
});

test('health is switched by hand and by time, and only the health path shows it', async () => {
  const marathon = await marathonOf({ health: 'manual' });
  await marathon.post({
    id: 'web',
    env: { TASK_HEALTHY_AFTER_MS: '1000000' },
    healthChecks: [{ path: '/ready?full=1' }],
  });
  await marathon.until('web', (tasks) => tasks[0]?.state === 'TASK_RUNNING');
  const [task] = marathon.tasks('web');
  expect((await call(`${at(task)}/ready`)).status).toBe(503);
  expect((await call(`${at(task)}/`)).status).toBe(200);
  marathon.setHealth('web', true);
  await marathon.settled();
  expect((await call(`${at(task)}/ready`)).status).toBe(200);
  marathon.setHealth(task?.id ?? '', false);
  expect((await call(`${at(task)}/health`)).status).toBe(503);
  expect(marathon.tasks('web')[0]?.json['healthCheckResults']).toMatchObject([
    { alive: false, consecutiveFailures: 1 },
  ]);
  marathon.setHealth('web', undefined);
  expect(marathon.tasks('web')[0]?.json['healthCheckResults']).toEqual([]);
});

test.each([
  ['grace', true],
  ['drain', true],
  ['instant', false],
] as const)('a request in flight when a task is killed, exit %s: answered: %s', async (exit, answered) => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', env: { TASK_EXIT: exit }, taskKillGracePeriodSeconds: 2 });
  await marathon.settled();
  const slow = wire(at(marathon.tasks('web')[0]), 'GET /slow?ms=150');
  await call(at(marathon.tasks('web')[0]));
  await marathon.delete('web');
  expect((await slow.closed()).startsWith('HTTP/1.1 200 OK')).toBe(answered);
  await marathon.settled();
  expect(marathon.alive()).toEqual([]);
});

test('a crash and a dead agent cut connections at once', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', backoffSeconds: 1000 });
  await marathon.post({ id: 'other' });
  await marathon.settled();
  for (const end of [
    () => marathon.crashTask('web'),
    () => marathon.loseAgent(String(marathon.tasks('other')[0]?.json['host'])),
  ]) {
    const task =
      marathon.tasks('web')[0]?.state === 'TASK_RUNNING' ? marathon.tasks('web')[0] : marathon.tasks('other')[0];
    const hanging = wire(at(task), 'GET /slow?ms=100000');
    await call(at(task));
    end();
    expect(await hanging.closed()).toBe('');
  }
});

test('a fixed port that is taken on one agent is had on another', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'one' });
  await marathon.settled();
  const taken = marathon.tasks('one')[0]?.listens[0];
  await marathon.post({ id: 'two', instances: 2, ports: [taken?.port], requirePorts: true });
  await marathon.settled();
  const hosts = marathon.tasks('two').map(({ json }) => json['host']);
  expect(new Set([...hosts, taken?.address]).size).toBe(3);
  expect(marathon.tasks('two').map(({ json }) => json['ports'])).toEqual([[taken?.port], [taken?.port]]);
});

test('a WebSocket gets its messages back, and a goodbye when its task ends', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'live' });
  await marathon.settled();
  const [task] = marathon.tasks('live');
  const socket = new WebSocket(at(task).replace('http', 'ws'));
  const heard: unknown[] = [];
  socket.addEventListener('message', ({ data }) => heard.push(data));
  await new Promise((opened) => socket.addEventListener('open', opened, { once: true }));
  const closed = new Promise((end) => socket.addEventListener('close', ({ code }) => end(code), { once: true }));
  const long = 'x'.repeat(1_000);
  for (const message of ['one', '', long]) {
    const next = new Promise((come) => socket.addEventListener('message', come, { once: true }));
    socket.send(message);
    await next;
  }
  expect(heard).toEqual(['one', '', long]);
  await marathon.delete('live');
  expect(await closed).toBe(1001);
});
