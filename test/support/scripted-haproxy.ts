import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Generation, RenderedConfig } from '../../src/core/config.ts';
import { converse } from './scripted-connection.ts';
import { type ScriptedWorker, startScriptedWorker } from './scripted-worker.ts';
import type { Fault, SocketFaults } from './socket-faults.ts';

/** A HAProxy that is played: workers that hold what they are told, behind a real socket where much goes wrong. */
export interface ScriptedHaproxy {
  readonly path: string;
  /** The worker in charge. */
  worker(): ScriptedWorker;
  /** What the worker in charge read when it started. */
  loaded(): RenderedConfig;
  /** A reload: a new worker with this configuration, under a new generation. The old one keeps its connections. */
  load(config: RenderedConfig): Generation;
  /** From now on lines meet faults, or none. */
  troubled(on: boolean): void;
  /** How often a worker took over that nobody asked for. */
  takeovers(): number;
  /** Lines that were carried out. */
  executed(): number;
  close(): Promise<void>;
}

/** What is played. */
export interface HaproxyScript {
  /** e.g. `2.6.12`. */
  readonly version: string;
  readonly faults: SocketFaults;
  /** A reply that is late comes after this. */
  readonly lateMs: number;
  /** The worker in charge carried out a line. */
  readonly onExecuted: (worker: ScriptedWorker, line: string) => void;
  /** Another worker is in charge. */
  readonly onStarted: (worker: ScriptedWorker, config: RenderedConfig) => void;
}

/** Starts it with a first configuration. */
export async function startScriptedHaproxy(script: HaproxyScript, first: RenderedConfig): Promise<ScriptedHaproxy> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-'));
  const path = join(folder, 's.sock');
  const hangUps = new Set<() => void>();
  let troubled = false;
  let executed = 0;
  let takeovers = 0;
  let pid = 40;
  let generation = 0;
  let before = first;
  let config = first;
  let current = start(first);

  function start(of: RenderedConfig): ScriptedWorker {
    pid += 1;
    const worker = startScriptedWorker(of, { pid, generation, version: script.version });
    script.onStarted(worker, of);
    return worker;
  }

  function load(next: RenderedConfig): Generation {
    current.stopping = true;
    generation += 1;
    before = config;
    config = next;
    current = start(next);
    return generation as Generation;
  }

  /** Somebody goes back to the configuration before, or the worker falls. */
  function replaceWorker(how: 'other-generation' | 'crash'): void {
    takeovers += 1;
    if (how === 'other-generation') {
      load(before);
      return;
    }
    for (const hangUp of [...hangUps]) hangUp();
    current = start(config);
  }

  const server = createServer((socket) => {
    const worker = current;
    const hangUp = (): void => void socket.destroy();
    hangUps.add(hangUp);
    socket.on('close', () => hangUps.delete(hangUp));
    converse(socket, worker, {
      lateMs: script.lateMs,
      random: script.faults.random,
      fault: (line): Fault | undefined => (troubled ? script.faults.next(line) : undefined),
      replaceWorker,
      onExecuted(line) {
        executed += 1;
        if (worker === current) script.onExecuted(worker, line);
      },
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));

  return {
    path,
    worker: () => current,
    loaded: () => config,
    load,
    troubled(on) {
      troubled = on;
    },
    takeovers: () => takeovers,
    executed: () => executed,
    close: async () => {
      for (const hangUp of [...hangUps]) hangUp();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
