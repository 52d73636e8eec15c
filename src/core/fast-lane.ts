import type { AppId } from './app.ts';
import { type LeavingTasks, leaves } from './leaving.ts';
import type { Backend, RoutingTable } from './routing.ts';
import type { RuntimeCommand } from './runtime.ts';
import { byName, indexOfName, listDiff } from './table-diff.ts';

const NONE: readonly never[] = [];

type Leaving = LeavingTasks['all'];

type Admission = Extract<RuntimeCommand, { do: 'set-admission' }>;

/** Backends with servers taken out, and the commands that do it; the same array when there are none. */
export interface TakenOut {
  readonly backends: readonly Backend[];
  readonly commands: readonly Admission[];
  /** A backend serves with nobody but tasks that leave. */
  readonly last: boolean;
}

/**
 * Takes the servers of leaving tasks out of rotation before any fetch: established requests finish, sticky clients go elsewhere. An
 * event alone never takes the last server of a backend: another one must be there that serves and does not leave.
 */
export type TakeOut = (running: RoutingTable, leaving: LeavingTasks) => TakenOut;

/** Asked at every event: `serving` may be shared, and need not know the backends yet. */
export function createTakeOut(serving: Serving = createServing()): TakeOut {
  /** What the leaving tasks of its app have come to in a backend: most have been asked about before. */
  const known = new WeakMap<Backend, { readonly of: Leaving; readonly out: ReturnType<typeof drained> }>();

  function outOf(backend: Backend, leaving: Leaving): ReturnType<typeof drained> {
    const before = known.get(backend);
    if (before?.of === leaving) return before.out;
    const out = drained(backend, leaving);
    known.set(backend, { of: leaving, out });
    return out;
  }

  return ({ backends }, { byApp, all }) => {
    const outs: Drained[] = [];
    let last = false;
    const { own, shared } = serving.of(backends, byApp.keys());
    const take = (out: ReturnType<typeof drained>): void => {
      if (out === 'last') last = true;
      else if (out !== undefined) outs.push(out);
    };
    for (const backend of own) {
      const those = byApp.get(backend.app);
      if (those !== undefined) take(outOf(backend, those));
    }
    for (const backend of shared) take(drained(backend, all));
    if (outs.length === 0) return { backends, commands: NONE, last };
    outs.sort((a, b) => byName(a.backend, b.backend));
    const left = [...backends];
    for (const { backend } of outs) left[indexOfName(backends, backend.name)] = backend;
    return { backends: left, commands: outs.flatMap(({ commands }) => commands), last };
  };
}

/** A backend without those of its servers that leave. */
interface Drained {
  readonly backend: Backend;
  readonly commands: readonly Admission[];
}

/** `last`: whoever is ready leaves. Undefined: nobody who is ready does. */
function drained(backend: Backend, leaving: Leaving): Drained | 'last' | undefined {
  if (!backend.servers.some(({ task }) => leaves(task, leaving))) return undefined;
  const ready = backend.servers.filter(({ admission }) => admission === 'ready');
  const going = new Set(ready.filter(({ task }) => leaves(task, leaving)));
  if (going.size === 0) return undefined;
  if (going.size === ready.length) return 'last';
  const commands = [...going].map(
    ({ name }): Admission => ({ do: 'set-admission', backend: backend.name, server: name, admission: 'maint' }),
  );
  const servers = backend.servers.map((server) =>
    going.has(server) ? { ...server, admission: 'maint' as const } : server,
  );
  return { backend: { ...backend, servers }, commands };
}

/** Backends that may hold tasks of some apps: none is in both. */
interface ServingBackends {
  readonly own: Iterable<Backend>;
  /** They hold tasks of apps that they are not named after. */
  readonly shared: Iterable<Backend>;
}

/** Which backends serve which app. Backends must be in the order of their names. */
export interface Serving {
  /** Which backends of the list may hold tasks of some apps. Only what changed since the last list is looked at. */
  of(backends: readonly Backend[], apps: Iterable<AppId>): ServingBackends;
  /**
   * Looks at up to `count` more of a list ahead of the question, which else looks at all that is new at once (60 ms for 10,000 apps).
   * True when there is more to learn.
   */
  learn(backends: readonly Backend[], count: number): boolean;
}

/** Knows no backend yet. */
export function createServing(): Serving {
  let known: readonly Backend[] = [];
  /** Those that are not shared. */
  const byApp = new Map<AppId, Set<Backend>>();
  const shared = new Set<Backend>();

  const look = (backends: readonly Backend[]): void => {
    const { removed, added } = listDiff(known, backends, byName);
    known = backends;
    for (const backend of removed) {
      if (shared.delete(backend)) continue;
      const own = byApp.get(backend.app);
      own?.delete(backend);
      if (own?.size === 0) byApp.delete(backend.app);
    }
    for (const backend of added) {
      if (isShared(backend)) shared.add(backend);
      else byApp.set(backend.app, (byApp.get(backend.app) ?? new Set()).add(backend));
    }
  };

  return {
    of(backends, apps) {
      look(backends);
      const own: Backend[] = [];
      for (const app of apps) for (const backend of byApp.get(app) ?? NONE) own.push(backend);
      return { own, shared };
    },
    learn(backends, count) {
      look(known.length + count < backends.length ? backends.slice(0, known.length + count) : backends);
      return known !== backends;
    },
  };
}

/** The backend of a deployment group serves tasks of several apps. Tasks are named after theirs (marathon-api 0). */
function isShared({ app, servers }: Backend): boolean {
  const own = `${app.slice(1).replaceAll('/', '_')}.`;
  return servers.some(({ task }) => !task.startsWith(own));
}
