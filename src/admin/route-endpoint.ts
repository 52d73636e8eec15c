import type { FastifyInstance, FastifyReply } from 'fastify';
import type { RouteReadiness } from '../core/route-readiness.ts';
import { parseDuration } from '../core/settings-kinds.ts';
import { sendError } from './answer.ts';
import type { RouteWaits } from './route-waits.ts';

interface RouteRequest {
  readonly Params: { readonly vhost: string };
  readonly Querystring: { readonly wait?: string; readonly path?: string };
}

const SCHEMA = {
  summary: 'Does this host name serve, and if not, why? Waits for it when asked to',
  description:
    '200: the worker in charge has the route and a server of it is up. 503 with Retry-After: not yet, `code` is the reason. 404: nobody asks for this host.',
  tags: ['routes'],
  params: { type: 'object', properties: { vhost: { type: 'string', description: 'Host name' } } },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      wait: { type: 'string', description: 'How long to wait, e.g. 30s; at most 120s' },
      path: { type: 'string', description: 'Path of the request, e.g. /api' },
    },
  },
} as const;

/** `GET /v1/routes/{vhost}`: the provisioner's question. */
export function addRouteEndpoint(
  app: FastifyInstance,
  deps: { readonly waits: RouteWaits; readonly show: (body: unknown) => unknown },
): void {
  app.get<RouteRequest>('/v1/routes/:vhost', { schema: SCHEMA }, async (request, reply) => {
    const { wait, path } = request.query;
    const waitMs = wait === undefined ? 0 : parseDuration(wait);
    if (waitMs === undefined) {
      return sendError(reply, 400, 'BadParameter', `wait "${wait}": expected a duration, for example: wait=30s`);
    }
    if (path !== undefined && !path.startsWith('/')) {
      return sendError(reply, 400, 'BadParameter', `path "${path}": expected a path, for example: path=/api`);
    }
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const answer = await deps.waits.ask({
      vhost: request.params.vhost,
      ...(path === undefined ? {} : { path }),
      waitMs,
      gone: gone.signal,
    });
    switch (answer.kind) {
      case 'answer':
        return sendReadiness(reply, answer.readiness, deps.show);
      case 'too-many':
        reply.header('retry-after', '1');
        return sendError(reply, 429, 'TooManyWaiters', 'Too many requests wait for routes; try again without wait.');
      case 'gone':
        return reply.hijack();
    }
  });
}

function sendReadiness(reply: FastifyReply, readiness: RouteReadiness, show: (body: unknown) => unknown): FastifyReply {
  if (readiness.ready) return reply.send(show(readiness));
  const unknown = readiness.reason === 'NoSuchHost';
  const status = unknown ? 404 : 503;
  if (!unknown) reply.header('retry-after', '1');
  return reply.code(status).send(show({ status, code: readiness.reason, ...readiness }));
}
