import { fork } from 'node:child_process';
import { resolve } from 'node:path';

/** What is said to the process that asks. */
export type ToProbers =
  | {
      readonly kind: 'start';
      readonly port: number;
      readonly perSecond: number;
      readonly hosts: readonly { readonly host: string; readonly app: string }[];
    }
  | { readonly kind: 'take'; readonly id: number };

/** Its answer to `take`. */
export interface FromProbers extends ProbedHosts {
  readonly id: number;
}

/** What was seen of all hosts together. */
export interface ProbedHosts {
  readonly asked: number;
  readonly failed: number;
  /** Asked once more after the reset of a kept connection, as RFC 9112 9.3.1 has clients do; not failed. */
  readonly retried: number;
  readonly slowestMs: number;
  /** What was wrong, with the host; at most 60 of each host. */
  readonly failures: readonly string[];
}

/** Hosts that are asked by a process of their own. */
export interface ManyProbers {
  /** What was seen since the last time; waits for the requests under way. */
  take(): Promise<ProbedHosts>;
  stop(): void;
}

/** Asks each host `perSecond` times a second at 127.0.0.1:`port`; good is a 200 by a task of the right app. */
export function startManyProbers(
  port: number,
  perSecond: number,
  hosts: readonly { readonly host: string; readonly app: string }[],
): ManyProbers {
  const child = fork(resolve(import.meta.dirname, 'prober-child.ts'), [], { execArgv: [] });
  const waiting = new Map<number, (seen: ProbedHosts) => void>();
  const lost = new Promise<never>((_resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the probers ended with ${code}`)));
  });
  lost.catch(() => undefined);
  let takes = 0;
  child.on('message', ({ id, ...seen }: FromProbers) => {
    waiting.get(id)?.(seen);
    waiting.delete(id);
  });
  const send = (message: ToProbers): void => {
    child.send(message);
  };
  send({ kind: 'start', port, perSecond, hosts });
  return {
    take: () => {
      const id = takes++;
      const taken = new Promise<ProbedHosts>((done) => waiting.set(id, done));
      send({ kind: 'take', id });
      return Promise.race([taken, lost]);
    },
    stop: () => {
      child.disconnect();
    },
  };
}
