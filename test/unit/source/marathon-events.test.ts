import { describe, expect, test } from 'vitest';
import { createEventReader, ROUTING_EVENTS } from '../../../src/source/marathon-events.ts';

const read = (eventType: string, rest: object) =>
  createEventReader()(eventType, JSON.stringify({ ...rest, eventType }));
const actions = (...apps: string[]) => ({ actions: apps.map((app) => ({ action: 'ScaleApplication', app })) });

describe('what an event asks for', () => {
  const cases: readonly [string, object, 'all' | readonly string[]][] = [
    ['status_update_event', { appId: '/web', taskStatus: 'TASK_RUNNING' }, ['/web']],
    ['status_update_event', { appId: 'old/style' }, ['/old/style']],
    ['status_update_event', { appId: '' }, 'all'],
    ['status_update_event', { appId: '/a b?embed=x' }, 'all'],
    ['health_status_changed_event', { appId: '/web', alive: false }, ['/web']],
    ['instance_changed_event', { runSpecId: '/web', agentId: null, host: null }, ['/web']],
    ['instance_health_changed_event', { runSpecId: '/web', healthy: null }, ['/web']],
    ['unhealthy_instance_kill_event', { appId: '/web' }, ['/web']],
    ['unhealthy_task_kill_event', { appId: '/web' }, ['/web']],
    ['app_terminated_event', { appId: '/web' }, ['/web']],
    ['api_post_event', { appDefinition: { id: '/web' } }, ['/web']],
    ['api_post_event', {}, 'all'],
    [
      'deployment_info',
      { plan: { steps: [actions('/b'), actions('/a', '/b')] }, currentStep: actions('/c') },
      ['/a', '/b', '/c'],
    ],
    ['deployment_info', { plan: { steps: [[{ type: 'ScaleApplication', app: '/web' }]] } }, ['/web']],
    ['deployment_step_success', { plan: { steps: [actions('/a')] }, currentStep: null }, ['/a']],
    ['deployment_success', { id: 'x', plan: { steps: [] } }, []],
    ['deployment_success', { id: 'x' }, 'all'],
    ['deployment_failed', { id: 'x', plan: { steps: [{ actions: [{ action: 'StartPod', pod: '/p' }] }] } }, []],
    ['group_change_success', { groupId: '/', version: 'v' }, 'all'],
    ['scheduler_registered_event', {}, 'all'],
    ['scheduler_reregistered_event', {}, 'all'],
    ['event_stream_attached', { remoteAddress: '10.0.0.5' }, []],
    ['failed_health_check_event', { appId: '/web' }, []],
    ['framework_message_event', {}, []],
    ['some_future_event', { appId: '/web' }, []],
  ];
  for (const [type, rest, scope] of cases) {
    test(`${type} ${JSON.stringify(rest).slice(0, 60)}`, () => {
      const { removed: _, patient: __, ...asked } = read(type, rest);
      expect(asked).toEqual({ eventType: type, scope });
    });
  }

  test('a task that starts is heard of, and asks for no look', () => {
    const idle = { scope: ['/web'], idle: true };
    expect(read('status_update_event', { appId: '/web', taskStatus: 'TASK_STARTING' })).toMatchObject(idle);
    expect(read('instance_changed_event', { runSpecId: '/web', condition: 'Starting' })).toMatchObject(idle);
    for (const condition of [
      'Scheduled',
      'Provisioned',
      'Created',
      'Staging',
      'Running',
      'Killing',
      'Killed',
      'Unknown',
    ]) {
      expect(read('instance_changed_event', { runSpecId: '/web', condition })).not.toHaveProperty('idle');
    }
    for (const taskStatus of ['TASK_STAGING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_FAILED', 'TASK_UNREACHABLE']) {
      expect(read('status_update_event', { appId: '/web', taskStatus })).not.toHaveProperty('idle');
    }
    // Without an app's id nobody knows whose task it is.
    expect(read('status_update_event', { taskStatus: 'TASK_STARTING' })).toMatchObject({ scope: 'all' });
  });

  test('the type inside the JSON counts, the frame’s where there is none', () => {
    const reader = createEventReader();
    expect(reader('', '{"eventType":"app_terminated_event","appId":"/a"}')).toMatchObject({ scope: ['/a'] });
    expect(reader('app_terminated_event', '{"appId":"/a"}')).toMatchObject({
      eventType: 'app_terminated_event',
      scope: ['/a'],
    });
  });

  test('malformed text of a type that matters asks for everything, of another for nothing', () => {
    const reader = createEventReader();
    for (const text of ['', '{"appId":"/a"', '[]', 'null', '"x"']) {
      expect(reader('status_update_event', text)).toEqual({ eventType: 'status_update_event', scope: 'all' });
      expect(reader('', text)).toEqual({ eventType: '', scope: [] });
    }
  });
});

