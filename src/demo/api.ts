import { appRoutes } from './api-apps.ts';
import { clusterRoutes } from './api-cluster.ts';
import { groupRoutes } from './api-groups.ts';
import type { ApiRequest, Engine, Leadership } from './api-request.ts';
import { containerError, json, type Reply } from './reply.ts';

/** Marathon's REST API on the leader. */
export function createApi(engine: Engine, leadership: Leadership): (request: ApiRequest) => Promise<Reply> {
  const routes = [...appRoutes(engine), ...groupRoutes(engine), ...clusterRoutes(engine, leadership)];
  return async (request) => {
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    for (const route of routes) {
      if (route.method !== method) continue;
      const match = route.path.exec(request.path);
      if (match === null) continue;
      return route.answer(
        request,
        match.slice(1).map((part) => decodeURIComponent(part ?? '')),
      );
    }
    return engine.cluster.options.dialect === '1.4'
      ? containerError(404, 'Not Found', true)
      : json({ message: 'URI not found' }, 500);
  };
}
