import type { Agent, Cluster, Instance } from './cluster.ts';
import { type Definition, modeOf } from './definition.ts';
import { asText } from './json.ts';
import { isFree } from './listener.ts';
import type { TaskExit, TaskPort } from './task-spec.ts';
import { createTask, type RealTask } from './tasks.ts';

/** An agent for the instance and a host port for each of its ports that needs one; undefined while no agent has room. */
export async function place(
  cluster: Cluster,
  definition: Definition,
): Promise<{ readonly agent: Agent; readonly ports: readonly number[] } | undefined> {
  const wanted = definition.ports.flatMap((port) => (port.hostPort === undefined ? [] : [port.hostPort]));
  const alive = cluster.agents.filter((agent) => agent.alive);
  const first = cluster.random.below(Math.max(alive.length, 1));
  for (let i = 0; i < alive.length; i++) {
    const agent = alive[(first + i) % alive.length];
    if (agent === undefined) continue;
    const ports = await takePorts(cluster, agent, wanted);
    if (ports !== undefined) return { agent, ports };
  }
  return undefined;
}

async function takePorts(
  cluster: Cluster,
  agent: Agent,
  wanted: readonly number[],
): Promise<readonly number[] | undefined> {
  const { agentPorts, tasks } = cluster.options;
  const size = agentPorts.to - agentPorts.from + 1;
  const ports: number[] = [];
  for (const fixed of wanted) {
    const start = cluster.random.below(size);
    let found: number | undefined;
    for (let i = 0; i < size && found === undefined; i++) {
      const port = fixed > 0 ? fixed : agentPorts.from + ((start + i) % size);
      if (!agent.taken.has(port)) {
        agent.taken.add(port);
        if (tasks === 'paper' || (await isFree(agent.address, port))) found = port;
        else agent.taken.delete(port);
      }
      if (fixed > 0) break;
    }
    if (found === undefined) {
      for (const port of ports) agent.taken.delete(port);
      return undefined;
    }
    ports.push(found);
  }
  return ports;
}

/** Starts the instance's task where it was placed. Container networking gives it a loopback address of its own. */
export async function startTask(
  cluster: Cluster,
  instance: Instance,
  taskId: string,
): Promise<{ readonly task?: RealTask; readonly ip?: string; readonly error?: string }> {
  const { definition, agent } = instance;
  const mode = modeOf(definition);
  if (agent === undefined) return { error: 'no agent' };
  const paper = cluster.options.tasks === 'paper';
  for (let attempt = 0; attempt < 50; attempt++) {
    const ip =
      mode === 'container'
        ? `127.${64 + cluster.random.below(128)}.${cluster.random.below(256)}.${1 + cluster.random.below(254)}`
        : mode === 'host'
          ? agent.address
          : `172.17.0.${2 + cluster.random.below(200)}`;
    if (paper) return { ip };
    const task = createTask({
      task: taskId,
      app: instance.app,
      version: definition.version,
      host: agent.host,
      listens: listens(instance, agent, ip),
      ...behaviour(definition),
    });
    const error = await task.start();
    if (error === undefined) {
      cluster.realTasks.add(task);
      return { task, ip };
    }
    if (mode !== 'container' || error !== 'EADDRINUSE') return { error };
  }
  return { error: 'EADDRINUSE' };
}

function listens(instance: Instance, agent: Agent, ip: string): readonly TaskPort[] {
  const { definition, hostPorts } = instance;
  let given = 0;
  return definition.ports.flatMap((port, portIndex) => {
    const hostPort = port.hostPort === undefined ? undefined : hostPorts[given++];
    if (!port.protocol.includes('tcp')) return [];
    const kind = kindOf(definition, portIndex);
    const open: TaskPort[] = [];
    if (hostPort !== undefined) open.push({ address: agent.address, port: hostPort, kind, portIndex });
    const containerPort = port.containerPort === 0 ? hostPort : port.containerPort;
    if (modeOf(definition) === 'container' && containerPort !== undefined && containerPort > 0)
      open.push({ address: ip, port: containerPort, kind, portIndex });
    return open;
  });
}

/** TCP where the app's labels or checks say so, HTTP otherwise. */
function kindOf(definition: Definition, index: number): 'http' | 'tcp' {
  const { labels, env, healthChecks } = definition;
  const asked = asText(env[`TASK_KIND_${index}`]) ?? asText(env['TASK_KIND']);
  if (asked === 'tcp' || asked === 'http') return asked;
  const mode = labels[`HAPROXY_${index}_MODE`] ?? (index === 0 ? labels['HAPROXY_MODE'] : undefined);
  if (mode === 'tcp') return 'tcp';
  const checks = healthChecks.filter((check) => check.portIndex === index);
  return mode === undefined && checks.length > 0 && checks.every((check) => check.protocol.endsWith('TCP'))
    ? 'tcp'
    : 'http';
}

function behaviour(definition: Definition) {
  const { env, healthChecks } = definition;
  const paths = healthChecks.flatMap((check) => (check.path === undefined ? [] : [check.path.split('?')[0] ?? '/']));
  const exit = asText(env['TASK_EXIT']);
  return {
    healthPaths: ['/health', ...paths],
    healthyAfterMs: Number(asText(env['TASK_HEALTHY_AFTER_MS']) ?? 0),
    readyAfterMs: Number(asText(env['TASK_READY_AFTER_MS']) ?? 0),
    exit: (exit === 'drain' || exit === 'instant' ? exit : 'grace') as TaskExit,
    answer: env['TASK_ANSWER'] === 'text' ? ('text' as const) : ('json' as const),
  };
}
