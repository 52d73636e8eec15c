import { absoluteId } from './accept.ts';
import { embedsOf } from './api-apps.ts';
import { type ApiRequest, type ApiRoute, bodyOf, type Engine, forced, writeReply } from './api-request.ts';
import { groupExists, rootGroup } from './group-json.ts';
import { asList, asObject, asText, type Json } from './json.ts';
import { json, type Reply } from './reply.ts';

/** `/v2/groups`: the tree, and writes of several apps in one deployment. */
export function groupRoutes(engine: Engine): readonly ApiRoute[] {
  const { cluster, writes } = engine;
  const path = /^\/v2\/groups(\/.*?)?\/?$/;
  const missing = (id: string): Reply => json({ message: `Group '${id}' does not exist` }, 404);
  const write = async (request: ApiRequest, match: readonly string[]): Promise<Reply> => {
    const body = bodyOf(request);
    if ('reply' in body) return body.reply;
    const group = asObject(body.value) ?? {};
    const id = absoluteId(`${match[0] ?? ''}/${asText(group['id']) ?? ''}`);
    return writeReply(await writes.updateAll(appsOf(group, id), { force: forced(request) }));
  };
  return [
    {
      method: 'GET',
      path,
      answer: (request, [given]) => {
        const id = absoluteId(given ?? '');
        return groupExists(cluster, id) ? json(rootGroup(cluster, id, embedsOf(request))) : missing(id);
      },
    },
    { method: 'POST', path, answer: write },
    { method: 'PUT', path, answer: write },
    { method: 'PATCH', path, answer: write },
    {
      method: 'DELETE',
      path,
      answer: async (request, [given]) => {
        const id = absoluteId(given ?? '');
        if (!groupExists(cluster, id)) return missing(id);
        const inside = [...cluster.apps.keys()].filter((app) => app.startsWith(id === '/' ? '/' : `${id}/`));
        return writeReply(await writes.remove(inside, { force: forced(request) }));
      },
    },
  ];
}

/** The apps of a posted group and of all groups in it, with absolute ids. */
function appsOf(group: Json, id: string): readonly Json[] {
  const place = (given: unknown): string => {
    const text = asText(given) ?? '';
    return text.startsWith('/') ? absoluteId(text) : absoluteId(`${id}/${text}`);
  };
  const direct = asList(group['apps']).map((app): Json => {
    const definition = asObject(app) ?? {};
    return { ...definition, id: place(definition['id']) };
  });
  const nested = asList(group['groups']).flatMap((inner) => {
    const below = asObject(inner) ?? {};
    return appsOf(below, place(below['id']));
  });
  return [...direct, ...nested];
}
