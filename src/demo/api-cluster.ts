import { type ApiRoute, bodyOf, type Engine, forced, type Leadership, writeReply } from './api-request.ts';
import type { Cluster, Deployment } from './cluster.ts';
import { definitionJson } from './dialect-app.ts';
import { taskJson, tasksJson } from './dialect-task.ts';
import { taskId } from './instance-events.ts';
import { asList, asObject } from './json.ts';
import { readinessResults } from './readiness.ts';
import { containerError, json, type Reply } from './reply.ts';
import { killTasks } from './task-kills.ts';

/** Tasks, deployments, queue, info, leader, ping: everything that is not about one app or group. */
export function clusterRoutes(engine: Engine, leadership: Leadership): readonly ApiRoute[] {
  const { cluster, deployments, writes } = engine;
  const version = cluster.options.dialect === '1.4' ? '1.4.13' : '1.10.26';
  return [
    {
      method: 'GET',
      path: /^\/v2\/tasks\/?$/,
      answer: (request) => {
        if (request.accept.startsWith('text/plain')) return textTasks(engine);
        const wanted = [...request.query.getAll('status'), ...request.query.getAll('status[]')];
        const states = wanted.flatMap((status) => STATES[status] ?? []);
        const all = [...cluster.apps.values()].flatMap((app) => tasksJson(cluster, app, true));
        return json({
          tasks: wanted.length === 0 ? all : all.filter((task) => states.includes(String(task['state']))),
        });
      },
    },
    {
      method: 'POST',
      path: /^\/v2\/tasks\/delete\/?$/,
      answer: async (request) => {
        const body = bodyOf(request);
        if ('reply' in body) return body.reply;
        const ids = new Set(asList(asObject(body.value)?.['ids']));
        const victims = [...cluster.apps.values()].flatMap((app) =>
          [...app.instances].filter((instance) => ids.has(taskId(cluster, instance))),
        );
        const shown = victims.map((victim) => taskJson(cluster, victim));
        const written = await killTasks(engine, victims, request.query.get('scale') === 'true', forced(request));
        return written === undefined ? json({ tasks: shown }) : writeReply(written);
      },
    },
    {
      method: 'GET',
      path: /^\/v2\/deployments\/?$/,
      answer: () => json([...cluster.deployments.values()].map((deployment) => deploymentJson(cluster, deployment))),
    },
    {
      method: 'DELETE',
      path: /^\/v2\/deployments\/([^/]+)$/,
      answer: async (request, [id]) => {
        const deployment = cluster.deployments.get(id ?? '');
        if (deployment === undefined) return json({ message: `DeploymentPlan ${id} does not exist` }, 404);
        if (!forced(request)) return writeReply(await writes.rollBack(deployment));
        deployments.cancel(deployment, 'The upgrade has been cancelled');
        return { status: 202, headers: {}, body: '' };
      },
    },
    { method: 'GET', path: /^\/v2\/queue\/?$/, answer: () => json({ queue: queue(engine) }) },
    {
      method: 'GET',
      path: /^\/v2\/info\/?$/,
      answer: () =>
        json({
          name: 'marathon',
          version,
          elected: true,
          leader: leadership.leader(),
          frameworkId: `${cluster.agents[0]?.id.replace(/-S\d+$/, '') ?? ''}-0000`,
          buildref: 'unknown',
          marathon_config: {
            local_port_min: cluster.options.servicePorts.from,
            local_port_max: cluster.options.servicePorts.to,
            features: cluster.options.taskKilling ? ['task_killing'] : [],
          },
          zookeeper_config: {},
          http_config: {},
        }),
    },
    { method: 'GET', path: /^\/v2\/leader\/?$/, answer: () => json({ leader: leadership.leader() }) },
    {
      method: 'DELETE',
      path: /^\/v2\/leader\/?$/,
      answer: () => {
        leadership.abdicate();
        return json({ message: 'Leadership abdicated' });
      },
    },
    {
      method: 'GET',
      path: /^\/ping\/?$/,
      answer: (request): Reply =>
        request.accept.includes('application/json')
          ? json('pong')
          : { status: 200, headers: { 'Content-Type': 'text/plain' }, body: 'pong' },
    },
    { method: 'GET', path: /^\/v2\/pods(\/::status)?\/?$/, answer: () => json([]) },
    { method: 'GET', path: /^\/metrics\/?$/, answer: () => json({ version: '4.0.0', counters: {}, gauges: {} }) },
    { method: 'GET', path: /^\/$/, answer: () => ({ status: 302, headers: { Location: '/ui/' }, body: '' }) },
  ];
}

const STATES: Readonly<Record<string, readonly string[]>> = {
  running: ['TASK_RUNNING'],
  staging: ['TASK_STAGING', 'TASK_STARTING'],
};

function deploymentJson(cluster: Cluster, deployment: Deployment) {
  const current = deployment.steps[deployment.current] ?? [];
  return {
    id: deployment.id,
    version: deployment.version,
    affectedApps: [...deployment.apps],
    affectedPods: [],
    steps: deployment.steps.map((actions) => ({ actions })),
    currentActions: current.map((action) => {
      const app = cluster.apps.get(action.app);
      return { ...action, readinessCheckResults: app === undefined ? [] : readinessResults(cluster, app) };
    }),
    currentStep: deployment.current + 1,
    totalSteps: deployment.steps.length,
  };
}

function queue({ cluster }: Engine) {
  return [...cluster.apps.values()].flatMap((app) => {
    const waiting = [...app.instances].filter((instance) => instance.state === 'scheduled').length;
    if (waiting === 0) return [];
    return {
      app: definitionJson(app.definition, cluster.options.dialect),
      count: waiting,
      delay: { timeLeftSeconds: 0, overdue: true },
      since: app.definition.version,
    };
  });
}

/** One line per app and service port with `host:port` of its running tasks; ≥ 1.10 only behind a flag that is off here. */
function textTasks({ cluster }: Engine): Reply {
  if (cluster.options.dialect !== '1.4') return containerError(406, 'Not Acceptable', true);
  const lines = [...cluster.apps.values()].flatMap((app) =>
    app.definition.ports.map((port, index) => {
      const running = [...app.instances].filter((instance) => instance.state === 'TASK_RUNNING');
      const hosts = running.map((instance) => `${instance.agent?.host}:${instance.hostPorts[index] ?? 0}`);
      return `${app.id.slice(1).replaceAll('/', '_')}\t${port.servicePort}\t${hosts.sort().join('\t')}\t\n`;
    }),
  );
  return { status: 200, headers: { 'Content-Type': 'text/plain' }, body: lines.join('') };
}
