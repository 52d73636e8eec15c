import type { HealthCheck, Task } from './app.ts';
import { field, isPort, isRecord, type JsonRecord, listAt, numberAt, textAt } from './json.ts';

/** The health checks of one definition. */
export interface Checks {
  /** Those that a load balancer can copy, in the definition's order: no COMMAND, none of an unknown protocol. */
  readonly copyable: readonly HealthCheck[];
  /** How many checks Marathon runs, COMMAND included: so many results make a verdict. */
  readonly count: number;
}

/** No checks: what a definition without any has, and one that is unknown. */
export const NO_CHECKS: Checks = { copyable: [], count: 0 };

const PROTOCOLS: ReadonlySet<string> = new Set([
  'HTTP',
  'HTTPS',
  'TCP',
  'COMMAND',
  'MESOS_HTTP',
  'MESOS_HTTPS',
  'MESOS_TCP',
] satisfies HealthCheck['protocol'][]);

const isProtocol = (text: string): text is HealthCheck['protocol'] => PROTOCOLS.has(text);

/** Eleven days: beyond every sensible interval, and still below HAProxy's limit when it becomes milliseconds. */
const MAX_SECONDS = 1_000_000;

/**
 * Reads `healthChecks` of a definition with Marathon's defaults (marathon-api 1.7). `legacy`: Marathon ≤ 1.4, where a
 * check with neither `portIndex` nor `port` means port index 0.
 */
export function parseHealthChecks(definition: JsonRecord, legacy: boolean): Checks {
  const entries = listAt(definition, 'healthChecks').filter(isRecord);
  if (entries.length === 0) return NO_CHECKS;
  const checks = entries.map((entry) => parseHealthCheck(entry, legacy));
  return { copyable: checks.filter((check) => check !== undefined), count: entries.length };
}

function parseHealthCheck(entry: JsonRecord, legacy: boolean): HealthCheck | undefined {
  const protocol = field(entry, 'protocol') === undefined ? 'HTTP' : textAt(entry, 'protocol').toUpperCase();
  if (!isProtocol(protocol) || protocol === 'COMMAND') return undefined;
  const given = field(entry, 'port');
  const port = isPort(given) ? given : undefined;
  const index = numberAt(entry, 'portIndex', 0, 65_535);
  const portIndex = index !== undefined && Number.isInteger(index) ? index : legacy ? 0 : undefined;
  const failures = numberAt(entry, 'maxConsecutiveFailures', 0, MAX_SECONDS);
  return {
    protocol,
    path: textAt(entry, 'path') || '/',
    ...(port !== undefined ? { port } : portIndex !== undefined ? { portIndex } : {}),
    intervalSeconds: numberAt(entry, 'intervalSeconds', 0.001, MAX_SECONDS) ?? 60,
    timeoutSeconds: numberAt(entry, 'timeoutSeconds', 0.001, MAX_SECONDS) ?? 20,
    maxConsecutiveFailures: failures !== undefined && Number.isInteger(failures) ? failures : 3,
  };
}

/**
 * Marathon's verdict on a task (marathon-api 1.7), by the number of checks of the task's own definition. One failing check
 * is enough for `unhealthy`; a missing, empty or not yet recorded result is `unknown`, never `unhealthy`: that is what every
 * task looks like right after a change of leader.
 *
 * `count` is `undefined` when the definition is unknown: then the results alone decide.
 */
export function judgeHealth(task: JsonRecord, count: number | undefined): Task['health'] {
  if (count === 0) return 'none';
  const verdicts = listAt(task, 'healthCheckResults').filter(isRecord).map(judgeResult);
  if (verdicts.includes('unhealthy')) return 'unhealthy';
  if (verdicts.length === 0 || verdicts.includes('unknown')) return 'unknown';
  return count !== undefined && verdicts.length < count ? 'unknown' : 'healthy';
}

/**
 * One entry. A check that is registered but has recorded nothing says `alive: false` too. So does the first probe of a new leader, who
 * knows of no success of a task that may have served for days: one failure alone proves nothing then (marathon-api 6.8).
 */
function judgeResult(result: JsonRecord): Exclude<Task['health'], 'none'> {
  const alive = field(result, 'alive');
  if (typeof alive !== 'boolean') return 'unknown';
  if (alive) return 'healthy';
  const failures = field(result, 'consecutiveFailures');
  if (field(result, 'lastSuccess') !== undefined) return 'unhealthy';
  const untried = field(result, 'lastFailure') === undefined && (failures === undefined || failures === 0);
  return untried || failures === 1 ? 'unknown' : 'unhealthy';
}
