import { describe, expect, onTestFinished, test } from 'vitest';
import type { TaskId } from '../../../src/core/app.ts';
import { instanceOf } from '../../../src/core/leaving.ts';
import { createMarathon } from '../../../src/demo/marathon.ts';
import { createEventReader } from '../../../src/source/marathon-events.ts';
import { follow, startSource, until } from './rig.ts';

const TASK = 'web.instance-a5f2bd75-caaa-11e8-a129-70b3d5800001._app.2';
const INSTANCE = 'web.instance-a5f2bd75-caaa-11e8-a129-70b3d5800001';

function stream() {
  const read = createEventReader();
  let told = 0;
  /** Events are told at different times. */
  const tell = (eventType: string, rest: object) => {
    const timestamp = new Date(told++).toISOString();
    return read(eventType, JSON.stringify({ timestamp, ...rest, eventType })).leaving;
  };
  return {
    tell,
    status: (taskStatus: string, taskId: unknown = TASK) =>
      tell('status_update_event', { appId: '/web', taskId, taskStatus }),
    condition: (condition: string, instanceId: unknown = INSTANCE) =>
      tell('instance_changed_event', { runSpecId: '/web', instanceId, condition }),
  };
}

describe('a status says that a task leaves', () => {
  const leaving = [
    'KILLING',
    'KILLED',
    'FAILED',
    'FINISHED',
    'ERROR',
    'DROPPED',
    'GONE',
    'GONE_BY_OPERATOR',
    'UNKNOWN',
  ];
  for (const state of leaving)
    test(state, () => expect(stream().status(`TASK_${state}`)).toEqual({ app: '/web', task: TASK }));
  for (const state of ['STAGING', 'STARTING', 'RUNNING', 'UNREACHABLE', 'LOST', 'SOMETHING_NEW'])
    test(`not ${state}`, () => expect(stream().status(`TASK_${state}`)).toBeUndefined());
  test('not without a usable task, or of an app without a usable id', () => {
    for (const id of [undefined, '', 'a b', 7])
      expect(
        stream().tell('status_update_event', { appId: '/web', taskId: id, taskStatus: 'TASK_KILLED' }),
      ).toBeUndefined();
    expect(
      stream().tell('status_update_event', { appId: '/a b', taskId: TASK, taskStatus: 'TASK_KILLED' }),
    ).toBeUndefined();
  });
});

test('a task that is killed for its health leaves; by its instance where only that is named', () => {
  const event = { appId: '/web', taskId: TASK, instanceId: INSTANCE };
  expect(stream().tell('unhealthy_instance_kill_event', event)).toEqual({ app: '/web', task: TASK });
  expect(stream().tell('unhealthy_instance_kill_event', { ...event, taskId: undefined })).toEqual({
    app: '/web',
    task: INSTANCE,
  });
  expect(stream().tell('unhealthy_task_kill_event', { appId: '/web', taskId: 'web.1' })).toEqual({
    app: '/web',
    task: 'web.1',
  });
});

