import { mkdir, readdir, readlink, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Instant } from '../core/app.ts';
import type { Generation, RenderedConfig } from '../core/config.ts';
import { eachOwner, filePieces } from '../core/lazy-config.ts';
import type { Clock, GenerationInfo } from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';
import {
  type DiskFailure,
  ensureDirectory,
  onDisk,
  replaceFile,
  swapSymlink,
  syncDirectory,
  writeSynced,
} from './durable-files.ts';
import { stamped, writeFiles } from './generation-files.ts';
import { describeGeneration, MANIFEST_NAME, type Manifest } from './manifest.ts';
import { OWNERS_NAME, ownerLines } from './owners-file.ts';
import type { StatePaths } from './paths.ts';
import {
  configOf,
  isFinished,
  readManifest,
  readStored,
  readVerified,
  type StoredGeneration,
  type Unreadable,
} from './stored-generation.ts';

/** The configurations on disk and the two symlinks that say which of them counts. */
export interface Generations {
  /** Makes the directories and clears away what a crash left half-written. */
  open(): Promise<Result<void, DiskFailure>>;
  /** Writes a configuration as a candidate, complete and on the disk when this returns. */
  write(config: RenderedConfig, why: string): Promise<Result<Generation, DiskFailure>>;
  /** Where a generation's files are. */
  folder(generation: Generation): string;
  /** Reads a generation back, verified. */
  read(generation: Generation): Promise<StoredGeneration>;
  /** The configuration of a generation: remembered where it was written in this life, else read back. */
  config(generation: Generation): Promise<Result<RenderedConfig, Unreadable>>;
  /** Notes what became of a generation. Only a note: a disk that refuses it changes nothing. */
  mark(generation: Generation, state: Manifest['state']): Promise<void>;
  /** Makes a generation the one that HAProxy reads next (`current`), or the one to return to; `undefined`: none. */
  point(link: 'current' | 'last-good', generation: Generation | undefined): Promise<Result<void, DiskFailure>>;
  /**
   * Notes that a worker was seen to run this generation: it becomes `current` and `last-good`, and what is beyond the
   * number to keep is removed. A disk that refuses any of it changes nothing for those who are served.
   */
  confirm(generation: Generation): Promise<void>;
  /**
   * Publishes a valid candidate that says what the worker of `running` was brought to over its socket: the next start begins
   * there, without a reload now.
   */
  follow(candidate: Generation, running: Generation): Promise<Result<void, DiskFailure>>;
  /** The configuration that was published as what a worker was brought to; undefined: that worker runs what it has loaded. */
  following(running: Generation): Promise<RenderedConfig | undefined>;
  /** Where the symlinks lead. */
  pointers(): Promise<{ readonly current: Generation | undefined; readonly lastGood: Generation | undefined }>;
  /** What HAProxy may be started with, best first: current, last good, then older ones that were once published. */
  startOrder(): AsyncGenerator<Generation, void, void>;
  /** Everything that can be told of the generations on disk, newest first. */
  list(running: Generation | undefined): Promise<readonly GenerationInfo[]>;
  /** Numbers given from now on are higher than this one, e.g. one that a worker runs and the disk does not know. */
  growBeyond(generation: Generation): void;
}

