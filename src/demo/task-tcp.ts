import { createServer, type Socket } from 'node:net';
import type { TaskListener, TaskPort, TaskView } from './task-spec.ts';

/** The TCP port of a task: it greets with one line that names the task, then sends back what it gets. */
export function createEchoListener(view: TaskView, at: TaskPort): TaskListener {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.write(`hello from ${view.spec.task} of ${view.spec.app} on ${at.address}:${at.port}\n`);
    socket.pipe(socket);
  });
  return {
    open: () =>
      new Promise((resolve) => {
        server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
        server.listen({ host: at.address, port: at.port, backlog: 511 }, () => resolve(undefined));
      }),
    finish: (limitMs) =>
      new Promise((resolve) => {
        const limit = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, limitMs);
        server.close(() => {
          clearTimeout(limit);
          resolve();
        });
        for (const socket of sockets) socket.end();
      }),
    cut: () => {
      server.close();
      for (const socket of sockets) socket.resetAndDestroy();
    },
  };
}
