import { type ChildProcess, spawn } from 'node:child_process';
import { open } from 'node:fs/promises';
import type { Generation } from '../core/config.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { BindAddress } from '../core/settings.ts';
import { unboundIn } from '../core/without-binds.ts';
import type { HaproxyContext, Spawned } from './context.ts';
import { parseDiagnostics } from './diagnostics.ts';
import { onDisk } from './durable-files.ts';
import { showProcesses } from './master.ts';
import { outputSince, outputSize } from './output-file.ts';
import { findByMasterSocket, signalAll } from './processes.ts';
import { clearServerState } from './server-state.ts';
import type { StartFailure } from './start-failure.ts';
import { probeWorker, type WorkerAnswer } from './worker-probe.ts';

/** Starts a master on whatever `current` leads to, unless it was spawned already, and waits for a worker with `generation`. */
export async function launch(
  context: HaproxyContext,
  generation: Generation,
  already?: Spawned,
): Promise<Result<WorkerAnswer, StartFailure>> {
  const { paths, timings, clock, ended } = context;
  const spawned = already === undefined ? await spawnMaster(context) : ok(already);
  if (!spawned.ok) return spawned;
  const { child, outputFrom, end } = spawned.value;
  const until = clock.now() + timings.start;
  while (clock.now() < until && !ended.aborted) {
    if (end.reason !== undefined) {
      const { detail, unbound } = await why(context, outputFrom, end.reason);
      return fail({ kind: 'start-failed', detail: `generation ${generation}: ${detail}`, unbound });
    }
    const worker = await probeWorker(paths.runtimeSocket, timings.answer);
    if (worker.ok && worker.value.generation === generation) {
      const master = await showProcesses(paths.masterSocket, timings.answer);
      if (master.ok && master.value.masterPid === child.pid && master.value.workerPid === worker.value.pid)
        return ok(worker.value);
    }
    await clock.sleep(timings.poll, ended);
  }
  if (ended.aborted) return fail({ kind: 'start-failed', detail: 'Portolan is ending' });
  await signalAll(await findByMasterSocket(paths.masterSocket), 'SIGKILL');
  return fail({
    kind: 'start-failed',
    detail: `generation ${generation}: no worker answered within ${timings.start} ms`,
  });
}

/** Spawns a master on whatever `current` leads to. It gets a session of its own and no pipe to us, so that it outlives Portolan. */
export async function spawnMaster(context: HaproxyContext): Promise<Result<Spawned, StartFailure>> {
  const { paths, environment } = context;
  const binary = await context.binary();
  if (!binary.ok) return fail({ kind: 'start-failed', detail: binary.failure.detail });
  await clearServerState(paths.serverState);
  const outputFrom = await outputSize(paths.output);
  // A full disk must not keep HAProxy from being started: then its output is lost.
  const output = await onDisk('open output', () => open(paths.output, 'a', 0o640));
  const out = output.ok ? output.value.fd : 'ignore';
  const child = spawn(
    binary.value.path,
    ['-W', '-S', `${paths.masterSocket},mode,600`, '-C', paths.current, '-f', 'haproxy.cfg'],
    { cwd: '/', env: { ...environment }, detached: true, stdio: ['ignore', out, out] },
  );
  const end = watchEnd(child);
  child.unref();
  context.spawned();
  if (output.ok) await output.value.close();
  return ok({ child, outputFrom, end });
}

function watchEnd(child: ChildProcess): { readonly reason: string | undefined } {
  const end: { reason: string | undefined } = { reason: undefined };
  child.once('error', (error) => {
    end.reason = error.message;
  });
  child.once('exit', (code, signal) => {
    end.reason ??= `HAProxy ended with ${signal ?? `code ${code}`}`;
  });
  return end;
}

async function why(
  context: HaproxyContext,
  outputFrom: number,
  reason: string,
): Promise<{ readonly detail: string; readonly unbound: readonly BindAddress[] }> {
  const said = parseDiagnostics(await outputSince(context.paths.output, outputFrom));
  const alerts = said.filter(({ severity }) => severity === 'alert').map(({ message }) => message);
  return { detail: alerts.length > 0 ? alerts.slice(0, 5).join('; ') : reason, unbound: unboundIn(said) };
}
