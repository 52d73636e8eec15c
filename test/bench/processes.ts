import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** HAProxy's processes of a state directory: masters and workers, old ones too. */
export const haproxiesOf = async (stateDir: string): Promise<readonly number[]> => haproxyFinder(stateDir)();

/** How often a process is asked who it is: one that was just made is still called as its parent is. */
const ASKED = 3;

/**
 * Finds HAProxy's processes of a state directory again and again. Four times a second for a minute: reading the command lines of all
 * processes of the machine each time takes from what is measured.
 */
export function haproxyFinder(stateDir: string): () => readonly number[] {
  let known = new Map<number, { readonly asked: number; readonly haproxy: boolean }>();
  return () => {
    const seen: typeof known = new Map();
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === process.pid) continue;
      const before = known.get(pid) ?? { asked: 0, haproxy: false };
      const { asked } = before;
      seen.set(pid, asked < ASKED ? { asked: asked + 1, haproxy: isHaproxyOf(pid, stateDir) } : before);
    }
    known = seen;
    return [...seen].filter(([, { haproxy }]) => haproxy).map(([pid]) => pid);
  };
}

function isHaproxyOf(pid: number, stateDir: string): boolean {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return line.includes(stateDir) && !line.includes('dist/main.js');
  } catch {
    return false;
  }
}

/** CPU that all threads of a process have had, in milliseconds; 0 when it is gone. Finer than the ticks of /proc/PID/stat. */
export async function cpuMs(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  let ns = 0;
  for (const thread of threads) {
    const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').catch(() => '0');
    ns += Number(text.split(' ')[0]);
  }
  return ns / 1e6;
}

/** Resident memory in MB: now, and the most there ever was. */
export async function memoryMb(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const mb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { now: mb('VmRSS'), peak: mb('VmHWM') };
}

/** Open files. */
export async function openFiles(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Share of a core below which a process counts as one without work: it looks after its own now and then; a profiler looks all the time. */
const IDLE_SHARE = process.argv.includes('--profile') ? 0.2 : 0.03;

/** Waits until a process has had next to no CPU for `quietMs`, at most `limitMs`. Gives its CPU then. */
export async function untilQuiet(pid: number, quietMs = 300, limitMs = 30_000): Promise<number> {
  const end = performance.now() + limitMs;
  let before = await cpuMs(pid);
  while (performance.now() < end) {
    await pause(quietMs);
    const now = await cpuMs(pid);
    if (now - before < quietMs * IDLE_SHARE + 1) return now;
    before = now;
  }
  return before;
}
