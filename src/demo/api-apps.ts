import { absoluteId } from './accept.ts';
import { type ApiRequest, type ApiRoute, bodyOf, type Engine, forced, notFound, writeReply } from './api-request.ts';
import type { Cluster, ClusterApp } from './cluster.ts';
import type { Posted } from './deployments.ts';
import { definitionJson } from './dialect-app.ts';
import { appJson, type Embeds, taskJson, tasksJson } from './dialect-task.ts';
import { taskId } from './instance-events.ts';
import { asList, asText } from './json.ts';
import { parseSelector } from './label-selector.ts';
import { json, jsonList, type Reply } from './reply.ts';
import { killTasks } from './task-kills.ts';

const EVERYTHING: Embeds = { tasks: true, lastTaskFailure: true, readiness: false, taskStats: false };

/** `/v2/apps` and everything below it. */
export function appRoutes(engine: Engine): readonly ApiRoute[] {
  const { cluster, writes } = engine;
  const withApp = (id: string, answer: (app: ClusterApp) => Promise<Reply> | Reply): Promise<Reply> | Reply => {
    const app = cluster.apps.get(absoluteId(id));
    return app === undefined ? notFound(absoluteId(id)) : answer(app);
  };
  const update = (partial: boolean) => async (request: ApiRequest, match: readonly string[]) => {
    const body = bodyOf(request);
    if ('reply' in body) return body.reply;
    const whole = partial ? true : request.query.get('partialUpdate') !== 'false';
    return writeReply(await writes.update(absoluteId(match[0] ?? ''), body.value, whole, posted(request)));
  };
  const updateAll = async (request: ApiRequest) => {
    const body = bodyOf(request);
    if ('reply' in body) return body.reply;
    return writeReply(await writes.updateAll(asList(body.value), { force: forced(request) }));
  };
  return [
    { method: 'GET', path: /^\/v2\/apps\/?$/, answer: (request) => list(cluster, request) },
    {
      method: 'POST',
      path: /^\/v2\/apps\/?$/,
      answer: async (request) => {
        const body = bodyOf(request);
        if ('reply' in body) return body.reply;
        const written = await writes.create(body.value, posted(request));
        const only = written.ok ? [...written.deployment.apps][0] : undefined;
        const app = cluster.apps.get(only ?? '');
        if (!written.ok || app === undefined) return writeReply(written);
        return json(appJson(cluster, app, { ...EVERYTHING, lastTaskFailure: false }), 201, {
          Location: `/v2/apps${app.id}`,
          'Marathon-Deployment-Id': written.deployment.id,
        });
      },
    },
    { method: 'PUT', path: /^\/v2\/apps\/?$/, answer: updateAll },
    { method: 'PATCH', path: /^\/v2\/apps\/?$/, answer: updateAll },
    {
      method: 'GET',
      path: /^\/v2\/apps\/(.*?)\/?\*$/,
      answer: (request, [group]) =>
        json({ '*': below(cluster, group ?? '').map((app) => show(cluster, app, request)) }),
    },
    {
      method: 'GET',
      path: /^\/v2\/apps\/(.*?)\/?\*\/tasks$/,
      answer: (_request, [group]) =>
        json({ tasks: below(cluster, group ?? '').flatMap((app) => tasksJson(cluster, app)) }),
    },
    {
      method: 'GET',
      path: /^\/v2\/apps\/(.+)\/tasks\/?$/,
      answer: (_request, [id]) => withApp(id ?? '', (app) => json({ tasks: tasksJson(cluster, app) })),
    },
    {
      method: 'DELETE',
      path: /^\/v2\/apps\/(.+)\/tasks(?:\/([^/]+))?\/?$/,
      answer: (request, [id, task]) =>
        withApp(id ?? '', async (app) => {
          const victims = [...app.instances].filter(
            (instance) => instance.state !== 'scheduled' && (!task || taskId(cluster, instance) === task),
          );
          const shown = victims.map((victim) => taskJson(cluster, victim));
          const written = await killTasks(engine, victims, request.query.get('scale') === 'true', forced(request));
          if (written !== undefined) return writeReply(written);
          return json(task ? { task: shown[0] ?? null } : { tasks: shown });
        }),
    },
    {
      method: 'GET',
      path: /^\/v2\/apps\/(.+)\/versions\/?$/,
      answer: (_request, [id]) =>
        withApp(id ?? '', (app) => json({ versions: app.versions.map(({ version }) => version) })),
    },
    {
      method: 'GET',
      path: /^\/v2\/apps\/(.+)\/versions\/([^/]+)$/,
      answer: (_request, [id, version]) =>
        withApp(id ?? '', (app) => {
          const definition = app.versions.find((known) => known.version === version);
          if (definition !== undefined) return json(definitionJson(definition, cluster.options.dialect));
          return json({ message: `App '${app.id}' does not exist in version ${version}` }, 404);
        }),
    },
    {
      method: 'POST',
      path: /^\/v2\/apps\/(.+)\/restart\/?$/,
      answer: async (request, [id]) =>
        writeReply(await writes.restart(absoluteId(id ?? ''), { force: forced(request) })),
    },
    {
      method: 'GET',
      path: /^\/v2\/apps\/(.+?)\/?$/,
      answer: (request, [id]) =>
        withApp(id ?? '', (app) => json({ app: appJson(cluster, app, { ...embedsOf(request), ...shown }) })),
    },
    { method: 'PUT', path: /^\/v2\/apps\/(.+?)\/?$/, answer: update(false) },
    { method: 'PATCH', path: /^\/v2\/apps\/(.+?)\/?$/, answer: update(true) },
    {
      method: 'DELETE',
      path: /^\/v2\/apps\/(.+?)\/?$/,
      answer: async (request, [id]) =>
        writeReply(await writes.remove([absoluteId(id ?? '')], { force: forced(request, true) })),
    },
  ];
}

