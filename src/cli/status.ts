import type { Command } from 'commander';
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
      deps.out(options.json ? `${text}\n` : statusTable(parseObject(text) as unknown as StatusView));
      return EXIT.ok;
    }),
  );
}

/** For health checks of containers: the same question as `/readyz`, which answers 503 while HAProxy does not serve. */
async function isReady(ask: AskAdmin): Promise<ExitCode> {
  const reply = await ask('/readyz', {}, READY_WITHIN_MS);
  return reply.ok && reply.value.status === 200 ? EXIT.ok : EXIT.failed;
}

function statusTable(view: StatusView): string {
  const degraded = view.degraded.length > 0 ? `, ${view.degraded.join(', ')}` : '';
  const state = view.ready ? `ready${degraded}` : `not ready: ${'because' in view ? view.because : ''}`;
  const rows: [string, string][] = [
    ['Portolan', `${view.version}, ${view.phase} for ${age(view.phaseForMs)}, since ${view.startedAt}`],
    ['State', `${state}${view.stale ? ' (stale)' : ''}`],
    ['Discovery', view.source.mode],
    ...view.source.masters.map((master): [string, string] => [
      'Master',
      `${master.endpoint} ${master.outcome} ${age(master.ageMs)} ago, ${Math.round(master.tookMs)} ms`,
    ]),
    ['Leader', view.source.leader ?? 'unknown'],
    ['Stream', streamText(view)],
    [
      'Snapshot',
      view.snapshot === undefined ? 'none yet' : `${view.snapshot.apps} apps, ${age(view.snapshot.ageMs)} old`,
    ],
    ['Generation', generationText(view)],
    ['HAProxy', haproxyText(view)],
    ['Problems', view.problems === 0 ? 'none' : `${view.problems}; see /v1/problems`],
  ];
  if (view.source.failing !== undefined) {
    const { kind, detail, forMs } = view.source.failing;
    rows.push(['Failing', `source for ${age(forMs)}: ${kind}: ${detail}`]);
  }
  if (view.applyFailing !== undefined)
    rows.push(['Failing', `${view.applyFailing.stage}: ${view.applyFailing.detail}`]);
  return textTable(['WHAT', 'HOW'], rows).split('\n').slice(1).join('\n');
}

function streamText({ stream }: StatusView): string {
  if (stream.attached && stream.endpoint !== undefined) {
    return `attached to ${stream.endpoint} for ${age(stream.attachedForMs ?? 0)}, last byte ${age(stream.lastByteAgeMs ?? 0)} ago`;
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
