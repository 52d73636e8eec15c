import { type Agent, type Cluster, type ClusterApp, type Instance, toMs, wantedInstances } from './cluster.ts';
import { instanceId, tellCondition, tellStatus } from './instance-events.ts';
import type { HealthHooks, Instances } from './instances.ts';

/** What can happen to agents. */
export interface AgentLosses {
  /** `dead`: its tasks die with it; `partitioned`: they serve on, but Mesos does not see them. */
  lose(agent: Agent, how: 'dead' | 'partitioned'): void;
  /** The agent is back, with those of its tasks that live. */
  comeBack(agent: Agent): void;
}

/** Agent loss with all three strategies (marathon-api 6.6). */
export function createAgentLosses(cluster: Cluster, instances: Instances, health: HealthHooks): AgentLosses {
  const expunged = new Map<Agent, Instance[]>();

  const lose = (agent: Agent, how: 'dead' | 'partitioned'): void => {
    if (!agent.alive) return;
    agent.alive = false;
    if (how === 'dead') for (const [, instance] of on(agent)) instance.task?.crash();
    cluster.timers.after(toMs(cluster, cluster.options.agentLostSeconds), () => {
      if (agent.alive) return;
      for (const [app, instance] of on(agent)) unreachable(app, instance, agent);
    });
  };

  const unreachable = (app: ClusterApp, instance: Instance, agent: Agent): void => {
    if (!['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING'].includes(instance.state)) return;
    const strategy = instance.definition.unreachableStrategy;
    health.ended(instance);
    instance.state = 'TASK_UNREACHABLE';
    tellStatus(cluster, instance, 'TASK_UNREACHABLE');
    if (strategy === 'disabled') {
      tellCondition(cluster, instance, 'Unreachable');
    } else if (strategy.inactiveAfterSeconds === 0 && strategy.expungeAfterSeconds === 0) {
      tellCondition(cluster, instance, 'UnreachableInactive');
      expunge(app, instance, agent);
      replace(app);
    } else {
      tellCondition(cluster, instance, 'Unreachable');
      cluster.timers.after(toMs(cluster, strategy.inactiveAfterSeconds), () => {
        if (instance.state !== 'TASK_UNREACHABLE') return;
        instance.inactive = true;
        tellStatus(cluster, instance, 'TASK_UNREACHABLE');
        tellCondition(cluster, instance, 'UnreachableInactive');
        replace(app);
      });
      cluster.timers.after(toMs(cluster, strategy.expungeAfterSeconds), () => {
        if (instance.state !== 'TASK_UNREACHABLE') return;
        tellCondition(cluster, instance, 'Killed');
        expunge(app, instance, agent);
        replace(app);
      });
    }
    cluster.touch(app.id);
  };

  const expunge = (app: ClusterApp, instance: Instance, agent: Agent): void => {
    expunged.set(agent, [...(expunged.get(agent) ?? []), instance]);
    instances.forget(app, instance);
  };

  const replace = (app: ClusterApp): void => {
    if (cluster.apps.get(app.id) !== app) return;
    const missing = app.definition.instances - wantedInstances(app).length;
    if (missing > 0) instances.launch(app, app.definition, missing);
  };

  const comeBack = (agent: Agent): void => {
    agent.alive = true;
    for (const instance of expunged.get(agent) ?? []) {
      instance.task?.crash();
      if (instance.task !== undefined) cluster.realTasks.delete(instance.task);
      cluster.bus.publish('unknown_instance_terminated_event', {
        instanceId: instanceId(cluster, instance),
        runSpecId: instance.app,
        condition: 'Killed',
      });
    }
    expunged.delete(agent);
    for (const [app, instance] of on(agent)) {
      if (instance.state !== 'TASK_UNREACHABLE') continue;
      instance.state = 'TASK_RUNNING';
      instance.inactive = false;
      tellStatus(cluster, instance, 'TASK_RUNNING');
      tellCondition(cluster, instance, 'Running');
      health.running(app, instance);
      const surplus = wantedInstances(app).toSorted((a, b) => b.birth - a.birth);
      for (const victim of surplus.slice(0, Math.max(0, surplus.length - app.definition.instances)))
        void instances.kill(app, victim, false);
      cluster.touch(app.id);
    }
  };

  const on = (agent: Agent): readonly (readonly [ClusterApp, Instance])[] =>
    [...cluster.apps.values()].flatMap((app) =>
      [...app.instances].flatMap((instance) => (instance.agent === agent ? [[app, instance] as const] : [])),
    );

  return { lose, comeBack };
}
