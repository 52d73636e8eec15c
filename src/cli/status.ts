import type { Command } from 'commander';
import type { ProblemView } from '../core/apps-view.ts';
import { formatDuration } from '../core/settings-kinds.ts';
import type { StatusView } from '../core/status-view.ts';
import { type AskAdmin, parseObject, replyFailure } from './admin-client.ts';
import { addClientOptions, withAdmin } from './client-command.ts';
import { type CliDeps, type EndWith, EXIT, type ExitCode } from './deps.ts';
import { textTable } from './text-table.ts';

const EXAMPLES = `
Examples:
  portolan status
  portolan status --json
  portolan status --quiet && echo this node may get traffic
  portolan status --admin http://127.0.0.1:9092`;

/** Longest wait (ms) for `--quiet`: less than the image's health check allows. */
const READY_WITHIN_MS = 3_000;

/** Problems listed below the table. */
const PROBLEMS_SHOWN = 10;

/** `portolan status`: is this node up to date? */
export function addStatusCommand(program: Command, deps: CliDeps, end: EndWith): void {
  const command = program
    .command('status')
    .summary('show whether this node is up to date')
    .description('Shows masters, event stream, ages, generations and HAProxy of a running Portolan.')
    .option('-q, --quiet', 'print nothing: exit code 0 when HAProxy serves and the node is ready, 1 otherwise')
    .addHelpText('after', EXAMPLES);
  addClientOptions(command, 'status').action((options: { readonly json?: true; readonly quiet?: true }) =>
    withAdmin('status', { ...options }, deps, end, async (ask) => {
      if (options.quiet) return isReady(ask);
      const reply = await ask('/v1/status');
      if (!reply.ok) return reply.failure;
      const { status, text } = reply.value;
      if (status !== 200) return replyFailure(reply.value);
      if (options.json) deps.out(`${text}\n`);
      else {
        const view = parseObject(text) as unknown as StatusView;
        deps.out(statusTable(view) + (view.problems === 0 ? '' : await problemsText(ask)));
      }
      return EXIT.ok;
    }),
  );
}

/** For health checks of containers: the same question as `/readyz`, which answers 503 while HAProxy does not serve. */
async function isReady(ask: AskAdmin): Promise<ExitCode> {
  const reply = await ask('/readyz', {}, { timeoutMs: READY_WITHIN_MS });
  return reply.ok && reply.value.status === 200 ? EXIT.ok : EXIT.failed;
}

function statusTable(view: StatusView): string {
  const degraded = view.degraded.length > 0 ? `, ${view.degraded.join(', ')}` : '';
  const state = view.ready ? `ready${degraded}` : `not ready: ${'because' in view ? view.because : ''}`;
  const rows: [string, string][] = [
    ['Portolan', `${view.version}, ${view.phase} for ${age(view.phaseForMs)}, since ${view.startedAt}`],
    ['State', `${state}${view.stale ? ' (stale)' : ''}`],
    ['Discovery', view.source.mode],
    ...view.source.masters.map((master): [string, string] => ['Master', masterText(master)]),
    ['Leader', view.source.leader ?? 'unknown'],
    ['Stream', streamText(view)],
    [
      'Snapshot',
      view.snapshot === undefined ? 'none yet' : `${view.snapshot.apps} apps, ${age(view.snapshot.ageMs)} old`,
    ],
    ['Generation', generationText(view)],
    ['HAProxy', haproxyText(view)],
    ['Problems', view.problems === 0 ? 'none' : String(view.problems)],
  ];
  if (view.guard !== undefined) {
    const { lost, of, until } = view.guard;
    rows.push(['Held', `${lost} of ${of} routes, which the newest answer lacks, serve on; until ${until} at least`]);
  }
  if (view.source.failing !== undefined) {
    const { kind, detail, forMs } = view.source.failing;
    rows.push(['Failing', `source for ${age(forMs)}: ${kind}: ${detail}`]);
  }
  if (view.applyFailing !== undefined)
    rows.push(['Failing', `${view.applyFailing.stage}: ${view.applyFailing.detail}`]);
  return textTable(['WHAT', 'HOW'], rows).split('\n').slice(1).join('\n');
}

function masterText(master: StatusView['source']['masters'][number]): string {
  if (master.outcome === 'not-asked') return `${master.endpoint} not needed so far`;
  return `${master.endpoint} ${master.outcome} ${age(master.ageMs)} ago, ${Math.round(master.tookMs)} ms`;
}

/** The problems that cost most; without an answer nothing, as their number was shown already. */
async function problemsText(ask: AskAdmin): Promise<string> {
  const reply = await ask('/v1/problems');
  if (!reply.ok || reply.value.status !== 200) return '';
  const problems = (parseObject(reply.value.text)['problems'] ?? []) as readonly ProblemView[];
  const shown = problems.slice(0, PROBLEMS_SHOWN).map(({ effect, message }) => [`  ${effect}`, message]);
  const more = problems.length - shown.length;
  const rest = more > 0 ? [['', `and ${more} more: GET /v1/problems of the admin API lists all`]] : [];
  return textTable(['', ''], [...shown, ...rest]);
}

function streamText({ stream }: StatusView): string {
  if (stream.attached && stream.endpoint !== undefined) {
    const deaf = stream.deaf === undefined ? '' : `; was deaf ${stream.deaf.times} times, last at ${stream.deaf.last}`;
    return `attached to ${stream.endpoint} for ${age(stream.attachedForMs ?? 0)}, last byte ${age(stream.lastByteAgeMs ?? 0)} ago${deaf}`;
  }
  return stream.lastLoss === undefined ? 'not attached' : `lost at ${stream.lastLoss.at}: ${stream.lastLoss.reason}`;
}

function generationText({ generation, converged }: StatusView): string {
  const running = `running ${generation.running ?? 'none'}`;
  return converged ? `${running}, as wanted` : `${running}, wanted ${generation.desired ?? 'not written yet'}`;
}

function haproxyText(view: StatusView): string {
  if (view.haproxyDown !== undefined) return `down for ${age(view.haproxyDown.forMs)}: ${view.haproxyDown.reason}`;
  const { haproxy } = view;
  if (haproxy === undefined) return 'not seen yet';
  const tier = haproxy.tier === undefined ? '' : `, tier ${haproxy.tier}`;
  return `${haproxy.version ?? 'unknown version'}, ${haproxy.mode}, worker ${haproxy.workerPid ?? '?'}, ${haproxy.oldWorkers} old workers${tier}`;
}

/** An age for people: seconds above one, else milliseconds. */
const age = (ms: number): string => formatDuration(ms < 1000 ? Math.round(ms) : Math.round(ms / 1000) * 1000);
