import type { Instant } from '../core/app.ts';
import { heldListener, ownInTheWay, twinOf, whyNot } from '../core/bind-verdicts.ts';
import type { RenderedConfig } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import { createHeldServices } from '../core/held-services.ts';
import { bindsText, type Listened, listenedOn, NOT_LISTENING, rangePortsIn } from '../core/listened.ts';
import { type BindTrial, type HeldListener, listenerProblem, pauseAfter } from '../core/listener.ts';
import type { Clock, Haproxy } from '../core/ports.ts';
import { rememberedLast } from '../core/remembered.ts';
import type { RoutingTable, ServiceFrontend } from '../core/routing.ts';
import { type BindAddress, formatBind, type Settings } from '../core/settings.ts';
import {
  listensNowhere,
  settingsWithout,
  templateBinds,
  type WantedBind,
  wantedBinds,
  wantsTheSame,
} from '../core/wanted-binds.ts';
import type { Keeper } from './keeper.ts';

/**
 * New addresses are tried before HAProxy is told: one that it cannot have would make it pause all others for 2 s (HAProxy 2.6 to
 * 3.2). What cannot be had is held back alone, and tried again; what is listened on already is never tried, and never held.
 */
export interface KeptListeners extends Required<Pick<Keeper, 'wake' | 'isDue' | 'problems' | 'tend'>> {
  /** The table without what has to wait for an address. `fixed`: the sections that no app owns, by name. */
  hold(table: RoutingTable, fixed?: ReadonlyMap<string, string>): Promise<RoutingTable>;
  /** The same of another table, without trying anything. */
  without(table: RoutingTable): RoutingTable;
  /** The settings without addresses that have to wait; the same ones while the same are held. */
  settings(): Settings;
  /** When to try again, where HAProxy runs nothing yet and would listen nowhere. */
  nowhere(table: RoutingTable): Instant | undefined;
}

interface Parts {
  readonly haproxy: Pick<Haproxy, 'tryBinds' | 'foreignListeners'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly emit: (event: DaemonEventBody) => void;
  readonly settings: Settings;
  /** What the worker in charge read when it started, as far as it is known … */
  readonly loaded: () => RenderedConfig | undefined;
  /** … and what it runs, as last published: the socket has changed it since. */
  readonly published: () => RenderedConfig | undefined;
}

interface Held {
  /** HAProxy itself is in the way; `asLoaded`: by what it has loaded, and not only by a worker that ends. */
  readonly yields: boolean;
  readonly asLoaded: boolean;
  readonly listener: HeldListener;
  readonly tries: number;
  readonly retryAt: Instant;
}

const BY_OTHERS: Pick<Held, 'yields' | 'asLoaded'> = { yields: false, asLoaded: false };
const NO_SECTIONS: ReadonlyMap<string, string> = new Map();
/** An old worker gives its addresses up a moment after the new one serves. */
const MOST_YIELDS = 5;