describe('a changed goal', () => {
  const GOAL = { app: '/web', task: INSTANCE };

  test('is Running told a second time', () => {
    const { status, condition } = stream();
    for (const early of ['Scheduled', 'Provisioned', 'Staging', 'Starting']) expect(condition(early)).toBeUndefined();
    status('TASK_RUNNING');
    expect(condition('Running')).toBeUndefined();
    expect(condition('Running')).toEqual(GOAL);
  });

  test('is Running without a reason, of an instance from before the stream', () => {
    expect(stream().condition('Running')).toEqual(GOAL);
  });

  test('is not the first Running after a status, nor a return from an unreachable agent', () => {
    const { status, condition } = stream();
    status('TASK_RUNNING');
    expect(condition('Running')).toBeUndefined();
    status('TASK_UNREACHABLE');
    expect(condition('Unreachable')).toBeUndefined();
    status('TASK_RUNNING');
    expect(condition('Running')).toBeUndefined();
  });

  test('is seen although reconciliation told of the task again', () => {
    const { status, condition } = stream();
    status('TASK_RUNNING');
    condition('Running');
    status('TASK_RUNNING');
    expect(condition('Running')).toEqual(GOAL);
  });

  test('is over when the next incarnation starts', () => {
    const { status, condition } = stream();
    condition('Running');
    expect(condition('Killing')).toEqual(GOAL);
    expect(condition('Killed')).toBeUndefined();
    expect(condition('Provisioned')).toBeUndefined();
    status('TASK_RUNNING', TASK.replace('.2', '.3'));
    expect(condition('Running')).toBeUndefined();
  });

  test('is not one event that came twice', () => {
    const { status, tell } = stream();
    const running = {
      runSpecId: '/web',
      instanceId: INSTANCE,
      condition: 'Running',
      timestamp: '2020-01-01T00:00:00.000Z',
    };
    for (let twice = 0; twice < 2; twice++) status('TASK_RUNNING');
    for (let twice = 0; twice < 2; twice++) expect(tell('instance_changed_event', running)).toBeUndefined();
    const later = { ...running, timestamp: '2020-01-01T00:00:00.001Z' };
    expect(tell('instance_changed_event', later)).toEqual(GOAL);
  });

  test('is unknown to instances of before 1.8, which have other ids', () => {
    const { condition } = stream();
    const old = 'web.marathon-a5f2bd75-caaa-11e8-a129-70b3d5800001';
    expect(condition('Running', old)).toBeUndefined();
    expect(condition('Running', old)).toBeUndefined();
  });

  test('needs an instance', () => {
    expect(stream().condition('Running', null)).toBeUndefined();
  });
});

test('an instance means every incarnation of it, and nothing else', () => {
  const task = (id: string) => id as TaskId;
  expect(instanceOf(task(TASK))).toBe(INSTANCE);
  expect(instanceOf(task('web.bd2cb77e'))).toBe('web.bd2cb77e');
});

test('nobody leaves because every event comes twice', async () => {
  const marathon = await createMarathon({ tasks: 'paper', secondMs: 20, servicePorts: { from: 27_780, to: 27_789 } });
  onTestFinished(() => marathon.stop());
  await marathon.fault('all', 'duplicate-events');
  const { source, of } = startSource(marathon.urls);
  const { hints } = follow(source);
  await until(() => hints.some(({ reason }) => reason === 'connected'), 'the stream');
  await marathon.post({ id: '/web', instances: 3 });
  await marathon.settled('/web');
  const told = () => of('marathon-event').filter(({ eventType }) => eventType === 'deployment_success');
  await until(() => told().length === 2, 'the end of the deployment, twice');
  expect(hints.flatMap((hint) => hint.leaving ?? [])).toEqual([]);
});

test('scaling down tells who leaves, before and after it is killed, and nobody else', async () => {
  const marathon = await createMarathon({ tasks: 'paper', secondMs: 20, servicePorts: { from: 27_900, to: 27_910 } });
  onTestFinished(() => marathon.stop());
  await marathon.post({ id: '/web', instances: 3 });
  await marathon.settled('/web');
  const { source } = startSource(marathon.urls);
  const { hints } = follow(source);
  await until(() => hints.some(({ reason }) => reason === 'connected'), 'the stream');
  const before = marathon.tasks('/web').map(({ id }) => id);
  await marathon.scale('/web', 2);
  await marathon.settled('/web');
  const left = new Set(marathon.tasks('/web').map(({ id }) => id));
  const gone = before.filter((id) => !left.has(id)).map((id) => id as TaskId);
  const leaving = () => hints.flatMap((hint) => hint.leaving ?? []);
  await until(() => leaving().some(({ task }) => task === gone[0]), 'the task');
  expect(gone).toHaveLength(1);
  expect(leaving().some(({ task }) => gone.some((id) => task === instanceOf(id)))).toBe(true);
  expect(leaving().every(({ task }) => gone.some((id) => task === id || task === instanceOf(id)))).toBe(true);
});