/** Opens nothing yet: see `open`. */
export function createGenerations(paths: StatePaths, keep: number, clock: Clock): Generations {
  let highest = 0;
  /** What was written or read in this life. Files of a generation are never changed. */
  const known = new Map<Generation, RenderedConfig>();
  const folder = (generation: Generation): string => join(paths.generations, String(generation));

  async function numbers(): Promise<readonly Generation[]> {
    const listed = await onDisk('list generations', () => readdir(paths.generations));
    const found = (listed.ok ? listed.value : []).filter((name) => /^[1-9]\d{0,14}$/.test(name)).map(Number);
    highest = Math.max(highest, ...found);
    return found.sort((a, b) => b - a) as Generation[];
  }

  async function targetOf(link: string): Promise<Generation | undefined> {
    const target = await onDisk('read symlink', () => readlink(link));
    const number = target.ok ? Number(basename(target.value)) : Number.NaN;
    return Number.isSafeInteger(number) && number > 0 ? (number as Generation) : undefined;
  }

  async function pointers(): Promise<{ current: Generation | undefined; lastGood: Generation | undefined }> {
    return { current: await targetOf(paths.current), lastGood: await targetOf(paths.lastGood) };
  }

  async function clearUnfinished(): Promise<void> {
    const { current, lastGood } = await pointers();
    const all = await numbers();
    for (const number of all) {
      if (number === current || number === lastGood || (await isFinished(folder(number)))) continue;
      await rm(folder(number), { recursive: true, force: true });
      // The newest leaves an empty folder behind: its number stays taken, or a later one could get it again.
      if (number === all[0]) await mkdir(folder(number), { mode: 0o750 });
    }
  }

  async function write(config: RenderedConfig, why: string): Promise<Result<Generation, DiskFailure>> {
    await numbers();
    highest += 1;
    const generation = highest as Generation;
    const home = folder(generation);
    const files = new Map(filePieces(config));
    files.set('haproxy.cfg', stamped(files.get('haproxy.cfg') ?? [], generation));
    const written = await onDisk(`write generation ${generation}`, async () => {
      await ensureDirectory(paths.generations);
      await mkdir(home, { mode: 0o750 });
      const digests = await writeFiles(home, files);
      const owners = await writeSynced(join(home, OWNERS_NAME), ownerLines(eachOwner(config)));
      const { digest } = config;
      const manifest = describeGeneration(generation, { digest, why, writtenAt: clock.now(), owners }, digests);
      await writeSynced(join(home, MANIFEST_NAME), JSON.stringify(manifest, undefined, 1));
      await syncDirectory(home);
      await syncDirectory(paths.generations);
    });
    if (written.ok) {
      known.set(generation, config);
      return ok(generation);
    }
    await onDisk('clear away', () => rm(home, { recursive: true, force: true }));
    return written;
  }

  async function mark(generation: Generation, state: Manifest['state']): Promise<void> {
    const manifest = await readManifest(folder(generation));
    if (!manifest || manifest.state === state) return;
    const text = JSON.stringify({ ...manifest, state }, undefined, 1);
    await onDisk('mark generation', () => replaceFile(join(folder(generation), MANIFEST_NAME), text));
  }

  async function* startOrder(): AsyncGenerator<Generation, void, void> {
    const { current, lastGood } = await pointers();
    for (const number of new Set([current, lastGood, ...(await numbers())])) {
      if (number === undefined) continue;
      const stored = await readVerified(folder(number));
      const pointed = number === current || number === lastGood;
      if (stored.is === 'newer' && pointed) yield number;
      if (stored.is === 'whole' && (pointed || stored.manifest.state === 'published')) yield number;
    }
  }

  async function list(running: Generation | undefined): Promise<readonly GenerationInfo[]> {
    const infos: GenerationInfo[] = [];
    for (const generation of await numbers()) {
      const manifest = await readManifest(folder(generation));
      if (!manifest) continue;
      const { writtenAt, why, digest } = manifest;
      const state = generation === running ? 'running' : manifest.state;
      infos.push({ generation, writtenAt: writtenAt as Instant, why, state, digest });
    }
    return infos;
  }

  async function prune(running: Generation): Promise<void> {
    const { current, lastGood } = await pointers();
    const all = await numbers();
    // The newest stays whatever it is, so that its number stays taken.
    const pointed = new Set<Generation | undefined>([current, lastGood, running, all[0]]);
    const kept = new Set(pointed);
    let published = 0;
    let unpublished = 0;
    for (const number of all) {
      const stored = await readManifest(folder(number));
      if (stored?.state === 'published' && published < keep) kept.add(number);
      if (stored && stored.state !== 'published' && unpublished < 1) kept.add(number);
      if (stored?.state === 'published') published += 1;
      else if (stored) unpublished += 1;
      else if ((await readVerified(folder(number))).is === 'newer') kept.add(number);
    }
    for (const number of known.keys()) if (!pointed.has(number)) known.delete(number);
    for (const number of all.filter((each) => !kept.has(each)))
      await onDisk('remove generation', () => rm(folder(number), { recursive: true, force: true }));
  }

  function point(
    link: 'current' | 'last-good',
    generation: Generation | undefined,
  ): Promise<Result<void, DiskFailure>> {
    const path = link === 'current' ? paths.current : paths.lastGood;
    return onDisk(`point ${link} to ${generation ?? 'nothing'}`, () =>
      generation === undefined ? rm(path, { force: true }) : swapSymlink(path, join('generations', String(generation))),
    );
  }

  async function confirm(generation: Generation): Promise<void> {
    const { current, lastGood } = await pointers();
    if (current !== generation) await point('current', generation);
    if (lastGood !== generation) await point('last-good', generation);
    await mark(generation, 'published');
    await prune(generation);
  }

  async function follow(candidate: Generation, running: Generation): Promise<Result<void, DiskFailure>> {
    const manifest = await readManifest(folder(candidate));
    if (manifest === undefined) return fail({ kind: 'disk', detail: `generation ${candidate} has lost its manifest` });
    const text = JSON.stringify({ ...manifest, state: 'published', follows: running }, undefined, 1);
    const marked = await onDisk('mark generation', () => replaceFile(join(folder(candidate), MANIFEST_NAME), text));
    const pointed = marked.ok ? await point('current', candidate) : marked;
    if (pointed.ok) await point('last-good', candidate);
    if (pointed.ok) await prune(running);
    return pointed;
  }

  async function config(generation: Generation): Promise<Result<RenderedConfig, Unreadable>> {
    const remembered = known.get(generation);
    if (remembered !== undefined) return ok(remembered);
    const stored = await readStored(folder(generation));
    if (stored.is !== 'whole') return fail(stored);
    const read = configOf(stored);
    known.set(generation, read);
    return ok(read);
  }

  async function following(running: Generation): Promise<RenderedConfig | undefined> {
    const { current } = await pointers();
    if (current === undefined || current <= running) return undefined;
    if ((await readManifest(folder(current)))?.follows !== running) return undefined;
    const followed = await config(current);
    return followed.ok ? followed.value : undefined;
  }

  return {
    folder,
    write,
    follow,
    following,
    mark,
    pointers,
    startOrder,
    list,
    read: (generation) => readStored(folder(generation)),
    config,
    point,
    confirm,
    growBeyond: (generation) => {
      highest = Math.max(highest, generation);
    },
    open: () =>
      onDisk('open the state directory', async () => {
        for (const path of [paths.root, paths.generations, paths.run]) await ensureDirectory(path);
        await clearUnfinished();
      }),
  };
}
