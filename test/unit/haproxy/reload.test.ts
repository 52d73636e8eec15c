import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { Generation } from '../../../src/core/config.ts';
import type { Clock } from '../../../src/core/ports.ts';
import type { HaproxyContext } from '../../../src/haproxy/context.ts';
import { createGenerations } from '../../../src/haproxy/generations.ts';
import { createHeadStart } from '../../../src/haproxy/head-start.ts';
import { showProcesses } from '../../../src/haproxy/master.ts';
import { type StatePaths, statePaths } from '../../../src/haproxy/paths.ts';
import { reloadAndConfirm } from '../../../src/haproxy/reload.ts';
import { createReloadPatience } from '../../../src/haproxy/reload-patience.ts';
import { DEFAULT_TIMINGS } from '../../../src/haproxy/timings.ts';
import { DEFAULT_ENVIRONMENT } from '../../../src/haproxy/version.ts';

const clock: Clock = {
  now: () => Date.now() as Instant,
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

/** What the played master and worker are like now. */
interface Played {
  reloads: number;
  failed: number;
  workerPid: number;
  generation: number;
  /** Answers of the next `reload` commands; each may change what is above. */
  readonly script: (() => string)[];
  asked: number;
}

describe('reloadAndConfirm, against a master that is played', () => {
  let root: string;
  let paths: StatePaths;
  let played: Played;
  let servers: Server[];

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'pt-'));
    paths = statePaths(root);
    await mkdir(paths.run);
    played = { reloads: 4, failed: 0, workerPid: 100, generation: 1, script: [], asked: 0 };
    servers = [];
    const own = () =>
      `PORTOLAN_GENERATION=${played.generation}\n\nVersion: 3.0.11\nPid: ${played.workerPid}\nStopping: 0\n`;
    await play(paths.masterSocket, (line) => {
      if (line === 'reload') {
        played.asked += 1;
        return played.script.shift()?.() ?? '';
      }
      if (line.startsWith(`@!${played.workerPid} `)) return own();
      if (line !== 'show proc') return 'Unknown command\n';
      const { reloads, failed, workerPid } = played;
      return `${process.pid} master ${reloads} [failed: ${failed}] 0d 3.0\n# workers\n${workerPid} worker 0 0d 3.0\n`;
    });
    await play(paths.runtimeSocket, own);
  });

  afterEach(async () => {
    for (const server of servers) await new Promise((resolve) => server.close(resolve));
    await rm(root, { recursive: true, force: true });
  });

  async function play(path: string, answer: (line: string) => string): Promise<void> {
    const server = createServer((socket) => {
      socket.setEncoding('utf8');
      socket.on('data', (line) => socket.end(answer(String(line).trim())));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(path, resolve));
  }

  async function run(reloadMs = 5_000) {
    const timings = { ...DEFAULT_TIMINGS, reload: reloadMs, lost: 100, poll: 5 };
    const context: HaproxyContext = {
      mode: 'managed',
      paths,
      clock,
      generations: createGenerations(paths, 3, clock),
      headStart: createHeadStart(),
      timings,
      patience: createReloadPatience(timings),
      environment: DEFAULT_ENVIRONMENT,
      emit: () => {},
      binary: async () => ({ ok: false, failure: { kind: 'missing', detail: '' } }),
      spawned: () => undefined,
      ended: new AbortController().signal,
    };
    const before = await showProcesses(paths.masterSocket, 1_000);
    if (!before.ok) throw new Error(before.failure.detail);
    return reloadAndConfirm(context, 2 as Generation, before.value);
  }

  const succeed = (): string => {
    played.reloads += 1;
    played.failed = 0;
    played.workerPid += 1;
    played.generation = 2;
    return 'Success=1\n--\n';
  };
  const refuse = (log: string) => (): string => {
    played.reloads += 1;
    played.failed += 1;
    return `Success=0\n--\n${log}`;
  };

  test('believes the worker', async () => {
    played.script.push(succeed);
    expect(await run()).toMatchObject({ is: 'confirmed', worker: { pid: 101, generation: 2 } });
    expect(played.asked).toBe(1);
  });

  test('sends a command again that had no effect: unanswered (2.6), or refused at once (3.2)', async () => {
    played.script.push(
      () => '',
      () => 'Success=0\n--\n',
      succeed,
    );
    expect(await run()).toMatchObject({ is: 'confirmed' });
    expect(played.asked).toBe(3);
  });

  test('does not send again what the counters show to have been tried', async () => {
    played.script.push(() => {
      played.reloads += 1;
      return '';
    });
    setTimeout(succeed, 600);
    expect(await run()).toMatchObject({ is: 'confirmed' });
    expect(played.asked).toBe(1);
  });

  test('gives up early on a master that ignores it: nothing else changes HAProxy meanwhile', async () => {
    const startedAt = Date.now();
    expect(await run(60_000)).toMatchObject({ is: 'unconfirmed', found: 1 });
    expect(played.asked).toBe(4);
    expect(Date.now() - startedAt).toBeLessThan(30_000);
  });

  test('finds the worker through its master when the path of its socket is gone', async () => {
    await rm(paths.runtimeSocket);
    played.script.push(succeed);
    expect(await run()).toMatchObject({ is: 'confirmed', worker: { pid: 101, generation: 2 } });
  });

  test('tells why it failed, by the answer', async () => {
    played.script.push(refuse('[ALERT]    (1) : config : parsing [haproxy.cfg:3] : no\n'));
    expect(await run()).toEqual({
      is: 'failed',
      diagnostics: [{ severity: 'alert', line: 3, message: 'parsing [haproxy.cfg:3] : no' }],
    });
  });

  test('sees a failure by the counter where there is no answer (2.6), also when failures are nothing new', async () => {
    played.failed = 2;
    played.script.push(() => {
      refuse('')();
      return '';
    });
    expect(await run()).toMatchObject({ is: 'failed' });
    expect(played.asked).toBe(1);
  });

  test('does not take the failure before for one of its own', async () => {
    played.failed = 1;
    played.script.push(() => {
      played.reloads += 1;
      return '';
    });
    setTimeout(succeed, 300);
    expect(await run()).toMatchObject({ is: 'confirmed' });
  });

  test('does not believe a success that no worker shows', async () => {
    played.script.push(() => {
      played.reloads += 1;
      return 'Success=1\n--\n';
    });
    expect(await run(500)).toMatchObject({ is: 'unconfirmed', found: 1 });
    expect(played.asked).toBe(1);
  });

  test('gives up on a master that ignores everything', async () => {
    expect(await run(1_500)).toMatchObject({ is: 'unconfirmed', found: 1 });
    expect(played.asked).toBe(4);
  });
});