/** What a single app always shows. */
const shown = { tasks: true, lastTaskFailure: true };

function list(cluster: Cluster, request: ApiRequest): Reply {
  const { query } = request;
  const selector = parseSelector(query.get('label') ?? '');
  if (query.has('label') && !selector.ok)
    return json({ message: 'Object is not valid', details: [{ path: '/label', errors: [selector.error] }] }, 422);
  const id = query.get('id')?.toLowerCase();
  const cmd = query.get('cmd')?.toLowerCase();
  const chosen = [...cluster.apps.values()].filter(
    ({ definition }) =>
      (id === undefined || definition.id.toLowerCase().includes(id)) &&
      (cmd === undefined || (asText(definition.rest['cmd']) ?? '').toLowerCase().includes(cmd)) &&
      (!query.has('label') || !selector.ok || selector.matches(definition.labels)),
  );
  const ordered = cluster.options.shuffle ? cluster.random.shuffled(chosen) : chosen;
  const embeds = embedsOf(request);
  return jsonList('apps', ordered, (app) => appJson(cluster, app, embeds));
}

function show(cluster: Cluster, app: ClusterApp, request: ApiRequest) {
  return appJson(cluster, app, embedsOf(request));
}

/** Reads `embed`; the prefixes `apps.`, `app.`, `group.apps.` and none mean the same. */
export function embedsOf(request: ApiRequest): Embeds {
  const embeds = new Set(request.query.getAll('embed').map((embed) => embed.replace(/^(group\.)?apps?\./, '')));
  const failures = embeds.has('failures');
  return {
    tasks: embeds.has('tasks') || failures,
    lastTaskFailure: embeds.has('lastTaskFailure') || failures,
    readiness: embeds.has('readiness'),
    taskStats: embeds.has('taskStats'),
  };
}

function below(cluster: Cluster, group: string): readonly ClusterApp[] {
  const prefix = group === '' ? '/' : `${absoluteId(group)}/`;
  return [...cluster.apps.values()].filter((app) => app.id.startsWith(prefix));
}

function posted(request: ApiRequest): Posted {
  return { force: forced(request), api: { uri: request.path, clientIp: request.clientIp } };
}
