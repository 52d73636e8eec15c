import { absoluteId } from './accept.ts';
import { createAgentLosses } from './agents.ts';
import { createApi } from './api.ts';
import type { Engine } from './api-request.ts';
import { type ClusterApp, createCluster, type Instance } from './cluster.ts';
import { openControl } from './control.ts';
import { createDeployments } from './deployments.ts';
import { taskJson } from './dialect-task.ts';
import { createElections } from './elections.ts';
import { createHealthChecks } from './health.ts';
import { taskId } from './instance-events.ts';
import { createInstances, type HealthHooks } from './instances.ts';
import { choosePort } from './listener.ts';
import { createMaster, type Master } from './master.ts';
import { completeOptions, type MarathonOverrides } from './options.ts';
import type { StandInMarathon, StandInTask } from './stand-in.ts';
import { createWrites } from './writes.ts';

/** Starts a stand-in Marathon. Without `seed` every run differs. */
export async function createMarathon(overrides: MarathonOverrides = {}): Promise<StandInMarathon> {
  const options = completeOptions(overrides, overrides.seed ?? (process.pid << 16) ^ Date.now());
  const cluster = createCluster(options);
  const hooks: HealthHooks = {
    running: (app, instance) => health.running(app, instance),
    ended: (instance) => health.ended(instance),
  };
  const instances = createInstances(cluster, hooks);
  const health = createHealthChecks(cluster, (app, instance) => void instances.kill(app, instance, true));
  const deployments = createDeployments(cluster, instances);
  const writes = createWrites(cluster, deployments);
  const agents = createAgentLosses(cluster, instances, hooks);
  const engine: Engine = { cluster, instances, health, deployments, writes, agents };

  const masters: Master[] = [];
  const elections = createElections(cluster, health, masters);
  const api = createApi(engine, {
    leader: () => elections.leader()?.advertised ?? '',
    abdicate: () => void elections.change(),
  });
  for (let i = 0; i < options.masters; i++) {
    const fixed = options.ports[i] ?? 0;
    const port = fixed > 0 ? fixed : await choosePort(options.address, options.masterPorts, cluster.random);
    const master = createMaster(cluster, { ...elections, api }, `m${i + 1}`, port);
    await master.listener.open();
    masters.push(master);
  }

  const of = (app: ClusterApp | undefined): readonly (readonly [ClusterApp, Instance])[] =>
    app === undefined ? [] : [...app.instances].map((instance) => [app, instance] as const);
  const all = (): readonly (readonly [ClusterApp, Instance])[] => [...cluster.apps.values()].flatMap(of);
  /** An app's instances, or those of a task. Thousands of apps are not looked through for one of them. */
  const named = (id: string): readonly (readonly [ClusterApp, Instance])[] => {
    const app = cluster.apps.get(absoluteId(id));
    return app === undefined ? all().filter(([, instance]) => taskId(cluster, instance) === id) : of(app);
  };
  const show = (instance: Instance): StandInTask => ({
    id: taskId(cluster, instance),
    app: instance.app,
    version: instance.definition.version,
    state: instance.state,
    listens: instance.task?.spec.listens ?? [],
    json: taskJson(cluster, instance),
    ...(instance.task === undefined ? {} : { real: instance.task }),
  });
  const tasks = (id?: string): readonly StandInTask[] =>
    (id === undefined ? all() : of(cluster.apps.get(absoluteId(id))))
      .filter(([, instance]) => instance.state !== 'scheduled')
      .map(([, instance]) => show(instance));
  const chosen = (master: number | 'all'): readonly Master[] =>
    master === 'all' ? masters : masters.slice(master, master + 1);
  const busy = (id?: string): readonly string[] =>
    [...cluster.deployments.values()].flatMap(({ apps }) =>
      id === undefined ? [...apps] : apps.has(absoluteId(id)) ? [absoluteId(id)] : [],
    );
  const posted = (id: string, force = false) => ({
    force,
    api: { uri: `/v2/apps${absoluteId(id)}`, clientIp: '127.0.0.1' },
  });

  const marathon: StandInMarathon = {
    urls: masters.map((master) => master.url),
    get controlUrl() {
      return control.url;
    },
    options,
    post: (app) => {
      const runs = (app['cmd'] ?? app['args'] ?? app['container'] ?? undefined) !== undefined;
      const api = { uri: '/v2/apps', clientIp: '127.0.0.1' };
      return writes.create(runs ? app : { cmd: 'serve', ...app }, { force: false, api });
    },
    put: (id, update, force) => writes.update(absoluteId(id), update, true, posted(id, force)),
    scale: (id, count, force) => writes.update(absoluteId(id), { instances: count }, true, posted(id, force)),
    restart: (id) => writes.restart(absoluteId(id), { force: false }),
    delete: (id) => writes.remove([absoluteId(id)], { force: true }),
    settled: async (id) => {
      for (let waiting = busy(id); waiting.length > 0 && !cluster.timers.stopped; waiting = busy(id))
        await cluster.until(waiting[0] ?? '', () => !busy(id).includes(waiting[0] ?? ''));
    },
    tasks,
    alive: () => [...cluster.realTasks],
    until: async (id, holds) => {
      await cluster.until(absoluteId(id), () => holds(tasks(id)));
    },
    events: () => cluster.bus.recent(),
    crashTask: (id) => {
      for (const [app, instance] of named(id))
        instances.fail(app, instance, 'TASK_FAILED', 'Command exited with status 1');
    },
    setHealth: (id, healthy) => {
      for (const [app, instance] of named(id)) {
        if (healthy !== undefined) instance.task?.setHealthy(healthy);
        health.set(app, instance, healthy);
      }
    },
    loseAgent: (host, how = 'dead') => {
      for (const agent of cluster.agents) if (agent.host === host) agents.lose(agent, how);
    },
    returnAgent: (host) => {
      for (const agent of cluster.agents) if (agent.host === host) agents.comeBack(agent);
    },
    fault: async (master, kind, parameters = {}) => {
      await Promise.all(chosen(master).map((one) => one.setFault(kind, parameters)));
    },
    clearFaults: async (master = 'all', kind) => {
      await Promise.all(chosen(master).map((one) => one.clearFaults(kind)));
    },
    leader: () => masters.findIndex(({ name }) => name === elections.leader()?.name),
    leaderChange: elections.change,
    streams: (master) => chosen(master ?? 'all').reduce((sum, one) => sum + one.streams.size, 0),
    stop: async () => {
      cluster.stop();
      for (const task of cluster.realTasks) task.crash();
      await Promise.all([control.close(), ...masters.map((master) => master.listener.close())]);
    },
  };
  const control = await openControl(marathon, options.address, options.controlPort, cluster.random);
  return marathon;
}