describe('which apps an event calls destroyed', () => {
  const stop = (...apps: string[]) => ({ actions: apps.map((app) => ({ action: 'StopApplication', app })) });
  const cases: readonly [string, object, readonly string[] | undefined][] = [
    ['app_terminated_event', { appId: '/web' }, ['/web']],
    ['app_terminated_event', { appId: '' }, undefined],
    ['deployment_info', { plan: { steps: [stop('/b', '/a')] } }, ['/a', '/b']],
    ['deployment_info', { plan: { steps: [[{ type: 'StopApplication', app: '/old' }]] } }, ['/old']],
    ['deployment_info', { plan: { steps: [actions('/a')] } }, undefined],
    [
      'deployment_step_success',
      { plan: { steps: [stop('/a'), actions('/b')] }, currentStep: stop('/c') },
      ['/a', '/c'],
    ],
    ['deployment_success', { id: 'x', plan: { steps: [stop('/a')] } }, ['/a']],
    ['deployment_failed', { id: 'x', plan: { steps: [stop('/a')] } }, undefined],
    ['status_update_event', { appId: '/web', taskStatus: 'TASK_KILLED' }, undefined],
    ['group_change_success', { groupId: '/', version: 'v' }, undefined],
  ];
  for (const [type, rest, removed] of cases) {
    test(`${type} ${JSON.stringify(rest).slice(0, 60)}`, () => {
      expect(read(type, rest).removed).toEqual(removed);
    });
  }
});

describe('which looks may wait', () => {
  const action = (name: string, app = '/web') => ({ actions: [{ action: name, app }] });
  const plan = (...steps: object[]) => ({ plan: { version: 'v', steps } });
  const cases: readonly [string, object, true | 'until-healthy' | undefined][] = [
    ['api_post_event', { appDefinition: { id: '/web' } }, true],
    // Without an app's id it is a look at everything.
    ['api_post_event', {}, undefined],
    ['deployment_info', plan(action('ScaleApplication')), true],
    ['deployment_info', plan(action('ScaleApplication', '/a'), action('ScaleApplication', '/b')), true],
    ['deployment_info', plan(action('StartApplication'), action('ScaleApplication')), undefined],
    ['deployment_info', plan(action('RestartApplication')), undefined],
    ['deployment_info', plan(action('StopApplication')), undefined],
    ['deployment_info', plan({ actions: [] }), undefined],
    ['deployment_info', { plan: { steps: [[{ type: 'ScaleApplication', app: '/web' }]] } }, true],
    [
      'deployment_info',
      { plan: { steps: [[{ type: 'ScaleApplication', app: '/web' }], [{ type: 'KillAllOldTasksOf', app: '/web' }]] } },
      undefined,
    ],
    ['deployment_info', plan(), undefined],
    ['deployment_step_success', plan(action('ScaleApplication')), undefined],
    ['deployment_success', plan(action('ScaleApplication')), undefined],
    ['status_update_event', { appId: '/web', taskStatus: 'TASK_STAGING' }, true],
    ['status_update_event', { appId: '/web', taskStatus: 'TASK_RUNNING' }, 'until-healthy'],
    ['status_update_event', { appId: '/web', taskStatus: 'TASK_UNREACHABLE' }, undefined],
    ['status_update_event', { appId: '/web' }, undefined],
    // The fast lane takes its server out.
    ['status_update_event', { appId: '/web', taskId: 'web.1', taskStatus: 'TASK_KILLING' }, true],
    ['status_update_event', { appId: '/web', taskId: 'web.1', taskStatus: 'TASK_FAILED' }, true],
    // It cannot tell whose server.
    ['status_update_event', { appId: '/web', taskStatus: 'TASK_KILLING' }, undefined],
    ['instance_changed_event', { runSpecId: '/web', condition: 'Scheduled' }, true],
    ['instance_changed_event', { runSpecId: '/web', condition: 'Provisioned' }, true],
    ['instance_changed_event', { runSpecId: '/web', condition: 'Created' }, true],
    ['instance_changed_event', { runSpecId: '/web', condition: 'Staging' }, true],
    ['instance_changed_event', { runSpecId: '/web', condition: 'Running' }, 'until-healthy'],
    ['instance_changed_event', { runSpecId: '/web', condition: 'Unreachable' }, undefined],
    ['instance_changed_event', { runSpecId: '/web', condition: 'SomethingNew' }, undefined],
    ['instance_health_changed_event', { runSpecId: '/web', healthy: true }, undefined],
    ['health_status_changed_event', { appId: '/web', alive: false }, undefined],
    ['app_terminated_event', { appId: '/web' }, undefined],
  ];
  for (const [type, rest, patient] of cases) {
    test(`${type} ${JSON.stringify(rest).slice(0, 120)}`, () => {
      expect(read(type, rest).patient).toBe(patient);
    });
  }

  test('of a changed group, those of the plan that was announced for it', () => {
    const reader = createEventReader();
    const tell = (eventType: string, rest: object) => reader(eventType, JSON.stringify({ ...rest, eventType }));
    tell('deployment_info', { plan: { version: 'scale', steps: [action('ScaleApplication')] } });
    tell('deployment_info', { plan: { version: 'restart', steps: [action('RestartApplication')] } });
    const changed = (version: string) => tell('group_change_success', { groupId: '/', version });
    expect(changed('scale')).toEqual({ eventType: 'group_change_success', scope: ['/web'], patient: true });
    expect(changed('restart')).toEqual({ eventType: 'group_change_success', scope: ['/web'] });
    expect(changed('unknown')).toEqual({ eventType: 'group_change_success', scope: 'all' });
  });
});

