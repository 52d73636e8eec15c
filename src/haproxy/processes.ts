import { readdir, readFile } from 'node:fs/promises';
import type { Clock } from '../core/ports.ts';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, as the kernel gives it. */
  readonly startedAt: string;
}

/** The process that has this pid now; `undefined` when there is none, or only its zombie. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await read(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything, also spaces and parentheses: fields are counted from the last one.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startedAt = fields?.[19];
  if (!fields || startedAt === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startedAt };
}

/** Whether this very process still exists. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startedAt === identity.startedAt;
}

/** Masters and workers that were started with this master socket, whoever their parent is. Walks all of /proc. */
export async function findByMasterSocket(masterSocket: string): Promise<readonly ProcessIdentity[]> {
  const found: ProcessIdentity[] = [];
  const entries = await readdir('/proc').catch((): string[] => []);
  for (const entry of entries.filter((name) => /^\d+$/.test(name))) {
    const words = (await read(`/proc/${entry}/cmdline`))?.split('\0') ?? [];
    const at = words.indexOf('-S');
    if (at < 0 || words[at + 1]?.split(',', 1)[0] !== masterSocket) continue;
    const identity = await identify(Number(entry));
    if (identity) found.push(identity);
  }
  return found;
}

/** Sends a signal to those that still exist. */
export async function signalAll(processes: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  for (const each of processes) if (await isAlive(each)) send(each.pid, signal);
}

/** Waits until all of them are gone. @returns false when `withinMs` passed before that */
export async function waitUntilGone(
  processes: readonly ProcessIdentity[],
  withinMs: number,
  clock: Clock,
  pollMs: number,
): Promise<boolean> {
  const until = clock.now() + withinMs;
  const never = new AbortController().signal;
  for (;;) {
    const alive = await Promise.all(processes.map(isAlive));
    if (!alive.includes(true)) return true;
    if (clock.now() >= until) return false;
    await clock.sleep(pollMs, never);
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the look and the signal.
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
