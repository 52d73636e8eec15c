import { createHash, type Hash } from 'node:crypto';
import { readFile, rename } from 'node:fs/promises';
import { z } from 'zod';
import type { App, AppId } from '../core/app.ts';
import { difference } from '../core/difference.ts';
import { byText } from '../core/order.ts';
import type { Clock, GoodApps, SavedApps } from '../core/ports.ts';
import type { Quarantined } from '../core/quarantine.ts';
import { definitionText } from '../core/stand-in.ts';
import { againAfter, writeWhole } from './state-file.ts';

const SCHEMA = 1;
/** Stands before the digest of all that is before it. */
const SEAL = ',\n"sha256":"';

/** An app as it is written. */
type SavedApp = readonly [AppId, Omit<App, 'labels'> & { readonly labels: readonly (readonly [string, string])[] }];
type Loaded = Awaited<ReturnType<GoodApps['load']>>;

const id = z.string().transform((text) => text as AppId);
const text = z.string();
const number = z.number();

const savedRefusal = z.object({
  unread: z.literal(true).optional(),
  asked: text,
  since: number,
  message: text,
  label: text.optional(),
  value: text.optional(),
  suspected: z.int().min(1).optional(),
  step: z.enum(['definition', 'servers', 'out']),
});
const savedApps = z.object({
  schema: z.literal(SCHEMA),
  quarantined: z.array(z.tuple([id, savedRefusal])),
  /** As many as the cluster is large: the seal vouches for what they are. */
  apps: z.array(z.unknown()),
});

/** What keeping good definitions touches. */
export interface GoodAppsParts {
  readonly path: string;
  readonly clock: Clock;
  /** Hears why the disk did not take it. */
  readonly failed: (detail: string) => void;
  /** Hears that it did. */
  readonly worked?: () => void;
  /** Ends the attempts, and the pauses between two savings. */
  readonly signal: AbortSignal;
  /** Least milliseconds before and between looks at what changed. */
  readonly pauseMs?: number;
  /** Most milliseconds between two attempts. */
  readonly againMs?: number;
}

/** The pause after a saving is this many times as long as it took: all definitions are written. */
const PAUSE_FACTOR = 50;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Keeps the last good definition of every app in one JSON file with a digest, and the file before it beside: one that is damaged
 * counts as none, and then the other one counts. What the disk does not take is tried again until it does.
 */
export function createGoodAppsStore(parts: GoodAppsParts): GoodApps {
  const { path, clock, failed, signal, worked = () => undefined, pauseMs = 2_000, againMs = 10_000 } = parts;
  let newest: SavedApps | undefined;
  let written: SavedApps | undefined;
  let writing: Promise<void> = Promise.resolve();
  let busy = false;
  /** In a row. */
  let failures = 0;
  /** What is there now can be read. */
  let isWhole = false;

  /** A copy that can be read is not replaced by one that cannot. */
  const keepBefore = async (): Promise<void> => {
    if (isWhole) await rename(path, `${path}.1`).catch(() => undefined);
  };

  function write(): Promise<void> {
    writing = writing.then(async () => {
      const saved = newest;
      if (saved === undefined) return;
      newest = undefined;
      if (written !== undefined && sayTheSame(written, saved)) {
        written = saved;
        failures = 0;
        worked();
        return;
      }
      try {
        await writeWhole(path, pieces(saved), 0o640, keepBefore);
        isWhole = true;
        written = saved;
        failures = 0;
        worked();
      } catch (error) {
        newest ??= saved;
        failures += 1;
        failed(error instanceof Error ? error.message : String(error));
      }
    });
    return writing;
  }

  async function keepUp(): Promise<void> {
    busy = true;
    let pause = pauseMs;
    while (newest !== undefined && !signal.aborted) {
      await clock.sleep(pause, signal);
      const since = clock.now();
      await write();
      pause = Math.min(Math.max(pauseMs, PAUSE_FACTOR * (clock.now() - since)), LONGEST_PAUSE_MS);
      if (failures > 0) pause = againAfter(failures, pauseMs, againMs);
    }
    busy = false;
  }

  return {
    async load() {
      const now = await read(path);
      isWhole = now !== undefined;
      return now ?? (await read(`${path}.1`)) ?? { apps: new Map(), quarantined: new Map() };
    },
    save(saved) {
      newest = saved;
      if (!busy) void keepUp();
    },
    flush: write,
  };
}

/** The good definition of every app: of a quarantined one what stands in for it. */
function* goodApps({ apps, quarantined }: SavedApps): Generator<readonly [AppId, App]> {
  for (const app of apps) {
    const refused = quarantined.get(app.id);
    const good = refused === undefined ? app : refused.good;
    if (good !== undefined) yield [app.id, good];
  }
}

/** True when no definition differs, and nobody came into quarantine or out of it. */
function sayTheSame(before: SavedApps, after: SavedApps): boolean {
  if (before.quarantined !== after.quarantined) return false;
  if (before.apps === after.apps) return true;
  const { gone, came } = difference(before.apps, after.apps, (a, b) => byText(a.id, b.id));
  const were = new Map(gone.map((app) => [app.id, app]));
  return gone.length === came.length && came.every((app) => sameDefinition(were.get(app.id), app));
}

const sameDefinition = (a: App | undefined, b: App): boolean =>
  a !== undefined && definitionText(a) === definitionText(b) && a.configVersion === b.configVersion;

/** Apps that are made into text at one time: all at once would hold the event loop. */
const SLICE = 100;

function* pieces(saved: SavedApps): Generator<string> {
  const hash = createHash('sha256');
  const sealed = (piece: string): string => {
    hash.update(piece);
    return piece;
  };
  const refused = [...saved.quarantined].map(([app, { good: _, ...entry }]) => [app, entry]);
  yield sealed(`{"schema":${SCHEMA},"quarantined":${JSON.stringify(refused)},"apps":[`);
  let slice: string[] = [];
  let comma = '';
  for (const [app, good] of goodApps(saved)) {
    slice.push(JSON.stringify([app, { ...good, labels: [...good.labels], tasks: [], deployments: [] }]));
    if (slice.length < SLICE) continue;
    yield sealed(`${comma}\n${slice.join(',\n')}`);
    comma = ',';
    slice = [];
  }
  if (slice.length > 0) yield sealed(`${comma}\n${slice.join(',\n')}`);
  yield sealed(']');
  yield `${SEAL}${digestOf(hash)}"}\n`;
}

const digestOf = (hash: Hash): string => hash.digest('hex');

/** What a file holds; undefined where there is none, or not the whole of what was written. */
async function read(path: string): Promise<Loaded | undefined> {
  try {
    const content = await readFile(path, 'utf8');
    const end = content.lastIndexOf(SEAL);
    const digest = digestOf(createHash('sha256').update(content.slice(0, Math.max(0, end))));
    if (end < 0 || content.slice(end) !== `${SEAL}${digest}"}\n`) return undefined;
    const saved = savedApps.safeParse(JSON.parse(content));
    return saved.success ? loaded(saved.data) : undefined;
  } catch {
    return undefined;
  }
}

function loaded({ apps, quarantined }: z.infer<typeof savedApps>): Loaded {
  const good = new Map<AppId, App>();
  for (const [app, { labels, ...rest }] of apps as readonly SavedApp[])
    good.set(app, { ...rest, labels: new Map(labels) });
  return {
    apps: good,
    quarantined: new Map(
      quarantined.map(([app, entry]) => {
        const was = good.get(app);
        return [app, { ...entry, ...(was === undefined ? {} : { good: was }) } as Quarantined];
      }),
    ),
  };
}
