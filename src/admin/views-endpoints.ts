import type { FastifyInstance, FastifyReply } from 'fastify';
import { appsView, problemsView } from '../core/apps-view.ts';
import type { Clock } from '../core/ports.ts';
import { hasStarted, isAlive, isStale, readiness } from '../core/readiness.ts';
import { routesView } from '../core/routes-view.ts';
import type { State } from '../core/state.ts';
import { statusView } from '../core/status-view.ts';
import { sendError } from './answer.ts';
import type { LiveRoutes } from './live-routes.ts';
import type { Metrics } from './metrics.ts';

/** What the reading endpoints look at. */
export interface ViewDeps {
  readonly getState: () => State;
  readonly clock: Pick<Clock, 'now'>;
  readonly live: LiveRoutes;
  readonly metrics: Metrics;
  /** Masks what the listener must not show. */
  readonly show: (body: unknown) => unknown;
}

const NO_QUERY = { querystring: { type: 'object', properties: {}, additionalProperties: false } } as const;

/** Health, metrics, and the state as JSON. */
export function addViewEndpoints(app: FastifyInstance, deps: ViewDeps): void {
  addHealth(app, deps);
  const { getState, clock, live, metrics, show } = deps;
  app.get('/metrics', { schema: { summary: 'Metrics for Prometheus', tags: ['state'] } }, async (_, reply) => {
    const text = await metrics.text(getState(), clock.now());
    return reply.type(metrics.contentType).send(text);
  });
  app.get('/v1/status', { schema: { ...NO_QUERY, summary: 'Is this node up to date?', tags: ['state'] } }, async () =>
    show(statusView(getState(), clock.now())),
  );
  app.get('/v1/routes', { schema: { ...NO_QUERY, summary: 'Every route', tags: ['routes'] } }, async () => {
    const { state, servers } = await live.look();
    return show({ routes: routesView(state, servers) });
  });
  app.get(
    '/v1/problems',
    { schema: { ...NO_QUERY, summary: "What is wrong with apps' labels", tags: ['apps'] } },
    async () => show({ problems: problemsView(getState()) }),
  );
  app.get('/v1/apps', { schema: { ...NO_QUERY, summary: 'Every app', tags: ['apps'] } }, async () =>
    show({ apps: appsView(getState()) }),
  );
  const one = { ...NO_QUERY, summary: 'One app, by its id without the first slash', tags: ['apps'] };
  app.get<{ Params: { '*': string } }>('/v1/apps/*', { schema: one }, async (request, reply) => {
    const id = `/${request.params['*'].replace(/^\/+|\/+$/g, '')}`;
    const view = appsView(getState()).find((candidate) => candidate.id === id);
    if (view === undefined) return sendError(reply, 404, 'NoSuchApp', `No app ${id} is known.`);
    return show(view);
  });
}

function addHealth(app: FastifyInstance, { getState, clock }: ViewDeps): void {
  const health = (summary: string) => ({ schema: { ...NO_QUERY, summary, tags: ['health'] } });
  const notYet = (reply: FastifyReply, code: string, message: string): FastifyReply => {
    reply.header('retry-after', '1');
    return sendError(reply, 503, code, message, { ready: false });
  };
  app.get('/livez', health('503 only when a restart of Portolan would help'), async (_, reply) => {
    if (isAlive(getState(), clock.now())) return { status: 'alive' };
    return notYet(reply, 'stuck', 'A pass runs for longer than all its deadlines together.');
  });
  app.get('/startupz', health('Is the start over?'), async (_, reply) => {
    if (hasStarted(getState())) return { status: 'started' };
    return notYet(reply, 'starting', 'HAProxy is being started or adopted.');
  });
  app.get('/readyz', health('May this node get traffic?'), async (_, reply) => {
    const state = getState();
    const now = clock.now();
    const answer = readiness(state, now);
    if (!answer.ready) return notYet(reply, answer.because, WHY_NOT_READY[answer.because]);
    return { ready: true, stale: isStale(state, now), degraded: answer.degraded };
  });
}

const WHY_NOT_READY = {
  starting: 'HAProxy is being started or adopted.',
  'never-applied': 'No configuration was ever loaded: the source was not read yet, or HAProxy has not started with it.',
  stopping: 'Portolan is stopping.',
  'haproxy-down': 'HAProxy does not run or does not answer.',
} as const;
