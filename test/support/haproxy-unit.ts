import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

/** HAProxy as a service manager runs it beside Portolan: it waits for the first configuration, and is started again when it ends. */
export interface HaproxyUnit {
  /** Pid of the master, once there is one. */
  readonly pid: number | undefined;
  /** How often a master was started. */
  readonly starts: number;
  /** Ends the master by this signal; the unit starts another one. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Ends the master and starts no other. */
  stop(): Promise<void>;
}

/** What `haproxy/systemd/portolan-haproxy.service` does, with its words, on another state folder. */
export function startHaproxyUnit(stateDir: string): HaproxyUnit {
  const current = join(stateDir, 'current');
  const stopping = new AbortController();
  let master: ChildProcess | undefined;
  let starts = 0;

  const pause = (ms: number) => wait(ms, undefined, { signal: stopping.signal }).catch(() => undefined);
  const running = (async () => {
    while (!stopping.signal.aborted) {
      if (!existsSync(join(current, 'haproxy.cfg'))) {
        await pause(200);
        continue;
      }
      const socket = `${join(stateDir, 'run/master.sock')},mode,600`;
      master = spawn(
        process.env['HAPROXY'] ?? '/usr/sbin/haproxy',
        ['-Ws', '-S', socket, '-C', current, '-f', 'haproxy.cfg'],
        { stdio: 'ignore' },
      );
      starts += 1;
      await once(master, 'exit');
      master = undefined;
      await pause(1_000);
    }
  })();

  const kill = async (signal: NodeJS.Signals) => {
    const one = master;
    if (one === undefined) return;
    const ended = once(one, 'exit');
    one.kill(signal);
    await ended;
  };
  return {
    get pid() {
      return master?.pid;
    },
    get starts() {
      return starts;
    },
    kill,
    stop: async () => {
      stopping.abort();
      await kill('SIGTERM');
      await running;
    },
  };
}
