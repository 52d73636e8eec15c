import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance } from 'fastify';
import type { BindAddress } from '../core/settings.ts';
import { sendError } from './answer.ts';
import { describeRefused, type Refused } from './bad-parameter.ts';
import { checkToken, hostAllowed } from './guard.ts';

/** Where requests come in. TCP is for reading, with secrets masked; the UNIX socket is for the owner of the state folder. */
export type Door = { readonly kind: 'socket' } | TcpDoor;

/** A TCP listener and who may use it. */
interface TcpDoor {
  readonly kind: 'tcp';
  readonly bind: BindAddress;
  readonly tokenFile?: string;
  readonly ownNames: readonly string[];
}

/** An HTTP server without routes: its guards, and JSON for everything that goes wrong. */
export async function createDoor(door: Door, version: string): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    // Headers and body must arrive within this; answers may take as long as a wait does.
    requestTimeout: 10_000,
    bodyLimit: 65_536,
    routerOptions: { maxParamLength: 1000, ignoreTrailingSlash: true },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true } },
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => {
      void sendError(reply, error.statusCode ?? 400, 'BadRequest', error.message);
    },
    clientErrorHandler: (_error, socket) => {
      if (!socket.writable) return;
      const body = JSON.stringify({ status: 400, code: 'BadRequest', message: 'This is not an HTTP request.' });
      const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: application/json; charset=utf-8\r\nConnection: close\r\n`;
      socket.end(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
    },
  });
  // Views are plain JSON already; a schema would only drop what it does not know.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff');
    if (door.kind !== 'tcp') return;
    if (!hostAllowed(request.headers.host, door.bind, door.ownNames)) {
      return sendError(reply, 403, 'HostNotAllowed', 'The Host header names another server than this one.');
    }
    if (door.tokenFile === undefined) return;
    const verdict = await checkToken(request.headers.authorization, door.tokenFile);
    if (verdict === 'right') return;
    if (verdict === 'unreadable') {
      return sendError(reply, 503, 'TokenUnavailable', 'The file of --admin-token-file cannot be read or is empty.');
    }
    reply.header('www-authenticate', 'Bearer');
    return sendError(reply, 401, 'TokenRequired', 'Send the token as "Authorization: Bearer …".');
  });
  answerErrors(app);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Portolan', description: 'What Portolan routes, and whether it serves.', version },
    },
  });
  return app;
}

function answerErrors(app: FastifyInstance): void {
  const routes: { readonly method: string; readonly pattern: RegExp }[] = [];
  app.addHook('onRoute', ({ method, url }) => {
    const pattern = new RegExp(`^${url.replace(/:[^/]+/g, '[^/]+').replace('*', '.*')}/?$`);
    for (const one of [method].flat()) routes.push({ method: one, pattern });
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const allowed = [...new Set(routes.filter((route) => route.pattern.test(path)).map((route) => route.method))];
    if (allowed.length === 0)
      return sendError(reply, 404, 'NotFound', `There is nothing at ${path}; see /openapi.json.`);
    reply.header('allow', allowed.join(', '));
    return sendError(reply, 405, 'MethodNotAllowed', `${path} answers ${allowed.join(' and ')} only.`);
  });
  app.setErrorHandler((error, request, reply) => {
    const { statusCode, message, validation } = error as RefusedRequest;
    const [refused] = validation ?? [];
    if (refused !== undefined) return sendError(reply, 400, 'BadParameter', describeRefused(refused, request));
    if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
      return sendError(reply, statusCode, 'BadRequest', message);
    }
    return sendError(reply, 500, 'InternalError', 'Portolan failed to answer; this is a bug.');
  });
}

/** What fastify throws about a request. */
interface RefusedRequest {
  readonly statusCode?: number;
  readonly message: string;
  readonly validation?: readonly Refused[];
}
