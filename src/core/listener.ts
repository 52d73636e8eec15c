import type { AppId, Instant } from './app.ts';
import type { Origin, Problem } from './problem.ts';
import { printable } from './problem.ts';
import type { BackendName } from './routing.ts';
import { type BindAddress, formatBind } from './settings.ts';

/** Who has an address that we want, as far as this machine shows it. */
export interface PortHolder {
  readonly pid?: number;
  /** The name of the process. */
  readonly command?: string;
  /** It listens there, or has an outgoing connection from there. */
  readonly as: 'listener' | 'connection';
}

/** What came of trying an address, before HAProxy does. */
export interface BindTrial {
  readonly bind: BindAddress;
  /**
   * `ours`: our own HAProxy has it. `ephemeral`: free now, but the kernel gives such ports to outgoing connections. `untried`: it
   * could not be found out, so HAProxy has to.
   */
  readonly outcome: 'free' | 'ours' | 'taken' | 'not-local' | 'ephemeral' | 'untried';
  readonly holder?: PortHolder;
}

/** An address that waits until it can be listened on. */
export interface HeldListener {
  readonly bind: BindAddress;
  /** Who wants it: a service of an app, or a setting (`http-bind`). */
  readonly app?: AppId;
  readonly service?: BackendName;
  readonly setting?: string;
  readonly since: Instant;
  /** A sentence for people; names who has it. */
  readonly why: string;
}

/** Somebody else who listens where our HAProxy does. */
export interface ForeignListener {
  readonly bind: BindAddress;
  readonly pid?: number;
  readonly command?: string;
}

/** Why an address that was tried is held; undefined: it is not. */
export function reasonToHold({ bind, outcome, holder }: BindTrial): string | undefined {
  const address = formatBind(bind);
  switch (outcome) {
    case 'taken':
      return holder?.as === 'connection'
        ? `${formatHolder(holder)} has an outgoing connection from ${address}`
        : `${formatHolder(holder)} listens on ${address}`;
    case 'not-local':
      return `${bind.address} is not an address of this machine`;
    case 'ephemeral':
      return `outgoing connections of this machine use port ${bind.port}, and could take it at any time; reserve it with net.ipv4.ip_local_reserved_ports`;
    default:
      return undefined;
  }
}

/** `nginx (pid 4711)`. */
export function formatHolder(holder: Omit<PortHolder, 'as'> | undefined): string {
  if (holder?.pid === undefined) return 'another process';
  return `${printable(holder.command ?? 'a process', 40)} (pid ${holder.pid})`;
}

const PAUSES = [1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000];

/** Milliseconds from one attempt at an address that is held to the next, after so many (1: the first). */
export const pauseAfter = (attempts: number): number => PAUSES[Math.min(attempts, PAUSES.length) - 1] ?? 0;

/** What the owner of a held listener is told. */
export function listenerProblem({ bind, app, setting, why }: HeldListener): Problem {
  const origin: Origin = app === undefined ? { from: 'setting', name: setting ?? '' } : { from: 'app', app };
  const message = `${formatBind(bind)} is not listened on yet: ${why}. It opens by itself as soon as it can.`;
  return { code: 'ListenerHeld', effect: 'route-refused', message: printable(message, 500), origin };
}
