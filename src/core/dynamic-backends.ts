import type { Loaded } from './loaded.ts';
import type { BackendName } from './routing.ts';
import type { LeftPlace, ObservedRuntime, RuntimeCommand } from './runtime.ts';

/** Whether the running HAProxy has a backend of that name. */
export function isThere({ dynamic, spares, shapeOf }: Loaded, name: BackendName): boolean {
  if (dynamic.made.has(name) || spares.has(name)) return true;
  return !dynamic.deleted.has(name) && shapeOf(name) !== undefined;
}

/**
 * Whether a backend that nobody needs any more can be deleted. The frontend of a service port names its backend, which therefore
 * stays until the reload that takes both away.
 */
export function isDeletable(loaded: Loaded, name: BackendName): boolean {
  return isThere(loaded, name) && !loaded.spares.has(name) && loaded.serviceText(name) === undefined;
}

/** What is loaded once commands were carried out; what they delete counts as closed until it is known to be gone. */
export function afterCommands(loaded: Loaded, commands: readonly RuntimeCommand[]): Loaded {
  const made = new Map(loaded.dynamic.made);
  const closed = new Set(loaded.dynamic.closed);
  let changed = false;
  for (const command of commands) {
    if (command.do === 'add-backend') made.set(command.backend, command.profile);
    else if (command.do === 'publish-backend') closed.delete(command.backend);
    else if (command.do === 'unpublish-backend') closed.add(command.backend);
    else continue;
    changed = true;
  }
  return changed ? { ...loaded, dynamic: { ...loaded.dynamic, made, closed } } : loaded;
}

/** What `afterCommands` is once the commands were carried out: what they deleted is gone, but for those in `left`. */
export const afterBatch = (loaded: Loaded, commands: readonly RuntimeCommand[], left: readonly LeftPlace[]): Loaded =>
  forgetClosed(
    loaded,
    commands.flatMap((command) => (command.do === 'delete-backend' ? [command.backend] : [])),
    left,
  );

/** Of the backends that were tried to be deleted, only those in `left` are still there. */
export function forgetClosed(loaded: Loaded, tried: Iterable<BackendName>, left: readonly LeftPlace[]): Loaded {
  const still = new Set(left.flatMap(({ backend, server }) => (server === undefined ? [backend] : [])));
  return withoutBackends(
    loaded,
    [...tried].filter((name) => !still.has(name)),
  );
}

/** HAProxy has none of these. */
export function withoutBackends(loaded: Loaded, names: Iterable<BackendName>): Loaded {
  const absent = new Set(names);
  if (absent.size === 0) return loaded;
  const { made, deleted, closed } = loaded.dynamic;
  return {
    ...loaded,
    spares: new Map([...loaded.spares].filter(([name]) => !absent.has(name))),
    dynamic: {
      made: new Map([...made].filter(([name]) => !absent.has(name))),
      deleted: new Set([...deleted, ...absent]),
      closed: new Set([...closed].filter((name) => !absent.has(name))),
    },
  };
}

/** What is loaded according to a worker that was asked for its dynamic backends. */
export function seenBackends(loaded: Loaded, { backends, dynamic }: ObservedRuntime): Loaded {
  if (dynamic === undefined) return loaded;
  const there = (name: string): name is BackendName => backends.has(name);
  const made = new Map([...dynamic.made].flatMap(([name, profile]) => (there(name) ? [[name, profile] as const] : [])));
  const deleted = new Set([...[...loaded.backends()].filter((name) => !there(name)), ...made.keys()]);
  return { ...loaded, dynamic: { made, deleted, closed: new Set([...dynamic.unpublished].filter(there)) } };
}

/**
 * A name for a backend whose own name is taken by one with another profile, which cannot change (haproxy-runtime 4.3): `web_10000:2`.
 * An app's backend ends in an underscore and a port, so this name is never one's.
 */
export function freeAlias(loaded: Loaded, name: BackendName, taken: ReadonlySet<BackendName>): BackendName {
  for (let number = 2; ; number++) {
    const alias = `${name}:${number}` as BackendName;
    if (!isThere(loaded, alias) && !taken.has(alias)) return alias;
  }
}

/** Whether a backend that was made over the socket stands in for the one of that name. */
export const isAliasOf = (alias: string, name: BackendName): boolean =>
  alias.startsWith(`${name}:`) && /^\d+$/.test(alias.slice(name.length + 1));
