import type { App, Snapshot } from './app.ts';
import { createAutoPorts } from './auto-ports.ts';
import type { CertificateSet } from './certificates.ts';
import type { WhenOpen } from './claims.ts';
import type { OpenName } from './contest.ts';
import { createDeployments } from './deployments.ts';
import type { Difference } from './difference.ts';
import { difference } from './difference.ts';
import { createKeptServices } from './kept-services.ts';
import type { KeptTable } from './kept-table.ts';
import { createKeptTable } from './kept-table.ts';
import { commonEnds } from './list-maker.ts';
import type { Memory } from './memory.ts';
import { byText } from './order.ts';
import { createOutOfTouchKeeper } from './out-of-touch.ts';
import { createOwnApps } from './own-apps.ts';
import type { Checked } from './problem.ts';
import { createReadinessKeeper } from './readiness-checks.ts';
import type { RoutingTable } from './routing.ts';
import type { Settings } from './settings.ts';
import { createVerdictKeeper } from './verdicts.ts';

/** What HAProxy should do, what had to be left out, and what the next pass must know. */
export type BuiltTable = Checked<RoutingTable> & {
  readonly memory: Memory;
  /** Names that several ask for and nobody holds: what became of them was decided by age, or not at all. */
  readonly open: readonly OpenName[];
};

/** Builds routing tables. Same input, same table, whatever the order of the apps. */
export type TableBuilder = (
  snapshot: Snapshot,
  settings: Settings,
  certificates: CertificateSet,
  memory: Memory,
) => BuiltTable;

/** A table built from scratch; see `createBuilder`. */
export const buildRoutingTable: TableBuilder = (...input) => createBuilder()(...input);

/**
 * A builder that remembers what it made of each `App` object: a pass costs what changed since the one before, if it is given
 * that one's memory, and what did not change is the identical object again. Remembering never shows in the result.
 * `whenOpen`: who gets a name that several ask for and nobody holds.
 */
export function createBuilder(whenOpen: WhenOpen = 'oldest'): TableBuilder {
  let node: { readonly settings: Settings; readonly build: NodeBuilder } | undefined;
  return (snapshot, settings, certificates, memory) => {
    if (node?.settings !== settings) node = { settings, build: createNodeBuilder(settings, whenOpen) };
    return node.build(snapshot, certificates, memory);
  };
}

/** A builder for a node of certain settings. */
type NodeBuilder = (snapshot: Snapshot, certificates: CertificateSet, memory: Memory) => BuiltTable;

function createNodeBuilder(settings: Settings, whenOpen: WhenOpen): NodeBuilder {
  const verdicts = createVerdictKeeper();
  const readinessOf = createReadinessKeeper();
  const outOfTouchOf = createOutOfTouchKeeper();
  const own = createOwnApps(settings);
  const deployments = createDeployments(own, settings.healthCheck);
  const autoPorts = createAutoPorts(settings);
  const services = createKeptServices(settings, autoPorts);
  let before: readonly App[] = [];
  let table: { readonly put: KeptTable; readonly claims: Memory['claims'] } | undefined;

  return (snapshot, certificates, memory) => {
    const apps = sorted(snapshot.apps, before);
    const changed = difference(before, apps, byId);
    before = apps;
    const health = verdicts(changed, apps, memory.health);
    const readiness = readinessOf(changed, apps, memory.readiness);
    const outOfTouch = outOfTouchOf(changed, { takenAt: snapshot.takenAt, apps }, memory.outOfTouch);
    const mine = own.change(changed);
    const { apps: routed, problems: misfits } = deployments(mine, { health, readiness });
    const ports = autoPorts.change(routed, () => ({ apps, own: own.all() }), memory.autoPorts);
    const built = services.change(routed, certificates, ports);
    // Claims that are held otherwise than this builder left them are settled anew, all of them.
    const isOwn = table?.claims === memory.claims;
    const put = isOwn && table !== undefined ? table.put : createKeptTable(settings, whenOpen);
    const asked = isOwn ? { apps: mine, services: built } : { apps: all(own.all()), services: all(services.all()) };
    const { value, problems, claims, open } = put({ ...asked, misfits }, memory.claims);
    table = { put, claims };
    return { value, problems, memory: { claims, health, readiness, autoPorts: ports, outOfTouch }, open };
  };
}

const all = <T>(came: readonly T[]): Difference<T> => ({ gone: [], came });
const byId = (a: App, b: App): number => byText(a.id, b.id);

/** Snapshots are sorted already; whoever makes one by hand need not care. What stands as it stood is not looked into. */
function sorted(apps: readonly App[], before: readonly App[]): readonly App[] {
  const { head, tail } = commonEnds(before, apps);
  for (let at = Math.max(1, head); at <= apps.length - tail && at < apps.length; at++) {
    const [last, app] = [apps[at - 1], apps[at]];
    if (last !== undefined && app !== undefined && byId(last, app) >= 0) return apps.toSorted(byId);
  }
  return apps;
}
