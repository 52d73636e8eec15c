import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Snapshot } from '../core/app.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { ChangeHint, Clock, Source, SourceFailure } from '../core/ports.ts';
import type { Checked } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { NO_LOOKUPS } from '../core/snapshot.ts';
import { NO_WITNESS } from '../core/trust.ts';
import { createAppsReader } from './apps-body.ts';
import { NO_MEMORY } from './apps-memory.ts';
import { createHintQueue } from './hint-queue.ts';
import type { NameResolver } from './names.ts';
import { stirs, type Watch, watchPaths } from './watch.ts';

/** What the file source touches. Times in milliseconds. */
export interface FileSourceParts {
  /** A saved answer to `GET /v2/apps?embed=apps.tasks`. */
  readonly path: string;
  readonly clock: Clock;
  readonly emit: (body: DaemonEventBody) => void;
  readonly names: NameResolver;
  readonly watch?: Watch;
  readonly debounceMs?: number;
  readonly recheckMs?: number;
}

/** Reads apps from a file, and hints when its content changes. A file that cannot be read whole is a failure. */
export function createFileSource(parts: FileSourceParts): Source {
  const { path, clock, names, watch = watchPaths, debounceMs = 250, recheckMs = 60_000 } = parts;
  let last: Snapshot | undefined;
  let memory = NO_MEMORY;

  async function snapshot(_scope: unknown, signal: AbortSignal): Promise<Result<Checked<Snapshot>, SourceFailure>> {
    const refuse = (detail: string) => fail({ kind: 'file-unreadable', endpoint: path, detail } as const);
    const reader = createAppsReader({ ...NO_LOOKUPS, address: names.address }, last, memory);
    try {
      for await (const piece of createReadStream(path)) await reader.write(piece as Buffer);
    } catch (error) {
      return refuse(error instanceof Error ? error.message : String(error));
    }
    const read = await reader.end();
    if (!read.ok) return refuse(read.failure.detail);
    await names.resolve(read.value.hosts, signal);
    const parsed = await read.value.finish(clock.now());
    last = parsed.value;
    memory = read.value.memory;
    return ok(parsed);
  }

  async function* changes(signal: AbortSignal): AsyncGenerator<ChangeHint, void, void> {
    const queue = createHintQueue(clock);
    const ended = new AbortController();
    const until = AbortSignal.any([signal, ended.signal]);
    const look = async () => {
      let seen = await digestOf(path);
      queue.push('all', 'start');
      for await (const _ of stirs({ folders: [dirname(path)], depth: 0, watch, clock, debounceMs, recheckMs }, until)) {
        const digest = await digestOf(path);
        if (digest === seen) continue;
        seen = digest;
        queue.push('all', 'file');
      }
    };
    const unsubscribe = names.onChange(() => queue.push('all', 'names'));
    const running = [look(), names.run(until)];
    try {
      yield* queue.take(signal);
    } finally {
      ended.abort();
      unsubscribe();
      await Promise.allSettled(running);
    }
  }

  // There is one file, and nobody else to ask.
  return { changes, snapshot, witness: async () => NO_WITNESS };
}

async function readText(path: string): Promise<Result<string, string>> {
  try {
    return ok(await readFile(path, 'utf8'));
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

async function digestOf(path: string): Promise<string> {
  const text = await readText(path);
  return text.ok ? createHash('sha256').update(text.value).digest('hex') : text.failure;
}