/** Nothing is held yet. */
export function createKeptListeners({ haproxy, clock, emit, settings, loaded, published }: Parts): KeptListeners {
  const held = new Map<string, Held>();
  let seen:
    | {
        readonly services: readonly ServiceFrontend[];
        readonly listened: Listened;
        readonly taken: readonly BindAddress[];
      }
    | undefined;
  /** Some wanted addresses are free, and not loaded yet. */
  let pending = false;
  /** What `hold` has let through. */
  let last: readonly ServiceFrontend[] | undefined;
  let told = '[]';
  let foreign = '[]';
  const listenedIn = rememberedLast((config: RenderedConfig | undefined) =>
    config === undefined ? NOT_LISTENING : listenedOn(config),
  );
  const takenBy = rememberedLast((fixed: ReadonlyMap<string, string>) => templateBinds(fixed.values(), settings));
  const reduced = rememberedLast((binds: string) => (binds === '' ? settings : settingsWithout(settings, heldBinds())));

  const rangePorts = (): ReadonlyMap<string, readonly number[]> => {
    const config = published();
    return config === undefined ? new Map() : rangePortsIn(config);
  };
  const reduce = createHeldServices();
  const servicesWithout = rememberedLast(
    (services: readonly ServiceFrontend[], _holds: string, listened: Listened): readonly ServiceFrontend[] =>
      reduce(services, { held, settings, listened, rangePorts, ...(last === undefined ? {} : { last }) }),
  );
  const tableWith = rememberedLast(
    (table: RoutingTable, services: readonly ServiceFrontend[]): RoutingTable => ({ ...table, services }),
  );
  const holdsText = (): string => [...held].map(([key, { yields }]) => `${key} ${yields}`).join();
  const heldBinds = (): readonly BindAddress[] => [...held.values()].map(({ listener }) => listener.bind);
  const first = (): Instant | undefined => {
    if (held.size === 0) return undefined;
    const listened = listenedIn(loaded());
    return Math.min(...[...held.values()].map((one) => dueAt(one, listened))) as Instant;
  };
  const isDue = (): boolean => (first() ?? Number.POSITIVE_INFINITY) <= clock.now();
  const settingsNow = (): Settings => reduced(bindsText(heldBinds()));

  async function hold(table: RoutingTable, fixed = NO_SECTIONS): Promise<RoutingTable> {
    const listened = listenedIn(loaded());
    const taken = takenBy(fixed);
    const { services } = table;
    const same =
      seen?.listened === listened &&
      bindsText(seen.taken) === bindsText(taken) &&
      wantsTheSame(seen.services, services);
    if (!same || pending || isDue() || isForOthers(services)) await review(services, listened, taken);
    seen = { services, listened, taken };
    const left = without(table);
    last = left.services;
    return left;
  }

  /** A held port of the range is another service's now: which one waits for it has to be told. */
  function isForOthers(services: readonly ServiceFrontend[]): boolean {
    if (seen?.services === services) return false;
    const ofRange = [...held.values()].filter(({ listener }) => listener.setting === 'service-port-range');
    if (ofRange.length === 0) return false;
    const ports = new Map(
      services.flatMap(({ inRange, binds, name }) => (inRange ? binds.map((b) => [b.port, name]) : [])),
    );
    return ofRange.some(({ listener }) => ports.get(listener.bind.port) !== listener.service);
  }

  function without(table: RoutingTable): RoutingTable {
    if (held.size === 0) return table;
    return tableWith(table, servicesWithout(table.services, holdsText(), listenedIn(loaded())));
  }

  async function review(
    services: readonly ServiceFrontend[],
    listened: Listened,
    taken: readonly BindAddress[],
  ): Promise<void> {
    const missing = wantedBinds(services, settings).filter(
      (wanted) => !listened.has(wanted.bind) || twinOf(wanted, listened, taken) !== undefined,
    );
    const keys = new Set(missing.map(({ bind }) => formatBind(bind)));
    for (const key of held.keys()) if (!keys.has(key)) held.delete(key);
    for (const wanted of missing) {
      const before = held.get(formatBind(wanted.bind));
      if (before === undefined) continue;
      const { since, why } = before.listener;
      held.set(formatBind(wanted.bind), { ...before, listener: heldListener(wanted, since, why) });
    }
    const now = clock.now();
    const due = missing.filter(({ bind }) => {
      const before = held.get(formatBind(bind));
      return before === undefined || dueAt(before, listened) <= now;
    });
    const free = due.filter((wanted) => {
      const twin = twinOf(wanted, listened, taken);
      if (twin !== undefined) holdBack(wanted, `the templates listen on ${formatBind(twin)}`);
      return twin === undefined;
    });
    const trials = free.length === 0 ? [] : await haproxy.tryBinds(free.map(({ bind }) => bind));
    for (const [at, wanted] of free.entries()) judge(wanted, trials[at], listened);
    pending = missing.length > held.size;
    tell();
  }

  function judge(wanted: WantedBind, trial: BindTrial | undefined, listened: Listened): void {
    const { bind } = wanted;
    const before = held.get(formatBind(bind));
    const inTheWay = trial === undefined ? undefined : ownInTheWay(trial, listened);
    const late = before?.yields === true && before.tries < MOST_YIELDS && trial?.outcome === 'ours';
    const why = inTheWay !== undefined || late ? undefined : whyNot(wanted, trial);
    if (inTheWay !== undefined || late)
      holdBack(wanted, `HAProxy gives up ${formatBind(inTheWay ?? bind)} first`, {
        yields: true,
        asLoaded: inTheWay !== undefined,
      });
    else if (why !== undefined) holdBack(wanted, why);
    else held.delete(formatBind(bind));
  }

  function holdBack(wanted: WantedBind, why: string, by = BY_OTHERS): void {
    const key = formatBind(wanted.bind);
    const before = held.get(key);
    const tries = (before?.tries ?? 0) + 1;
    const now = clock.now();
    held.set(key, {
      listener: heldListener(wanted, before?.listener.since ?? now, why),
      ...by,
      tries,
      retryAt: (now + pauseAfter(tries)) as Instant,
    });
  }

  function tell(): void {
    const now = [...held.values()].map(({ listener }) => listener);
    const text = JSON.stringify(now);
    if (text !== told) emit({ type: 'listeners-held', held: now });
    told = text;
  }

  return {
    hold,
    without,
    settings: settingsNow,
    nowhere: (table) =>
      loaded() === undefined && held.size > 0 && listensNowhere(table.services, settingsNow()) ? first() : undefined,
    wake() {
      const at = first();
      return at === undefined ? undefined : { at, scope: [], reason: 'listener' };
    },
    isDue,
    problems: () => [...held.values()].map(({ listener }) => listenerProblem(listener)),
    async tend() {
      const found = await haproxy.foreignListeners(listenedIn(loaded()).all());
      const text = JSON.stringify(found);
      if (text !== foreign) emit({ type: 'foreign-listeners', found });
      foreign = text;
    },
  };
}

/** When its pause is over; what waits for HAProxy to give up an address, as soon as it has loaded something else. */
const dueAt = ({ asLoaded, listener, retryAt }: Held, listened: Listened): Instant =>
  asLoaded && listened.inTheWay(listener.bind) === undefined ? (0 as Instant) : retryAt;
