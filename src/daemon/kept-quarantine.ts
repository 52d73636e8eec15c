import type { App, AppId, Instant, Snapshot } from '../core/app.ts';
import type { CertificateSet } from '../core/certificates.ts';
import type { TemplateSources } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Clock, GoodApps } from '../core/ports.ts';
import type { Quarantined } from '../core/quarantine.ts';
import {
  heldForLabel,
  nextTry,
  quarantined,
  quarantineProblem,
  suspects,
  voiceBefore,
  waitedLong,
} from '../core/quarantine.ts';
import { heldEvent } from '../core/quarantine-event.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Holding } from '../core/stand-in.ts';
import { appNamed, askedBy, definitionText, nextHolding, withHeldApps } from '../core/stand-in.ts';
import type { Culprits } from './culprits.ts';
import { createHeldForms } from './held-forms.ts';
import type { Keeper } from './keeper.ts';
import { createLabelWatch } from './label-watch.ts';
import { createSurroundings } from './surroundings.ts';

/** What HAProxy has accepted: the answer of the source, and what was made of it. */
export interface Accepted {
  readonly snapshot: Snapshot;
  readonly table: RoutingTable;
}

/** A snapshot as it is to be routed. */
export interface Cast {
  readonly snapshot: Snapshot;
  /** Who has nothing that could stand in, and gets no rows. */
  readonly out: ReadonlySet<AppId>;
}

/** Who is held at what was good of it, from pass to pass and from life to life. */
export interface KeptQuarantine extends Required<Pick<Keeper, 'wake' | 'isDue' | 'problems'>> {
  /** Reads what an earlier life has left. */
  load(): Promise<void>;
  /** Lets those have another try who are worth it: all when templates or certificates changed, each after a time. True if any is. */
  review(templates: TemplateSources, certificates: CertificateSet): boolean;
  /** The snapshot with what is good of apps in place of what is not. An app that asks for something else is tried again. */
  cast(snapshot: Snapshot, more?: ReadonlyMap<AppId, Holding>): Cast;
  /** Somebody is tried again: what comes of it has to be proven before anything is told to HAProxy. */
  isTrying(): boolean;
  /** It could not be: whoever is tried stays held for some time. */
  putOff(): void;
  further(app: AppId, table: RoutingTable, snapshot: Snapshot, before: Holding | undefined): Holding | undefined;
  /** The app asks for what HAProxy has accepted, in this life or before, or is held at that. */
  isKnown(app: App): boolean;
  add(culprits: Culprits, snapshot: Snapshot): void;
  /** HAProxy's own check has accepted it, and it runs. Only the references are kept: this is called with every pass. */
  accept(accepted: Accepted): void;
  /** HAProxy's own check has accepted what ran a moment ago. */
  checked(accepted: Accepted): void;
  /** What HAProxy has accepted last, if it was in this life; `remembers`: something is known of this life or the one before. */
  accepted(): Accepted | undefined;
  remembers(): boolean;
}

interface Parts {
  readonly goodApps: GoodApps;
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: (event: DaemonEventBody) => void;
  /** See `Timings`. */
  readonly timings: { readonly quarantineRetryMs: number; readonly suspectRetryMs: number };
}

const NOBODY: ReadonlyMap<AppId, Holding> = new Map();
/** Each time that nothing can be proven doubles the pause until the next one, up to this. */
const LONGEST_PUT_OFF_MS = 60_000;

