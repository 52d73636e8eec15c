import { fail, ok, type Result, unreachable } from '../core/result.ts';
import type { LeftPlace, RuntimeCommand } from '../core/runtime.ts';
import { changeBackends } from './runtime-backends.ts';
import { type BackendCommand, type RowCommand, rowLine, unsayable } from './runtime-lines.ts';
import { replaceMap } from './runtime-map.ts';
import { type LetIn, letIn, type TakeOut, takeOut } from './runtime-servers.ts';
import type { SocketLine } from './runtime-socket.ts';
import { type BatchFailure, type Sent, sendTasks } from './runtime-tasks.ts';
import type { RuntimeWorker } from './runtime-worker.ts';

/** Neighbours in a batch that go out together. */
type Group =
  | { readonly kind: 'let-in'; readonly commands: LetIn[] }
  | { readonly kind: 'take-out'; readonly commands: TakeOut[] }
  | { readonly kind: 'backends'; readonly commands: BackendCommand[] }
  | { readonly kind: 'rows'; readonly commands: RowCommand[] }
  | { readonly kind: 'map'; readonly command: Extract<RuntimeCommand, { do: 'replace-map' }> }
  | { readonly kind: 'unsayable'; readonly command: RuntimeCommand; readonly why: string };

/** How a batch that met no refusal ended. */
interface Done {
  readonly left: readonly LeftPlace[];
  readonly said?: readonly string[];
}

const NONE: readonly never[] = [];

/**
 * Carries out commands in order. Neighbours of one kind go out together; what comes after them is sent when all of their
 * replies were good: no row leads to a server that was refused, and no server goes while a row leads to it or before its
 * successor came.
 * @param behind lines that change nothing; they go out with the last group, where that is sent at once
 * @returns the servers and backends that could not be deleted yet, and the replies to `behind`
 */
export async function carryOut(
  worker: RuntimeWorker,
  commands: readonly RuntimeCommand[],
  behind: readonly SocketLine[],
): Promise<Result<Done, BatchFailure>> {
  const left: LeftPlace[] = [];
  let said: Sent['said'];
  const groups = groupsOf(commands);
  for (const group of groups) {
    const sent = await carryOutGroup(worker, group, group === groups.at(-1) ? behind : NONE);
    if (sent.failure) return fail(sent.failure);
    said = sent.said;
    if (group.kind !== 'take-out' && group.kind !== 'backends') continue;
    for (const command of group.commands) {
      if (!sent.tolerated.has(command)) continue;
      left.push({ backend: command.backend, ...('server' in command ? { server: command.server } : {}) });
    }
  }
  return ok({ left, ...(said && { said }) });
}

async function carryOutGroup(worker: RuntimeWorker, group: Group, behind: readonly SocketLine[]): Promise<Sent> {
  const tolerated = new Set<RuntimeCommand>();
  switch (group.kind) {
    case 'let-in':
      return letIn(worker, group.commands, behind);
    case 'take-out':
      return takeOut(worker, group.commands, behind);
    case 'backends':
      return changeBackends(worker, group.commands);
    case 'rows':
      return sendTasks(
        worker,
        group.commands.map((command) => ({ command, lines: [rowLine(command)] })),
        behind,
      );
    case 'map': {
      const { command } = group;
      const replaced = await replaceMap(worker, command);
      return replaced.ok ? { tolerated } : { tolerated, failure: { command, why: replaced.failure } };
    }
    case 'unsayable':
      return {
        tolerated,
        failure: { command: group.command, why: { is: 'refused', reply: `not sent: ${group.why}` } },
      };
    default:
      return unreachable(group);
  }
}

function groupsOf(commands: readonly RuntimeCommand[]): readonly Group[] {
  const groups: Group[] = [];
  for (const command of commands) {
    const why = unsayable(command);
    if (why === undefined) put(groups, command);
    // Nothing behind it will be sent.
    else return [...groups, { kind: 'unsayable', command, why }];
  }
  return groups;
}

/** Puts a command into the last group, or into a new one of its kind. */
function put(groups: Group[], command: RuntimeCommand): void {
  const last = groups.at(-1);
  switch (command.do) {
    case 'add-server':
    case 'revive-server':
      if (last?.kind === 'let-in') last.commands.push(command);
      else groups.push({ kind: 'let-in', commands: [command] });
      break;
    case 'remove-server':
      if (last?.kind === 'take-out') last.commands.push(command);
      else groups.push({ kind: 'take-out', commands: [command] });
      break;
    case 'add-backend':
    case 'publish-backend':
    case 'unpublish-backend':
    case 'delete-backend':
      if (last?.kind === 'backends') last.commands.push(command);
      else groups.push({ kind: 'backends', commands: [command] });
      break;
    case 'set-admission': {
      const kind = command.admission === 'ready' ? 'let-in' : 'take-out';
      if (last?.kind === kind) last.commands.push(command);
      else groups.push({ kind, commands: [command] });
      break;
    }
    case 'add-row':
    case 'set-row':
    case 'delete-row':
      if (last?.kind === 'rows') last.commands.push(command);
      else groups.push({ kind: 'rows', commands: [command] });
      break;
    case 'replace-map':
      groups.push({ kind: 'map', command });
      break;
    default:
      unreachable(command);
  }
}
