import type { TaskId, Version } from '../../src/core/app.ts';
import type { Generation } from '../../src/core/config.ts';
import type { BackendName, Server, ServerName } from '../../src/core/routing.ts';
import type { RuntimeCommand } from '../../src/core/runtime.ts';

/** A number as a generation. */
export const generation = (number: number): Generation => number as Generation;
/** A text as a backend's name. */
export const backendName = (name: string): BackendName => name as BackendName;
/** A text as a server's name. */
export const serverName = (name: string): ServerName => name as ServerName;

/** What a test says of a server; the rest is made up. */
interface ServerWords extends Partial<Omit<Server, 'name'>> {
  readonly name?: string;
  readonly address?: string;
  readonly port?: number;
}

/** A server without check, named and numbered after its port unless told otherwise. */
export function serverOf({ name, address = '127.0.0.1', port = 8_001, ...words }: ServerWords = {}): Server {
  return {
    name: serverName(name ?? `${address.replace(/[^A-Za-z0-9-]/g, '_')}_${port}`),
    id: (port % 32_767) + 1,
    task: 'task' as TaskId,
    taskVersion: '2026-01-01T00:00:00.000Z' as Version,
    endpoint: { portIndex: 0, address, port },
    admission: 'ready',
    ...words,
  };
}

/** `add-server`. */
export const addServer = (backend: string, words: ServerWords = {}): RuntimeCommand => ({
  do: 'add-server',
  backend: backendName(backend),
  server: serverOf(words),
});

/** `remove-server`. */
export const removeServer = (backend: string, server: string): RuntimeCommand => ({
  do: 'remove-server',
  backend: backendName(backend),
  server: serverName(server),
});

/** `set-admission`. */
export const setAdmission = (backend: string, server: string, admission: Server['admission']): RuntimeCommand => ({
  do: 'set-admission',
  backend: backendName(backend),
  server: serverName(server),
  admission,
});

/** A command in the words of people. */
export function said(command: RuntimeCommand): string {
  switch (command.do) {
    case 'add-server':
    case 'revive-server':
      return `${command.do} ${command.backend}/${command.server.name} id ${command.server.id}`;
    case 'set-admission':
      return `${command.admission} ${command.backend}/${command.server}`;
    case 'remove-server':
      return `${command.do} ${command.backend}/${command.server}`;
    case 'add-backend':
      return `${command.do} ${command.backend} from ${command.profile}`;
    case 'publish-backend':
    case 'unpublish-backend':
    case 'delete-backend':
      return `${command.do} ${command.backend}`;
    case 'replace-map':
      return `${command.do} ${command.map} of ${command.rows.size}`;
    default:
      return [command.do, command.map.slice(5, -4), command.key, 'value' in command ? command.value : '']
        .join(' ')
        .trimEnd();
  }
}
