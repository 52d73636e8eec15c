import { createTwoFilesPatch } from 'diff';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Generation, LineOwner } from '../core/config.ts';
import type { Haproxy } from '../core/ports.ts';
import { appOf } from '../core/problem.ts';
import type { State } from '../core/state.ts';
import { sendError } from './answer.ts';

interface ConfigRequest {
  readonly Querystring: { readonly generation?: number; readonly app?: string; readonly against?: number };
}

const SCHEMA = {
  summary: 'The configuration that the running worker has loaded, byte for byte',
  description:
    'Over TCP passwords are masked. `generation`: one from disk. `app`: only the lines of that app, numbered. `against`: a unified diff of all files from that generation to the one asked for.',
  tags: ['state'],
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      generation: { type: 'integer', minimum: 1, description: 'Number of a generation on disk, e.g. 41' },
      app: { type: 'string', minLength: 1, description: 'App id, e.g. /prod/web' },
      against: { type: 'integer', minimum: 1, description: 'Number of an older generation on disk, e.g. 40' },
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
  const read = async (generation: number | undefined, reply: FastifyReply) => {
    const files = await deps.haproxy.files(generation as Generation | undefined);
    if (files.ok && files.value.has('haproxy.cfg')) return files.value;
    const why = files.ok ? 'it has no haproxy.cfg' : files.failure.detail;
    if (generation !== undefined) sendError(reply, 404, 'NoSuchGeneration', `Generation ${generation}: ${why}.`);
    else sendError(reply, 503, 'NothingLoaded', `What the worker has loaded cannot be read: ${why}.`);
    return undefined;
  };

  app.get<ConfigRequest>('/config', { schema: SCHEMA }, async (request, reply) => {
    const { generation, app: id, against } = request.query;
    const files = await read(generation, reply);
    if (files === undefined) return reply;
    const text = files.get('haproxy.cfg') ?? '';
    const number = /^\s*setenv PORTOLAN_GENERATION (\d+)/m.exec(text)?.[1];
    if (number !== undefined) reply.header('x-portolan-generation', number);
    reply.type('text/plain; charset=utf-8');
    if (against !== undefined) {
      const older = await read(against, reply);
      return older === undefined ? reply : reply.send(differences(older, files, deps.show));
    }
    if (id === undefined) return reply.send(deps.show(text));

    const { running } = deps.getState();
    // The lines are those of the file that was loaded, whatever the socket has changed since.
    const loaded = running?.loaded ?? running?.config;
    if (loaded === undefined || String(running?.generation) !== number) {
      return sendError(reply, 409, 'OwnersUnknown', 'Who owns which line is known of the running generation only.');
    }
    const lines = linesOf(deps.show(text), loaded.owners, id);
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

/** A unified diff of every file that differs, in order of name; empty when none does. */
function differences(
  older: ReadonlyMap<string, string>,
  newer: ReadonlyMap<string, string>,
  show: (text: string) => string,
): string {
  const names = [...new Set([...older.keys(), ...newer.keys()])].sort();
  return names
    .filter((name) => older.get(name) !== newer.get(name))
    .map((name) => createTwoFilesPatch(name, name, show(older.get(name) ?? ''), show(newer.get(name) ?? '')))
    .join('');
}
