import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { TaskListener, TaskPort, TaskView } from './task-spec.ts';
import { createUpgrades } from './task-upgrade.ts';

/**
 * The HTTP port of a task. It answers every request with who it is and what it got. `/slow?ms=N` takes its time,
 * `/status/N` answers with that status; the task's health paths answer 503 while it is not healthy, all others while it is not ready.
 * A WebSocket gets its messages back.
 */
export function createHttpListener(view: TaskView, at: TaskPort): TaskListener {
  const server = createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(view, at, request, response));
  });
  const upgrades = createUpgrades(view.spec.task);
  server.on('upgrade', upgrades.accept);
  // A task does not give up on idle connections by itself: only its end does.
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.headersTimeout = 0;
  return {
    open: () =>
      new Promise((resolve) => {
        server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        server.listen({ host: at.address, port: at.port, backlog: 511 }, () => resolve(undefined));
      }),
    finish: (limitMs) =>
      new Promise((resolve) => {
        const limit = setTimeout(() => {
          server.closeAllConnections();
          upgrades.cut();
        }, limitMs);
        upgrades.leave();
        server.close(() => {
          clearTimeout(limit);
          resolve();
        });
      }),
    cut: () => {
      server.close();
      server.closeAllConnections();
      upgrades.cut();
    },
  };
}

function answer(view: TaskView, at: TaskPort, request: IncomingMessage, response: ServerResponse): void {
  const { spec } = view;
  const url = new URL(request.url ?? '/', 'http://task');
  const slow = url.pathname === '/slow' ? Number(url.searchParams.get('ms') ?? 0) : 0;
  const asked = /^\/status\/([2-5]\d\d)$/.exec(url.pathname)?.[1];
  const isHealthPath = spec.healthPaths.includes(url.pathname);
  const sick = isHealthPath ? !view.healthy() : !view.ready();
  const respond = (): void => {
    if (view.closing()) response.setHeader('Connection', 'close');
    response.statusCode = sick ? 503 : Number(asked ?? 200);
    response.setHeader('X-Task-Id', spec.task);
    response.setHeader('X-App-Version', spec.version);
    if (wantsText(request, spec.answer)) {
      response.setHeader('Content-Type', 'text/plain; charset=utf-8');
      response.end(
        `${spec.app} on ${at.address}:${at.port}, task ${spec.task}${sick ? (isHealthPath ? ' is not healthy' : ' is not ready') : ` got ${request.method} ${request.url}`}\n`,
      );
      return;
    }
    response.setHeader('Content-Type', 'application/json');
    response.end(
      `${JSON.stringify({
        task: spec.task,
        app: spec.app,
        version: spec.version,
        host: spec.host,
        address: at.address,
        port: at.port,
        portIndex: at.portIndex,
        healthy: view.healthy(),
        ready: view.ready(),
        method: request.method,
        path: request.url,
        headers: request.headers,
      })}\n`,
    );
  };
  if (slow > 0) setTimeout(respond, slow);
  else respond();
}

function wantsText(request: IncomingMessage, otherwise: 'json' | 'text'): boolean {
  const accept = request.headers.accept ?? '';
  if (accept.includes('application/json')) return false;
  return otherwise === 'text' || /text\/(plain|html)/.test(accept);
}