test('a changed group means the apps of the deployment announced under its version', () => {
  const reader = createEventReader();
  const announce = (version: string, app: string) =>
    reader('deployment_info', JSON.stringify({ plan: { version, steps: [actions(app)] } }));
  const changed = (version: string) =>
    reader('group_change_success', JSON.stringify({ groupId: '/', version, eventType: 'group_change_success' })).scope;
  announce('v1', '/a');
  announce('v2', '/b');
  expect(changed('v1')).toEqual(['/a']);
  expect(changed('v2')).toEqual(['/b']);
  expect(changed('v3')).toBe('all');
  expect(changed('')).toBe('all');
  for (let i = 0; i < 100; i += 1) announce(`w${i}`, '/c');
  expect(changed('v1')).toBe('all');
});

test('the filter names what routing depends on, and nothing that comes often without meaning', () => {
  expect(ROUTING_EVENTS).toContain('event_stream_attached');
  expect(ROUTING_EVENTS).toContain('instance_changed_event');
  expect(ROUTING_EVENTS).not.toContain('failed_health_check_event');
});

describe('a task whose agent is out of touch', () => {
  const task = 'web.instance-1._app.1';

  test('is told as lost, and not as leaving; any other state is not', () => {
    const unreachable = read('status_update_event', { appId: '/web', taskId: task, taskStatus: 'TASK_UNREACHABLE' });
    expect(unreachable).toMatchObject({ scope: ['/web'], lost: { app: '/web', task } });
    expect(unreachable.leaving).toBeUndefined();
    for (const taskStatus of ['TASK_RUNNING', 'TASK_KILLING', 'TASK_FAILED'])
      expect(read('status_update_event', { appId: '/web', taskId: task, taskStatus }).lost).toBeUndefined();
  });

  test('is told as leaving once its instance, which is in no list, was ended', () => {
    expect(
      read('unknown_instance_terminated_event', {
        instanceId: 'web.instance-1',
        runSpecId: '/web',
        condition: 'Killed',
      }),
    ).toMatchObject({ scope: ['/web'], leaving: { app: '/web', task: 'web.instance-1' } });
  });
});
