import type { FastifyInstance } from 'fastify';
import type { Control } from '../core/ports.ts';
import { sendError } from './answer.ts';

const LEVEL_SCHEMA = {
  summary: 'Changes the log level until the next start',
  tags: ['control'],
  body: {
    type: 'object',
    required: ['level'],
    additionalProperties: false,
    properties: { level: { type: 'string', description: 'A level of the log, e.g. debug' } },
  },
} as const;

/** What changes something: on the UNIX socket it is done, on TCP it is refused with a hint. */
export function addControlEndpoints(app: FastifyInstance, control: Control | undefined): void {
  if (control === undefined) {
    for (const [method, url] of [
      ['POST', '/v1/resync'],
      ['PUT', '/v1/log-level'],
      ['POST', '/v1/guard/accept'],
    ] as const) {
      app.route({
        method,
        url,
        schema: { hide: true },
        handler: async (_, reply) =>
          sendError(reply, 403, 'SocketOnly', 'This is served on the UNIX socket <state-dir>/admin.sock only.'),
      });
    }
    return;
  }
  const resync = { summary: 'Reads everything from Marathon again', tags: ['control'] };
  app.post('/v1/resync', { schema: resync }, async (_, reply) => {
    control.requestPass('admin');
    return reply.code(202).send({ requested: true });
  });
  const accept = { summary: 'Believes the answer of Marathon that is held for what it lacks', tags: ['control'] };
  app.post('/v1/guard/accept', { schema: accept }, async (_, reply) =>
    control.acceptShrink()
      ? { accepted: true }
      : sendError(reply, 409, 'NothingHeld', 'Nothing is held: what Marathon answered last is believed.'),
  );
  app.put<{ Body: { readonly level: string } }>('/v1/log-level', { schema: LEVEL_SCHEMA }, async (request, reply) => {
    const { level } = request.body;
    if (control.setLogLevel(level)) return { level };
    const expected = 'expected one of trace, debug, info, warn, error, fatal';
    return sendError(reply, 400, 'BadParameter', `level "${level}": ${expected}, for example: debug`);
  });
}
