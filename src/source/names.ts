import { lookup as systemLookup } from 'node:dns/promises';
import type { DaemonEventBody } from '../core/events.ts';
import { parseAddress } from '../core/host.ts';
import { isRecord, recordAt, textAt } from '../core/json.ts';
import type { Clock } from '../core/ports.ts';
import { printable } from '../core/problem.ts';
import { inParallel } from './in-parallel.ts';
import { readJson, writeWhole } from './state-file.ts';

/** All addresses of a host name; throws where there are none. */
export type HostLookup = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** What the operating system says, `/etc/hosts` included. */
export const lookupHost: HostLookup = (host) => systemLookup(host, { all: true });

/** Agents' names and their addresses. An answer once had is kept for ever; only a new answer replaces it. */
export interface NameResolver {
  /** Asks for those that are not known, for at most the deadline. Never fails; what is not known stays so. */
  resolve(hosts: readonly string[], signal: AbortSignal): Promise<void>;
  /** The last known address of a name; an address is its own. */
  address(host: string): string | undefined;
  /** Calls back when an address became known or changed outside of `resolve`. Gives the way to end that. */
  onChange(listener: () => void): () => void;
  /** Asks again for all wanted names every 30 s, until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

/** What resolving touches. `file` keeps the answers between lives. Times in milliseconds. */
export interface NameResolverParts {
  readonly lookup: HostLookup;
  readonly clock: Clock;
  readonly file: string;
  readonly emit: (body: DaemonEventBody) => void;
  readonly deadlineMs?: number;
  readonly refreshMs?: number;
}

const SCHEMA = 1;
const WIDTH = 16;
/** Names kept, the ones wanted last: clusters that grow and shrink make new names for ever. */
const KEPT = 10_000;

/** Makes a resolver with the answers of its former life. */
export async function createNameResolver(parts: NameResolverParts): Promise<NameResolver> {
  const { clock, file, deadlineMs = 2_000, refreshMs = 30_000 } = parts;
  const saved = await loadNames(file);
  const known = saved.names;
  const wanted = new Map<string, { askedAt: number; failing?: string }>();
  const asking = new Map<string, Promise<boolean>>();
  const listeners = new Set<() => void>();
  let saving: Promise<void> = Promise.resolve();

  /** Asks for one name. True when its address is another one now. */
  const ask = (host: string): Promise<boolean> => {
    const running = asking.get(host);
    if (running !== undefined) return running;
    const entry = wanted.get(host) ?? { askedAt: 0 };
    wanted.set(host, entry);
    entry.askedAt = clock.now();
    const answer = askOnce(parts, host, refreshMs).then((found) => {
      asking.delete(host);
      if (found.address === undefined) {
        if (entry.failing !== found.reason) parts.emit({ type: 'host-unresolvable', host, reason: found.reason });
        entry.failing = found.reason;
        return false;
      }
      delete entry.failing;
      if (known.get(host) === found.address) return false;
      known.set(host, found.address);
      return true;
    });
    asking.set(host, answer);
    return answer;
  };

  const save = () => {
    if (!saved.writable) return;
    saving = saving.then(() => saveNames(file, known, wanted)).catch(() => undefined);
  };

  const changedLater = () => {
    save();
    for (const listener of listeners) listener();
  };

  return {
    async resolve(hosts, signal) {
      const due = (host: string) => clock.now() - (wanted.get(host)?.askedAt ?? Number.NEGATIVE_INFINITY) >= refreshMs;
      for (const host of hosts) if (!wanted.has(host) && known.has(host)) wanted.set(host, { askedAt: 0 });
      const missing = hosts.filter((host) => parseAddress(host) === undefined && !known.has(host) && due(host));
      if (missing.length === 0) return;
      const timer = new AbortController();
      let late = false;
      const answers = inParallel(missing, WIDTH, async (host) => {
        if (!(await ask(host))) return;
        if (late) changedLater();
        else save();
      });
      await Promise.race([answers, clock.sleep(deadlineMs, AbortSignal.any([signal, timer.signal]))]);
      late = true;
      timer.abort();
    },
    address: (host) => parseAddress(host) ?? known.get(host),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(refreshMs, signal);
        if (signal.aborted) break;
        const changes = await inParallel([...wanted.keys()], WIDTH, ask);
        if (changes.includes(true)) changedLater();
      }
      await saving;
    },
  };
}

type Found = { readonly address: string } | { readonly address?: never; readonly reason: string };

async function askOnce({ lookup, clock }: NameResolverParts, host: string, limitMs: number): Promise<Found> {
  const timer = new AbortController();
  const tooLate = clock.sleep(limitMs, timer.signal).then((): Found => ({ reason: 'no answer' }));
  const asked = lookup(host).then(
    (addresses): Found => {
      const usable = [...addresses]
        .sort((a, b) => a.family - b.family)
        .flatMap(({ address }) => parseAddress(address) ?? []);
      const [first] = usable;
      return first === undefined ? { reason: 'no usable address' } : { address: first };
    },
    (error: unknown): Found => ({ reason: printable(error instanceof Error ? error.message : String(error), 200) }),
  );
  const found = await Promise.race([asked, tooLate]);
  timer.abort();
  return found;
}

/** Reads the file. One of a newer schema is used as far as it is understood, and never rewritten. */
async function loadNames(file: string): Promise<{ names: Map<string, string>; writable: boolean }> {
  const json = await readJson(file);
  const names = new Map<string, string>();
  if (!isRecord(json)) return { names, writable: true };
  const table = recordAt(json, 'names');
  for (const host of Object.keys(table)) {
    const address = parseAddress(textAt(table, host));
    if (address !== undefined) names.set(host, address);
  }
  const schema = json['schema'];
  return { names, writable: typeof schema !== 'number' || schema <= SCHEMA };
}

async function saveNames(
  file: string,
  known: Map<string, string>,
  wanted: ReadonlyMap<string, unknown>,
): Promise<void> {
  for (const host of [...known.keys()]) {
    if (known.size <= KEPT) break;
    if (!wanted.has(host)) known.delete(host);
  }
  const sorted = [...known].sort(([a], [b]) => (a < b ? -1 : 1));
  await writeWhole(file, `${JSON.stringify({ schema: SCHEMA, names: Object.fromEntries(sorted) }, null, 1)}\n`);
}
