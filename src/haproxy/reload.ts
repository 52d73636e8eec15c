import type { Diagnostic, Generation } from '../core/config.ts';
import { ok, type Result } from '../core/result.ts';
import { ask, type CliFailure } from './cli-connection.ts';
import type { HaproxyContext } from './context.ts';
import { parseDiagnostics } from './diagnostics.ts';
import { type ProcessTable, type ReloadAnswer, sendReload, showProcesses } from './master.ts';
import { signalReload } from './master-signal.ts';
import { outputSince, outputSize } from './output-file.ts';
import { identify } from './processes.ts';
import { probeThroughMaster, probeWorker, type WorkerAnswer } from './worker-probe.ts';

/** How a reload ended, as seen from the worker that serves. */
export type ReloadOutcome =
  | { readonly is: 'confirmed'; readonly worker: WorkerAnswer }
  /** The master says it failed. The worker before serves on. */
  | { readonly is: 'failed'; readonly diagnostics: readonly Diagnostic[] }
  /** Nobody said anything until the deadline. */
  | { readonly is: 'unconfirmed'; readonly detail: string; readonly found?: Generation }
  | { readonly is: 'master-gone' };

/** A reload that 2.6 and 3.0 lose while they start is sent again; more often than this it is not lost but ignored. */
const MOST_SENDS = 4;

/** One reload command under way. */
interface Sent {
  reply?: Result<ReloadAnswer, CliFailure>;
  repliedAt: number;
}

/**
 * Tells the master to reload and waits until a fresh connection to the runtime socket proves that a worker in charge
 * runs `expected`. The answer of the master and its counters only tell when it failed or was lost.
 * @param before what the master said just before, or when it was last asked
 * @param notPid a worker that runs it already, and is to be replaced
 * @param how `signal`: its socket is gone, and comes back with the reload
 */
export async function reloadAndConfirm(
  context: HaproxyContext,
  expected: Generation,
  before: ProcessTable,
  how: 'socket' | 'signal' = 'socket',
  notPid?: number,
): Promise<ReloadOutcome> {
  const { clock, timings, paths, ended } = context;
  const limit = context.patience.limit();
  const until = clock.now() + limit;
  const outputFrom = await outputSize(paths.output);
  let sent = how === 'socket' ? send(context, until) : await signal(context, before);
  let sends = 1;
  let found: Generation | undefined;
  const isIt = ({ pid, generation, stopping }: WorkerAnswer): boolean =>
    generation === expected && !stopping && pid !== notPid;
  while (clock.now() < until && !ended.aborted) {
    const direct = await probeWorker(paths.runtimeSocket, timings.answer);
    const asked = sent.reply || (direct.ok ? isIt(direct.value) : direct.failure.kind === 'refused');
    const table = asked ? await showProcesses(paths.masterSocket, timings.answer) : undefined;
    const worker = await throughMaster(context, direct, table);
    if (worker.ok) found = worker.value.generation;
    const arrived = worker.ok && isIt(worker.value);
    // The old worker accepts for a moment longer than the new one begins to: the one in charge is who counts.
    if (arrived && table?.ok && table.value.workerPid === worker.value.pid)
      return { is: 'confirmed', worker: worker.value };
    if (table?.ok && !arrived) {
      const verdict = judge(sent, before, table.value);
      if (verdict === 'failed')
        return { is: 'failed', diagnostics: await whyFailed(context, sent, before, outputFrom) };
      if (verdict === 'no-effect' && clock.now() - sent.repliedAt >= timings.lost) {
        if (sends === MOST_SENDS) break;
        sent = send(context, until);
        sends += 1;
      }
    }
    if (table?.ok === false && (await masterEnded(context, before))) return { is: 'master-gone' };
    await clock.sleep(timings.poll, ended);
  }
  const took = clock.now() - (until - limit);
  const detail = `no worker was seen to run generation ${expected} within ${took} ms of ${sends} reload command(s)`;
  return { is: 'unconfirmed', detail, ...(found === undefined ? {} : { found }) };
}

function send(context: HaproxyContext, until: number): Sent {
  const { paths, clock, timings, ended } = context;
  const limits = { deadlineMs: until - clock.now(), refusedMs: timings.refused, pollMs: timings.poll };
  const sent: Sent = { repliedAt: 0 };
  void sendReload(paths.masterSocket, clock, limits, ended).then((reply) => {
    sent.reply = reply;
    sent.repliedAt = clock.now();
  });
  return sent;
}

/** By a signal: nobody answers, and the counters tell. */
async function signal(context: HaproxyContext, before: ProcessTable): Promise<Sent> {
  await signalReload(context, before.masterPid);
  return { reply: ok({ said: 'nothing' }), repliedAt: context.clock.now() };
}

/** The path of the worker's socket may be gone, which no reload brings back: its master knows it. */
async function throughMaster(
  { paths, timings }: HaproxyContext,
  direct: Result<WorkerAnswer, CliFailure>,
  table: Result<ProcessTable, CliFailure> | undefined,
): Promise<Result<WorkerAnswer, CliFailure>> {
  if (direct.ok || direct.failure.kind !== 'refused' || !table?.ok || table.value.workerPid === undefined)
    return direct;
  return probeThroughMaster(paths.masterSocket, table.value.workerPid, timings.answer);
}

/**
 * What the counters and the answer say together. The counter of reloads grows with every one that was begun. 2.6 does
 * not answer but counts failures in a row; 3.2 answers, stays at `[failed: 1]`, and also answers `Success=0` at once,
 * without effect, while another reload is going on.
 */
function judge(sent: Sent, before: ProcessTable, now: ProcessTable): 'failed' | 'no-effect' | 'waiting' {
  if (!sent.reply) return 'waiting';
  const begun = now.reloads > before.reloads;
  const saidFailure = sent.reply.ok && sent.reply.value.said === 'failure';
  if (begun) return saidFailure || now.failed > before.failed ? 'failed' : 'waiting';
  return 'no-effect';
}

async function masterEnded(context: HaproxyContext, before: ProcessTable): Promise<boolean> {
  // Of another container's master no process can be seen from here: its socket alone tells, and that may come back.
  return context.mode === 'managed' && (await identify(before.masterPid)) === undefined;
}

async function whyFailed(
  context: HaproxyContext,
  sent: Sent,
  before: ProcessTable,
  outputFrom: number,
): Promise<readonly Diagnostic[]> {
  const { paths, timings } = context;
  const answered = sent.reply?.ok && sent.reply.value.said !== 'nothing' ? sent.reply.value.log : '';
  const fromAnswer = alerts(answered);
  if (fromAnswer.length > 0) return fromAnswer;
  const logs = await ask(paths.masterSocket, 'show startup-logs', timings.answer);
  const fromLogs = alerts(logs.ok ? logs.value : '');
  if (fromLogs.length > 0) return fromLogs;
  // 2.6 has neither: its master reads the configuration itself and says what is wrong on its output, among the
  // messages of the worker that serves on.
  const output = await outputSince(paths.output, outputFrom);
  const ofMaster = output.split('\n').filter((line) => !line.startsWith('[') || line.includes(`(${before.masterPid})`));
  return alerts(ofMaster.join('\n'));
}

/** Everything that was said, if an alert is among it. */
function alerts(log: string): readonly Diagnostic[] {
  const said = parseDiagnostics(log);
  return said.some(({ severity }) => severity === 'alert') ? said : [];
}