/** An empty quarantine. */
export function createKeptQuarantine({ goodApps, clock, emit, timings }: Parts): KeptQuarantine {
  let entries: ReadonlyMap<AppId, Quarantined> = new Map();
  /** Who is tried again, and what they were held at. */
  const tried = new Map<AppId, Quarantined>();
  /** From earlier lives, until something is accepted in this one. */
  let stored: ReadonlyMap<AppId, App> = new Map();
  let accepted: Accepted | undefined;
  /** Nobody is tried again before this, as nothing could be proven. */
  let putOffUntil: number | undefined;
  let putOffs = 0;
  let suspectsFrom = 0;
  const surroundings = createSurroundings();
  const labels = createLabelWatch();
  const forms = createHeldForms();

  const change = (edit: (entries: Map<AppId, Quarantined>) => void): void => {
    const now = new Map(entries);
    edit(now);
    entries = now;
  };
  const leave = (apps: readonly AppId[]): void => {
    if (apps.length > 0) change((now) => apps.forEach((app) => void now.delete(app)));
  };
  const tryAgain = (apps: readonly AppId[]): boolean => {
    for (const app of apps) {
      const entry = entries.get(app);
      if (entry !== undefined) tried.set(app, entry);
    }
    leave(apps);
    return apps.length > 0;
  };
  const isPutOff = (): boolean => putOffUntil !== undefined && clock.now() < putOffUntil;
  /** Whoever has waited long enough, and a part of those that are only suspected. */
  function worthATry(): readonly AppId[] {
    const now = clock.now();
    if (isPutOff()) return [];
    const suspected = now < suspectsFrom ? [] : suspects(entries);
    if (suspected.length > 0) suspectsFrom = now + timings.suspectRetryMs;
    return [...suspected, ...waitedLong(entries, now - timings.quarantineRetryMs)];
  }

  /** Holds those of which a label cannot be understood any more, before anything is made of it. */
  function seeLabels(snapshot: Snapshot): void {
    const held = new Map<AppId, Quarantined>();
    for (const app of labels.unseen(snapshot, tried.keys())) {
      if (entries.has(app.id)) continue;
      const before = tried.get(app.id);
      const good = before?.good ?? lastGood(app.id);
      const entry = good && heldForLabel(app, good, clock.now());
      if (entry === undefined) continue;
      if (before?.asked !== entry.asked) emit(heldEvent(app.id, entry));
      held.set(app.id, entry);
      tried.delete(app.id);
    }
    if (held.size > 0) hold(held);
  }

  function hold(held: ReadonlyMap<AppId, Quarantined>): void {
    change((now) => {
      for (const [id, entry] of held) now.set(id, entry);
    });
    if (accepted !== undefined) goodApps.save({ apps: accepted.snapshot.apps, quarantined: entries });
  }

  const lastGood = (id: AppId): App | undefined =>
    accepted === undefined ? stored.get(id) : appNamed(accepted.snapshot, id);

  function goodOf(app: AppId, table: RoutingTable): App | undefined {
    const entry = entries.get(app) ?? tried.get(app);
    if (entry !== undefined) return entry.good;
    if (accepted === undefined) return stored.get(app);
    const before = voiceBefore(app, table, accepted.table);
    return entries.get(before)?.good ?? tried.get(before)?.good ?? appNamed(accepted.snapshot, before);
  }

  function accepts(newest: Accepted): void {
    if (accepted !== undefined && newest.snapshot.takenAt < accepted.snapshot.takenAt) return;
    accepted = newest;
    stored = new Map();
    goodApps.save({ apps: newest.snapshot.apps, quarantined: entries });
  }

  return {
    async load() {
      const saved = await goodApps.load();
      stored = saved.apps;
      entries = saved.quarantined;
    },
    review(templates, certificates) {
      if (surroundings.changed(templates, certificates)) return tryAgain([...entries.keys()]);
      return tryAgain(worthATry());
    },
    cast(snapshot, more = NOBODY) {
      if (entries.size > 0 && !isPutOff()) {
        putOffUntil = undefined;
        tryAgain(
          [...entries].flatMap(([id, { step, asked }]) => {
            const app = appNamed(snapshot, id);
            return app === undefined || askedBy(app, step) === asked ? [] : [id];
          }),
        );
      }
      seeLabels(snapshot);
      if (entries.size === 0 && more.size === 0) return { snapshot, out: new Set() };
      const apps = new Map<AppId, App>();
      const out = new Set<AppId>();
      for (const [id, holding] of [...entries, ...more]) {
        const app = appNamed(snapshot, id);
        if (app === undefined) continue;
        if (holding.step === 'out') out.add(id);
        apps.set(id, forms.of(app, holding));
      }
      return { snapshot: withHeldApps(snapshot, apps), out };
    },
    isTrying: () => tried.size > 0,
    isDue: () => putOffUntil !== undefined && !isPutOff(),
    putOff() {
      putOffUntil = clock.now() + Math.min(LONGEST_PUT_OFF_MS, timings.suspectRetryMs * 2 ** putOffs);
      putOffs += 1;
      change((now) => {
        for (const [app, entry] of tried) now.set(app, entry);
      });
      tried.clear();
    },
    further(id, table, snapshot, before) {
      const app = appNamed(snapshot, id);
      if (app === undefined) return undefined;
      const held = before ?? entries.get(id);
      return nextHolding(app, held?.good ?? goodOf(id, table), held?.step);
    },
    isKnown(app) {
      if (tried.has(app.id)) return false;
      if (entries.has(app.id)) return true;
      const good = lastGood(app.id);
      return good !== undefined && definitionText(good) === definitionText(app);
    },
    add(culprits, snapshot) {
      const since = clock.now();
      const added = new Map<AppId, Quarantined>();
      for (const [id, culprit] of culprits) {
        const app = appNamed(snapshot, id);
        if (app === undefined) continue;
        const entry = quarantined(app, culprit, since);
        const before = entries.get(id) ?? tried.get(id);
        if (before?.asked !== entry.asked || before.step !== entry.step) emit(heldEvent(id, entry));
        added.set(id, entry);
        tried.delete(id);
      }
      if (added.size === 0) return;
      suspectsFrom = since + timings.suspectRetryMs;
      hold(added);
    },
    checked: accepts,
    accept(newest) {
      const gone = [...entries.keys()].filter((id) => appNamed(newest.snapshot, id) === undefined);
      leave(gone);
      for (const app of [...tried.keys(), ...gone]) {
        emit({ type: 'app-released', app });
        forms.forget(app);
      }
      if (tried.size > 0) putOffs = 0;
      tried.clear();
      accepts(newest);
    },
    accepted: () => accepted,
    remembers: () => accepted !== undefined || stored.size > 0,
    problems: () => [...entries].map(([app, entry]) => quarantineProblem(app, entry)),
    wake() {
      const at = nextTry(entries, suspectsFrom, timings.quarantineRetryMs);
      return at === undefined ? undefined : { at: (putOffUntil ?? at) as Instant, scope: [], reason: 'quarantine' };
    },
  };
}
