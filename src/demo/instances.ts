import { type Cluster, type ClusterApp, type Instance, toMs, wantedInstances } from './cluster.ts';
import type { Definition } from './definition.ts';
import { conditionOf, taskId, tellCondition, tellGoal, tellStatus } from './instance-events.ts';
import { place, startTask } from './placement.ts';

/** What moves instances through their lives. */
export interface Instances {
  /** Schedules `count` new instances of the definition. */
  launch(app: ClusterApp, definition: Definition, count: number): void;
  /** Ends an instance: with `relaunch` its next incarnation follows after the back-off, else it leaves. Resolves when its task is gone. */
  kill(app: ClusterApp, instance: Instance, relaunch: boolean): Promise<void>;
  /** The task ended by itself. */
  fail(app: ClusterApp, instance: Instance, state: 'TASK_FAILED' | 'TASK_FINISHED', message: string): void;
  /** Takes an instance out of every list without a word from Mesos. */
  forget(app: ClusterApp, instance: Instance): void;
}

/** The health checks' side of an instance's life. */
export interface HealthHooks {
  running(app: ClusterApp, instance: Instance): void;
  ended(instance: Instance): void;
}

/** How long Marathon waits before it looks for another offer when no agent has room. */
const NEXT_OFFER_MS = 50;

