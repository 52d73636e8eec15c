import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Snapshot } from '../core/app.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { ChangeHint, Clock, Source, SourceFailure } from '../core/ports.ts';
import type { Checked } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { appList, keepIdentity, NO_LOOKUPS, parseSnapshot, wantedHosts } from '../core/snapshot.ts';
import { parseJson } from './answers.ts';
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

  async function snapshot(_scope: unknown, signal: AbortSignal): Promise<Result<Checked<Snapshot>, SourceFailure>> {
    const refuse = (detail: string) => fail({ kind: 'file-unreadable', endpoint: path, detail } as const);
    const text = await readText(path);
    if (!text.ok) return refuse(text.failure);
    const json = parseJson(text.value);
    if (!json.ok) return refuse(json.failure.detail);
    const list = appList(json.value);
    if (!list.ok) return refuse(list.failure.detail);
    await names.resolve(wantedHosts(list.value), signal);
    const parsed = parseSnapshot(list.value, clock.now(), { ...NO_LOOKUPS, address: names.address });
    if (!parsed.ok) return refuse(parsed.failure.detail);
    last = keepIdentity(last, parsed.value.value);
    return ok({ value: last, problems: parsed.value.problems });
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

  return { changes, snapshot };
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
