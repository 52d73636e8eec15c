import type { Instant } from '../core/app.ts';
import type { RenderedConfig } from '../core/config.ts';
import type { DaemonEventBody } from '../core/events.ts';
import { createHeldServices } from '../core/held-services.ts';
import { bindsText, type Listened, listenedOn, NOT_LISTENING } from '../core/listened.ts';
import { type BindTrial, type HeldListener, listenerProblem, reasonToHold } from '../core/listener.ts';
import type { Clock, Haproxy } from '../core/ports.ts';
import { rememberedLast } from '../core/remembered.ts';
import type { RoutingTable, ServiceFrontend } from '../core/routing.ts';
import { type BindAddress, formatBind, type Settings } from '../core/settings.ts';
import { listensNowhere, settingsWithout, type WantedBind, wantedBinds, wantsTheSame } from '../core/wanted-binds.ts';
import type { Keeper } from './keeper.ts';

/**
 * New addresses are tried before HAProxy is told: one that it cannot have would make it pause all others for 2 s (HAProxy 2.6 to
 * 3.2). What cannot be had is held back alone, and tried again; what is listened on already is never tried, and never held.
 */
export interface KeptListeners extends Required<Pick<Keeper, 'wake' | 'isDue' | 'problems' | 'tend'>> {
  /** The table without what has to wait for an address. */
  hold(table: RoutingTable): Promise<RoutingTable>;
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
  /** What the worker in charge read when it started, as far as it is known. */
  readonly loaded: () => RenderedConfig | undefined;
}

interface Held {
  /** HAProxy itself is in the way. */
  readonly yields: boolean;
  readonly listener: HeldListener;
  readonly tries: number;
  readonly retryAt: Instant;
}

/** From one attempt to the next, in ms; the last one repeats. */
const PAUSES = [1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000];

/** Nothing is held yet. */
export function createKeptListeners({ haproxy, clock, emit, settings, loaded }: Parts): KeptListeners {
  const held = new Map<string, Held>();
  let seen: { readonly services: readonly ServiceFrontend[]; readonly listened: Listened } | undefined;
  /** Some wanted addresses are free, and not loaded yet. */
  let pending = false;
  let told = '[]';
  let foreign = '[]';
  const listenedIn = rememberedLast((config: RenderedConfig | undefined) =>
    config === undefined ? NOT_LISTENING : listenedOn(config),
  );
  const reduced = rememberedLast((binds: string) => (binds === '' ? settings : settingsWithout(settings, heldBinds())));

  const reduce = createHeldServices();
  const servicesWithout = rememberedLast(
    (services: readonly ServiceFrontend[], _holds: string, listened: Listened): readonly ServiceFrontend[] =>
      reduce(services, { held, settings, listened }),
  );
  const tableWith = rememberedLast(
    (table: RoutingTable, services: readonly ServiceFrontend[]): RoutingTable => ({ ...table, services }),
  );
  const holdsText = (): string => [...held].map(([key, { yields }]) => `${key} ${yields}`).join();
  const heldBinds = (): readonly BindAddress[] => [...held.values()].map(({ listener }) => listener.bind);
  const first = (): Instant | undefined => {
    const times = [...held.values()].map(({ retryAt }) => retryAt);
    return times.length === 0 ? undefined : (Math.min(...times) as Instant);
  };
  const isDue = (): boolean => (first() ?? Number.POSITIVE_INFINITY) <= clock.now();
  const settingsNow = (): Settings => reduced(bindsText(heldBinds()));

  async function hold(table: RoutingTable): Promise<RoutingTable> {
    const listened = listenedIn(loaded());
    const { services } = table;
    const same = seen?.listened === listened && wantsTheSame(seen.services, services);
    if (!same || pending || isDue()) await review(services, listened);
    seen = { services, listened };
    return without(table);
  }

  function without(table: RoutingTable): RoutingTable {
    if (held.size === 0) return table;
    return tableWith(table, servicesWithout(table.services, holdsText(), listenedIn(loaded())));
  }

  async function review(services: readonly ServiceFrontend[], listened: Listened): Promise<void> {
    const missing = wantedBinds(services, settings).filter(({ bind }) => !listened.has(bind));
    const keys = new Set(missing.map(({ bind }) => formatBind(bind)));
    for (const key of held.keys()) if (!keys.has(key)) held.delete(key);
    const now = clock.now();
    const due = missing.filter(({ bind }) => (held.get(formatBind(bind))?.retryAt ?? now) <= now);
    const trials = due.length === 0 ? [] : await haproxy.tryBinds(due.map(({ bind }) => bind));
    for (const [at, wanted] of due.entries()) judge(wanted, trials[at], listened);
    pending = missing.length > held.size;
    tell();
  }

  function judge(wanted: WantedBind, trial: BindTrial | undefined, listened: Listened): void {
    const { bind, service, setting } = wanted;
    const key = formatBind(bind);
    const inTheWay = trial === undefined ? undefined : ownInTheWay(trial, listened);
    const why = inTheWay === undefined ? whyNot(wanted, trial) : `HAProxy gives up ${formatBind(inTheWay)} first`;
    const before = held.get(key);
    if (why === undefined) {
      held.delete(key);
      return;
    }
    const tries = (before?.tries ?? 0) + 1;
    const now = clock.now();
    const owner = service === undefined ? {} : { app: service.app, service: service.backend };
    const listener = {
      bind: { address: bind.address, port: bind.port },
      ...owner,
      since: before?.listener.since ?? now,
      why,
    };
    const pause = PAUSES[Math.min(tries, PAUSES.length) - 1] ?? 0;
    held.set(key, {
      listener: setting === undefined ? listener : { ...listener, setting },
      yields: inTheWay !== undefined,
      tries,
      retryAt: (now + pause) as Instant,
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

/** What HAProxy listens on already and has to give up, where that is why an address cannot be had. */
function ownInTheWay({ bind, outcome, holder }: BindTrial, listened: Listened): BindAddress | undefined {
  const other = outcome === 'ours' || outcome === 'untried' || (outcome === 'taken' && holder?.pid === undefined);
  return other ? listened.inTheWay(bind) : undefined;
}

/** Who sets up a machine may have reasons for a port that connections use, too. */
function whyNot({ setting }: WantedBind, trial: BindTrial | undefined): string | undefined {
  if (trial === undefined || (setting !== undefined && trial.outcome === 'ephemeral')) return undefined;
  return reasonToHold(trial);
}