/** Lives of instances: scheduled, provisioned, staging, starting, running, killing, gone (marathon-api 6.1, 6.5). */
export function createInstances(cluster: Cluster, health: HealthHooks): Instances {
  const { delays, dialect } = cluster.options;

  const launch = (app: ClusterApp, definition: Definition, count: number): void => {
    for (let i = 1; i <= count; i++) {
      const instance: Instance = {
        app: app.id,
        uuid: cluster.random.uuid(),
        birth: cluster.nextBirth(),
        definition,
        incarnation: 1,
        state: 'scheduled',
        wanted: true,
        goalTold: false,
        killing: false,
        inactive: false,
        failures: 0,
        hostPorts: [],
        health: [],
      };
      app.instances.add(instance);
      if (dialect !== '1.4') tellCondition(cluster, instance, 'Scheduled');
      cluster.timers.after(delays.offer * i, () => void provision(app, instance));
    }
  };

  const provision = async (app: ClusterApp, instance: Instance): Promise<void> => {
    if (instance.killing || !app.instances.has(instance)) return;
    const offer = await place(cluster, instance.definition);
    if (offer === undefined) {
      cluster.timers.after(NEXT_OFFER_MS, () => void provision(app, instance));
      return;
    }
    instance.agent = offer.agent;
    instance.hostPorts = offer.ports;
    // Killed while the offer was looked for: it was never launched.
    if (instance.killing || !app.instances.has(instance)) return release(instance);
    instance.state = 'TASK_STAGING';
    instance.stagedAt = new Date().toISOString();
    tellCondition(cluster, instance, conditionOf(cluster, instance));
    cluster.touch(app.id);
    if (!(await cluster.timers.sleep(delays.staging)) || instance.state !== 'TASK_STAGING') return;
    instance.state = 'TASK_STARTING';
    if (dialect !== '1.4') {
      tellStatus(cluster, instance, 'TASK_STARTING');
      tellCondition(cluster, instance, 'Starting');
    }
    cluster.touch(app.id);
    if (!(await cluster.timers.sleep(delays.starting)) || instance.state !== 'TASK_STARTING') return;
    await run(app, instance);
  };

  const run = async (app: ClusterApp, instance: Instance): Promise<void> => {
    const started = await startTask(cluster, instance, taskId(cluster, instance));
    if (cluster.timers.stopped || instance.state !== 'TASK_STARTING') return started.task?.crash();
    if (started.error !== undefined) {
      fail(app, instance, 'TASK_FAILED', `Command exited with status 1: listen ${started.error}`);
      return;
    }
    if (started.task !== undefined) instance.task = started.task;
    if (started.ip !== undefined) instance.ip = started.ip;
    instance.state = 'TASK_RUNNING';
    instance.startedAt = new Date().toISOString();
    tellStatus(cluster, instance, 'TASK_RUNNING');
    tellCondition(cluster, instance, 'Running');
    health.running(app, instance);
    cluster.touch(app.id);
  };

  const kill = async (app: ClusterApp, instance: Instance, relaunch: boolean): Promise<void> => {
    if (!relaunch) {
      instance.wanted = false;
      tellGoal(cluster, instance);
    }
    if (instance.killing || !app.instances.has(instance)) return;
    if (instance.state === 'scheduled') {
      instance.killing = true;
      forget(app, instance);
      return;
    }
    if (isTerminal(instance)) {
      if (!instance.wanted) forget(app, instance);
      return;
    }
    const served = instance.state === 'TASK_RUNNING';
    instance.killing = true;
    health.ended(instance);
    if (cluster.options.taskKilling) {
      instance.state = 'TASK_KILLING';
      tellStatus(cluster, instance, 'TASK_KILLING');
      tellCondition(cluster, instance, 'Killing');
    }
    cluster.touch(app.id);
    const grace = instance.definition.taskKillGracePeriodSeconds ?? cluster.options.killGraceSeconds;
    if (served) await instance.task?.terminate(toMs(cluster, grace));
    if (app.instances.has(instance) && !isTerminal(instance))
      end(app, instance, 'TASK_KILLED', 'Command terminated with signal Terminated');
  };

  const fail = (app: ClusterApp, instance: Instance, state: 'TASK_FAILED' | 'TASK_FINISHED', message: string): void => {
    instance.task?.crash();
    if (!app.instances.has(instance) || isTerminal(instance) || instance.state === 'scheduled') return;
    app.lastTaskFailure = {
      appId: app.id,
      host: instance.agent?.host ?? 'unknown',
      message,
      state,
      taskId: taskId(cluster, instance),
      timestamp: new Date().toISOString(),
      version: instance.definition.version,
      slaveId: instance.agent?.id ?? '',
    };
    instance.failures++;
    end(app, instance, state, message);
  };

  const end = (
    app: ClusterApp,
    instance: Instance,
    state: 'TASK_FAILED' | 'TASK_FINISHED' | 'TASK_KILLED',
    message: string,
  ): void => {
    health.ended(instance);
    instance.state = state;
    if (instance.task !== undefined) cluster.realTasks.delete(instance.task);
    tellStatus(cluster, instance, state, message);
    release(instance);
    tellCondition(cluster, instance, conditionOf(cluster, instance));
    if (!instance.wanted) {
      app.instances.delete(instance);
    } else {
      // Up to 1.7 the replacement is an instance of its own and the ended task leaves the lists.
      if (dialect === '1.4') app.instances.delete(instance);
      const { backoffSeconds, backoffFactor, maxLaunchDelaySeconds } = instance.definition;
      const delay = Math.min(
        backoffSeconds * backoffFactor ** Math.max(0, instance.failures - 1),
        maxLaunchDelaySeconds,
      );
      cluster.timers.after(toMs(cluster, delay), () => relaunch(app, instance));
    }
    cluster.touch(app.id);
  };

  const relaunch = (app: ClusterApp, ended: Instance): void => {
    const enough = dialect === '1.4' && wantedInstances(app).length >= app.definition.instances;
    if (!ended.wanted || enough || cluster.apps.get(app.id) !== app) {
      forget(app, ended);
      return;
    }
    // The next incarnation runs the present definition.
    const next: Instance = {
      ...ended,
      ...(dialect === '1.4' ? { uuid: cluster.random.uuid(), birth: cluster.nextBirth() } : {}),
      definition: app.definition,
      incarnation: ended.incarnation + 1,
      state: 'scheduled',
      killing: false,
      goalTold: false,
      inactive: false,
      hostPorts: [],
      health: [],
    };
    for (const key of ['agent', 'ip', 'stagedAt', 'startedAt', 'task'] as const) delete next[key];
    app.instances.delete(ended);
    app.instances.add(next);
    void provision(app, next);
  };

  const release = (instance: Instance): void => {
    for (const port of instance.hostPorts) instance.agent?.taken.delete(port);
  };

  const forget = (app: ClusterApp, instance: Instance): void => {
    health.ended(instance);
    release(instance);
    app.instances.delete(instance);
    cluster.touch(app.id);
  };

  return { launch, kill, fail, forget };
}

function isTerminal(instance: Instance): boolean {
  return ['TASK_FAILED', 'TASK_FINISHED', 'TASK_KILLED'].includes(instance.state);
}
