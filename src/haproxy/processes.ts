import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { Clock } from '../core/ports.ts';

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time in clock ticks since boot, as the kernel gives it. */
  readonly startedAt: string;
}

/**
 * The process that has this pid now; `undefined` when there is none, or only its zombie. Reads without a thread: it is asked several
 * times a second, and the kernel answers at once.
 */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const fields = fieldsOf(readStat(pid));
  const startedAt = fields[19];
  if (startedAt === undefined || fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return { pid, startedAt };
}

/** Fields of `/proc/<pid>/stat` from the third one, the state, on. */
function fieldsOf(stat: string | undefined): readonly string[] {
  // The name in parentheses may hold anything, also spaces and parentheses: fields are counted from the last one.
  return stat === undefined ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readStat(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether this very process was stopped (SIGSTOP, or by a terminal). One that a debugger holds was not. */
export function isStopped({ pid, startedAt }: ProcessIdentity): boolean {
  const fields = fieldsOf(readStat(pid));
  return fields[0] === 'T' && fields[19] === startedAt;
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
    // With a thread: it is the process's own memory that is read here, and one that hangs keeps whoever reads it waiting.
    const words = (await read(`/proc/${entry}/cmdline`))?.split('\0') ?? [];
    const at = words.indexOf('-S');
    if (at < 0 || words[at + 1]?.split(',', 1)[0] !== masterSocket) continue;
    const identity = await identify(Number(entry));
    if (identity) found.push(identity);
  }
  return found;
}

/** The master that was started with this master socket: the one whose children are there too. */
export async function findMaster(masterSocket: string): Promise<ProcessIdentity | undefined> {
  const found = await findByMasterSocket(masterSocket);
  const parents = new Set(await Promise.all(found.map(async ({ pid }) => Number((await fieldsNow(pid))[1]))));
  return found.find(({ pid }) => parents.has(pid));
}

const fieldsNow = async (pid: number): Promise<readonly string[]> => fieldsOf(readStat(pid));

/** Number of SIGUSR2 on Linux. */
const SIGUSR2 = 12;

/** Whether SIGUSR2 is handled by this process. It ends one that executes itself anew and has not come that far. */
export async function handlesSigusr2({ pid }: ProcessIdentity): Promise<boolean> {
  const mask = /^SigCgt:\s*([0-9a-f]+)/m.exec((await read(`/proc/${pid}/status`)) ?? '')?.[1];
  return mask !== undefined && (BigInt(`0x${mask}`) & (1n << BigInt(SIGUSR2 - 1))) !== 0n;
}

/** Bytes of memory that these processes have to themselves; `undefined` when it cannot be seen of any of them. */
export async function ownMemory(pids: readonly number[]): Promise<number | undefined> {
  const kilobytes = await Promise.all(
    pids.map(async (pid) => /^RssAnon:\s*(\d+) kB/m.exec((await read(`/proc/${pid}/status`)) ?? '')?.[1]),
  );
  const seen = kilobytes.filter((one) => one !== undefined);
  if (pids.length > 0 && seen.length === 0) return undefined;
  return seen.reduce((sum, one) => sum + Number(one) * 1024, 0);
}

/** Sends a signal to those that still exist. */
export async function signalAll(processes: readonly ProcessIdentity[], signal: NodeJS.Signals): Promise<void> {
  for (const each of processes) if (await isAlive(each)) sendSignal(each.pid, signal);
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

/** Sends a signal. @returns false when it cannot: the process ended since it was looked at, or belongs to somebody else */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return undefined;
  }
}
