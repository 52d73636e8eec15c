import type { FastifyInstance } from 'fastify';
import type { Generation, LineOwner } from '../core/config.ts';
import type { Haproxy } from '../core/ports.ts';
import { appOf } from '../core/problem.ts';
import type { State } from '../core/state.ts';
import { sendError } from './answer.ts';

interface ConfigRequest {
  readonly Querystring: { readonly generation?: number; readonly app?: string };
}

const SCHEMA = {
  summary: 'The configuration that the running worker has loaded, byte for byte',
  description:
    'Over TCP passwords are masked. `generation`: one from disk. `app`: only the lines of that app, numbered.',
  tags: ['state'],
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      generation: { type: 'integer', minimum: 1, description: 'Number of a generation on disk' },
      app: { type: 'string', minLength: 1, description: 'App id, e.g. /prod/web' },
    },
  },
} as const;

/** `GET /config`. */
export function addConfigEndpoint(
  app: FastifyInstance,
  deps: {
    readonly getState: () => State;
    readonly haproxy: Pick<Haproxy, 'files'>;
    readonly show: (text: string) => string;
  },
): void {
  app.get<ConfigRequest>('/config', { schema: SCHEMA }, async (request, reply) => {
    const { generation, app: id } = request.query;
    const read = await deps.haproxy.files(generation as Generation | undefined);
    const text = read.ok ? read.value.get('haproxy.cfg') : undefined;
    if (text === undefined) {
      const why = read.ok ? 'it has no haproxy.cfg' : read.failure.detail;
      if (generation !== undefined)
        return sendError(reply, 404, 'NoSuchGeneration', `Generation ${generation}: ${why}.`);
      return sendError(reply, 503, 'NothingLoaded', `What the worker has loaded cannot be read: ${why}.`);
    }
    const number = /^\s*setenv PORTOLAN_GENERATION (\d+)/m.exec(text)?.[1];
    if (number !== undefined) reply.header('x-portolan-generation', number);
    reply.type('text/plain; charset=utf-8');
    if (id === undefined) return reply.send(deps.show(text));

    const { running } = deps.getState();
    if (running?.config === undefined || String(running.generation) !== number) {
      return sendError(reply, 409, 'OwnersUnknown', 'Who owns which line is known of the running generation only.');
    }
    const lines = linesOf(deps.show(text), running.config.owners, id);
    if (lines === '') return sendError(reply, 404, 'NoSuchApp', `No line of generation ${number} belongs to ${id}.`);
    return reply.send(lines);
  });
}

/** The lines of one app with their numbers, ranges set apart by an empty line. */
function linesOf(text: string, owners: readonly LineOwner[], id: string): string {
  const wanted = id.startsWith('/') ? id : `/${id}`;
  const lines = text.split('\n');
  const width = String(lines.length).length;
  return owners
    .filter(({ origin }) => appOf(origin) === wanted)
    .map(({ from, to }) =>
      lines
        .slice(from - 1, to)
        .map((line, index) => `${String(from + index).padStart(width)}  ${line}\n`)
        .join(''),
    )
    .join('\n');
}
