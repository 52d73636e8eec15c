import type { DiskUse } from '../core/disk.ts';
import type { DaemonEvent, DaemonEventBody } from '../core/events.ts';
import type { Haproxy } from '../core/ports.ts';

/** Hears from every writer how the disk takes its files, and tells when that changes. */
export interface DiskWatch {
  failed(what: DiskUse, detail: string): void;
  worked(what: DiskUse): void;
  /** Hears every event: a pass that has nothing left to write is over with what an earlier one could not. */
  observe(event: Pick<DaemonEvent, 'type'> & { readonly outcome?: string }): void;
  /** The same HAProxy; what it writes is heard of. */
  over(haproxy: Haproxy): Haproxy;
}

/** What is written of a configuration. A pass writes it and has it loaded, the copy of what runs is written and published. */
type Step = 'pass' | 'load' | 'copy' | 'publish';

/** A watch over a disk that takes everything. */
export function createDiskWatch(emit: (event: DaemonEventBody) => void): DiskWatch {
  const told = new Map<DiskUse, string>();
  const failing = new Set<Step>();
  let failedInPass = false;

  function failed(what: DiskUse, detail: string): void {
    // The number of a generation is in its message, and another one each time.
    const reason = detail.replace(/\d+/g, 'N');
    if (told.get(what) === reason) return;
    told.set(what, reason);
    emit({ type: 'disk-failing', what, detail });
  }

  function worked(what: DiskUse): void {
    if (told.delete(what)) emit({ type: 'disk-recovered', what });
  }

  /** `done`: what has succeeded, or need not any more. */
  function stepped(step: Step, failure: { readonly kind: string; readonly detail?: string } | undefined): void {
    if (failure?.kind === 'disk') {
      failing.add(step);
      failedInPass = true;
      failed('generation', failure.detail ?? '');
    } else done(step);
  }

  function done(...steps: readonly Step[]): void {
    for (const step of steps) failing.delete(step);
    if (failing.size === 0) worked('generation');
  }

  return {
    failed,
    worked,
    observe({ type, outcome }) {
      if (type === 'pass-started') failedInPass = false;
      if (type !== 'pass-finished' || failedInPass) return;
      if (outcome === 'unchanged' || outcome === 'applied') done('pass', 'load');
    },
    over: (haproxy) => ({
      ...haproxy,
      async validate(config, why, signal, when) {
        const checked = await haproxy.validate(config, why, signal, when);
        stepped(when === 'meanwhile' ? 'copy' : 'pass', checked.ok ? undefined : checked.failure);
        return checked;
      },
      async apply(candidate) {
        const result = await haproxy.apply(candidate);
        // What runs now is what the disk says: there is nothing left to copy.
        if (result.kind === 'applied') done('load', 'copy', 'publish');
        else stepped('load', result.failure);
        return result;
      },
      async publish(candidate, running) {
        const published = await haproxy.publish(candidate, running);
        stepped('publish', published.ok ? undefined : published.failure);
        return published;
      },
    }),
  };
}
