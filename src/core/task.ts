import type { Task, TaskId, TaskState, Version } from './app.ts';
import type { Definition } from './definition.ts';
import { resolveEndpoints } from './endpoints.ts';
import { judgeHealth } from './health.ts';
import { isHostName, parseAddress } from './host.ts';
import { field, isRecord, type JsonRecord, listAt, textAt } from './json.ts';
import type { Lookups } from './lookups.ts';
import type { PortPairs } from './port-pairs.ts';
import { atPresentPorts, checksAtPresentPorts } from './port-pairs.ts';
import type { ReadinessOf } from './readiness-checks.ts';

/** Marathon's names (marathon-api 1.5) and the raw ones of Mesos that an event or a proxy may show. */
const STATES: ReadonlyMap<string, TaskState> = new Map([
  ['TASK_STAGING', 'staging'],
  ['TASK_STARTING', 'starting'],
  ['TASK_RUNNING', 'running'],
  ['TASK_KILLING', 'killing'],
  ['TASK_UNREACHABLE', 'unreachable'],
  ['TASK_LOST', 'lost'],
  ['TASK_UNKNOWN', 'terminal'],
  ['TASK_GONE', 'terminal'],
  ['TASK_GONE_BY_OPERATOR', 'terminal'],
  ['TASK_DROPPED', 'terminal'],
  ['TASK_ERROR', 'terminal'],
  ['TASK_FAILED', 'terminal'],
  ['TASK_FINISHED', 'terminal'],
  ['TASK_KILLED', 'terminal'],
]);

/** The state that Marathon or Mesos calls so; nothing for a name that nobody knows. */
export const taskState = (name: string): TaskState | undefined => STATES.get(name);

/** Before Marathon 0.15 there is no `state`: a task that has started runs. */
function parseState(task: JsonRecord): TaskState {
  const state = field(task, 'state');
  if (state === undefined) return field(task, 'startedAt') === undefined ? 'staging' : 'running';
  return (typeof state === 'string' ? taskState(state) : undefined) ?? 'other';
}

/** Where a task's own definition came from: `known` is false when the app's present one stands in for a forgotten one. */
export interface TaskDefinition {
  readonly definition: Definition;
  readonly known: boolean;
  /** Of an older definition: what its ports are now. */
  readonly pairs?: PortPairs;
}

/** Reads one task whose id and version are known to be readable; everything else of it may be anything. */
export function parseTask(
  json: JsonRecord,
  id: TaskId,
  version: Version,
  { definition, known, pairs }: TaskDefinition,
  readinessOf: ReadinessOf,
  lookups: Lookups,
): Task {
  const state = parseState(json);
  const host = hostOf(json);
  const hostAddress = addressOf(host, lookups);
  const readiness = readinessOf(id, version, definition.readinessChecks);
  const { endpoints, missing } = resolveEndpoints(definition, {
    active: state !== 'terminal',
    host,
    hostAddress,
    hostPorts: listAt(json, 'ports'),
    addresses: listAt(json, 'ipAddresses'),
  });
  return {
    id,
    version,
    state,
    health: known ? judgeHealth(json, definition.checks.count) : judgeByResults(json, definition.checks.count),
    ...(readiness === undefined ? {} : { readiness }),
    host,
    ...(hostAddress === undefined ? {} : { hostAddress }),
    endpoints: pairs === undefined ? endpoints : atPresentPorts(pairs, endpoints),
    missing: pairs === undefined ? missing : atPresentPorts(pairs, missing),
    healthChecks: known ? checksOf(definition, pairs) : [],
  };
}

function checksOf({ checks }: Definition, pairs: PortPairs | undefined): Task['healthChecks'] {
  return pairs === undefined ? checks.copyable : checksAtPresentPorts(pairs, checks.copyable);
}

/** Without its definition nobody knows how many results a task should have: those it has decide, or else whether its app is checked now. */
function judgeByResults(json: JsonRecord, presentCount: number): Task['health'] {
  const checked = presentCount > 0 || listAt(json, 'healthCheckResults').some(isRecord);
  return judgeHealth(json, checked ? undefined : 0);
}

/** A host that is neither name nor address is shown, as long as it is short: it explains why there is no endpoint. */
function hostOf(json: JsonRecord): string {
  const host = textAt(json, 'host');
  return host.length <= 253 ? host : '';
}

function addressOf(host: string, lookups: Lookups): string | undefined {
  const literal = parseAddress(host);
  if (literal !== undefined || !isHostName(host)) return literal;
  return parseAddress(lookups.address(host) ?? '');
}
