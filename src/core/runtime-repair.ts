import { isDeletable, withoutBackends } from './dynamic-backends.ts';
import type { Loaded } from './loaded.ts';
import { reachTable } from './reach.ts';
import { unreachable } from './result.ts';
import type { Backend, BackendName, RoutingTable, ServerName } from './routing.ts';
import type { ObservedRuntime, ObservedServer } from './runtime.ts';
import type { Asked, Difference } from './runtime-difference.ts';
import { differences } from './runtime-difference.ts';
import {
  admitServer,
  dropRow,
  type Edits,
  enterServer,
  leaveServer,
  makeBackend,
  noEdits,
  putRow,
  removeBackend,
} from './runtime-edits.ts';
import type { PlanInputs, RuntimePlan } from './runtime-plan.ts';
import { asPlan, editBackends, editServers, editTableRows } from './runtime-plan.ts';
import { seenTable } from './seen-table.ts';
import { backendNamed, byName, listDiff } from './table-diff.ts';

/** What a repair starts from. */
export interface RepairInputs extends Omit<PlanInputs, 'before'> {
  readonly observed: ObservedRuntime;
  readonly asked: Asked;
  /** What ran as far as anybody knows; undefined after a restart: only what was read is certain then, and all of it is to be read. */
  readonly before: RoutingTable | undefined;
}

/** A plan, and what was found different from what was known. */
export interface RepairPlan extends RuntimePlan {
  readonly drift: readonly Difference[];
}

/**
 * The commands from what was read to what should run; what was not asked is taken to be as in `before`. After doubt, after a
 * restart, and for drift.
 */
export function planRepair(inputs: RepairInputs): RepairPlan {
  const { observed, before, pathMatch } = inputs;
  const asked = knownTo(inputs.loaded, inputs.asked);
  const { running, leftovers, absent } = seenTable(inputs);
  const loaded = withoutBackends(inputs.loaded, absent as ReadonlySet<BackendName>);
  const { target, needs, backends } = reachTable({
    ...inputs,
    loaded,
    leftovers,
    before: running,
    compareAll: inputs.compareAll === true || before === undefined,
  });
  const drift = differences(observed, asked, before ?? target, pathMatch);
  const edits = noEdits(loaded.maps);
  const read = asked.backends === 'all' ? undefined : new Set<string>(asked.backends);
  const wasRead = (name: BackendName): boolean => read === undefined || read.has(name);
  const unread = ({ name }: Backend): boolean => !wasRead(name);
  const { removed, added } = backends;
  editBackends(edits, { removed: removed.filter(unread), added: added.filter(unread) }, target, { ...inputs, loaded });
  editServers(edits, backends, leftovers, wasRead);
  const goes = unwantedBackends({ ...inputs, loaded }, target);
  for (const [name, servers] of goes) {
    for (const server of servers) leaveServer(edits, name, server.name as ServerName);
    removeBackend(edits, name);
  }
  // A server that was not seen may have left its rows behind.
  const known = before ?? running;
  editTableRows(edits, known, target, listDiff(known.backends, target.backends, byName), pathMatch);
  forgetRows(edits, asked);
  // Where nothing is certain, a row that was not seen would be added to the one that is there.
  for (const map of asked.backends === 'all' ? asked.maps : []) {
    const rows = edits.rows.get(map);
    if (rows !== undefined) rows.doubtful = true;
  }
  for (const one of before === target ? drift : differences(observed, asked, target, pathMatch)) {
    if (one.what === 'server-extra' && goes.has(one.backend)) continue;
    repair(edits, one, target);
  }
  return { ...asPlan(edits, { target, needs, leftovers, loaded, pathMatch, known: running.backends }), drift };
}

/** A map that nothing looks up is not there, which is no difference. */
const knownTo = ({ maps }: Loaded, asked: Asked): Asked => ({
  ...asked,
  maps: asked.maps.filter((map) => maps.has(map)),
  rows: (asked.rows ?? []).filter(({ map }) => maps.has(map)),
});

/** What was read tells of these rows, and no table. */
function forgetRows(edits: Edits, asked: Asked): void {
  const single = (asked.rows ?? []).map(({ map, key }) => ({ map, keys: [key] }));
  const whole = asked.maps.map((map) => ({ map, keys: undefined }));
  for (const { map, keys } of [...whole, ...single]) {
    const rows = edits.rows.get(map);
    for (const list of [rows?.put, rows?.drop]) {
      if (keys === undefined) list?.clear();
      else for (const key of keys) list?.delete(key);
    }
  }
}

/** Backends that were read, that the target lacks, and that can be deleted (tier A), with what is in them. */
function unwantedBackends(
  { observed, asked, loaded, tier }: Pick<RepairInputs, 'observed' | 'asked' | 'loaded' | 'tier'>,
  target: RoutingTable,
): ReadonlyMap<BackendName, readonly ObservedServer[]> {
  const goes = new Map<BackendName, readonly ObservedServer[]>();
  if (tier !== 'A') return goes;
  for (const name of asked.backends === 'all' ? observed.backends.keys() : asked.backends) {
    const backend = name as BackendName;
    const servers = observed.backends.get(name);
    if (servers === undefined || backendNamed(target, name) !== undefined || !isDeletable(loaded, backend)) continue;
    // It only waits for the next sweep.
    if (loaded.dynamic.closed.has(backend) && servers.every(({ admission }) => admission === 'maint')) continue;
    goes.set(backend, servers);
  }
  return goes;
}

function repair(edits: Edits, difference: Difference, target: RoutingTable): void {
  switch (difference.what) {
    case 'backend-missing': {
      // The target has it where it can be made; else only a reload brings it, and it is among the needs.
      const backend = backendNamed(target, difference.backend);
      if (backend === undefined) break;
      makeBackend(edits, backend);
      for (const server of backend.servers) enterServer(edits, backend.name, server, 'new');
      break;
    }
    case 'server-missing':
      enterServer(edits, difference.backend, difference.server, 'new');
      break;
    case 'server-extra':
      leaveServer(edits, difference.backend, difference.server);
      break;
    case 'server-address':
      // It gets its address back on the way in.
      enterServer(edits, difference.backend, difference.server, 'there');
      break;
    case 'server-admission': {
      const { backend, server, found } = difference;
      if (server.admission === 'ready' && found.admission === 'maint') enterServer(edits, backend, server, 'there');
      else admitServer(edits, backend, server);
      break;
    }
    case 'certificate-wrong':
      // Certificates are carried apart from the table.
      break;
    case 'row-missing':
      putRow(edits, difference);
      break;
    case 'row-wrong':
      putRow(edits, difference, difference.found);
      break;
    case 'row-extra':
      dropRow(edits, { ...difference, value: difference.found });
      break;
    default:
      unreachable(difference);
  }
}
