import type { DaemonEvent } from '../core/events.ts';
import { printable } from '../core/problem.ts';
import { formatReason, mainWord } from '../core/reload-reason.ts';
import { rememberedLast } from '../core/remembered.ts';
import { unreachable } from '../core/result.ts';
import { describeDisk } from './describe-disk.ts';
import { describeGuard } from './describe-guard.ts';
import { describeHaproxy } from './describe-haproxy.ts';
import { describeListeners } from './describe-listeners.ts';
import { describeOutside } from './describe-outside.ts';
import { describeOwners } from './describe-owners.ts';
import { describeQuarantine } from './describe-quarantine.ts';
import { appsField, counted, type Description, line, MOST_SHOWN, round, scopeField } from './event-line.ts';
import { redact, redactDeep } from './redact.ts';

/** What an event means, in words. */
export const describeEvent = rememberedLast((event: DaemonEvent): Description => {
  const raw = describe(event);
  return {
    level: raw.level,
    keep: raw.keep,
    // Most events are neither logged nor kept, and secrets are looked for in every word.
    get message() {
      return printable(redact(raw.message), 2000);
    },
    get fields() {
      return redactDeep(raw.fields) as Description['fields'];
    },
  };
});

/** Of a type that is never more than a debug line, and so frequent that it is not worth a description where nobody wants those. */
export const isDetail = (event: DaemonEvent): boolean => event.type === 'marathon-event';

function describe(event: DaemonEvent): Description {
  switch (event.type) {
    case 'started':
      return line('info', `Portolan ${event.version} started`, { haproxy: event.haproxy });
    case 'stopping':
      return line('info', `stopping; HAProxy ${event.onStop === 'keep' ? 'serves on' : 'drains'}`, {
        onStop: event.onStop,
      });
    case 'pass-started':
      return line('debug', `pass started: ${event.cause.reasons.join(', ')}`, { cause: event.cause });
    case 'snapshot-taken':
      return line('debug', `read ${counted(event.snapshot.apps.length, 'app')} in ${round(event.ms)} ms`, {
        scope: scopeField(event.scope),
        ms: round(event.ms),
      });
    case 'health-forgotten':
      return line(
        'warn',
        `the health of ${event.tasks} of ${counted(event.of, 'task')} is unknown at once, as after a change of leader: what was known of them counts on`,
        { tasks: event.tasks, of: event.of },
      );
    case 'snapshot-failed': {
      const { endpoint, kind, detail } = event.failure;
      return line('warn', `cannot read ${endpoint}: ${kind}: ${detail}; what worked last serves on`, {
        endpoint,
        kind,
      });
    }
    case 'table-built':
      return line(
        'debug',
        [
          counted(event.table.routes.length, 'route'),
          counted(event.table.backends.length, 'backend'),
          counted(event.problems.length, 'problem'),
        ].join(', '),
        {
          routes: event.table.routes.length,
          backends: event.table.backends.length,
          problems: event.problems.length,
          ms: round(event.ms),
        },
      );
    case 'rendered':
      return line('debug', `rendered in ${round(event.ms)} ms`, {
        digest: event.digest,
        reload: event.plan.reload.slice(0, MOST_SHOWN),
        ms: round(event.ms),
      });
    case 'validated':
    case 'validation-failed':
    case 'render-failed':
    case 'applied':
    case 'apply-failed':
    case 'apply-held':
    case 'pass-finished':
    case 'bug':
      return describeApply(event);
    case 'published':
      return line('debug', `generation ${event.generation} on disk says what the socket has changed`, {
        generation: event.generation,
        ms: round(event.ms),
      });
    case 'runtime-doubt':
      return line('warn', `HAProxy's socket: ${event.detail}`, {});
    case 'drift':
      return line('warn', `HAProxy was not as it should be, and is put right: ${event.differences[0] ?? ''}`, {
        differences: event.differences.slice(0, MOST_SHOWN),
        count: event.differences.length,
      });
    case 'spares-counted':
      return describeSpares(event);
    case 'reload-needed': {
      const { reload } = event.plan;
      return line('debug', `a reload is needed: ${reload.slice(0, 3).map(formatReason).join(', ')}`, {
        reason: mainWord(reload),
        because: reload.slice(0, MOST_SHOWN).map(formatReason),
      });
    }
    case 'taken-out':
      return line('info', `${event.servers} servers of leaving tasks take no new requests`, {
        tasks: event.tasks.slice(0, MOST_SHOWN),
        ms: round(event.ms),
      });
    case 'stream-attached':
    case 'stream-lost':
    case 'stream-byte':
    case 'stream-deaf':
    case 'marathon-event':
    case 'marathon-request':
    case 'redirect-refused':
    case 'host-unresolvable':
    case 'template-refused':
    case 'templates-loaded':
    case 'certificates-loaded':
      return describeOutside(event);
    case 'haproxy-up':
    case 'haproxy-down':
    case 'haproxy-seen':
    case 'haproxy-cured':
    case 'reload-held':
      return describeHaproxy(event);
    case 'listeners-held':
    case 'foreign-listeners':
    case 'admin-unbound':
    case 'admin-bound':
      return describeListeners(event);
    case 'disk-failing':
    case 'disk-recovered':
      return describeDisk(event);
    case 'shrink-held':
    case 'shrink-witnessed':
    case 'shrink-ended':
      return describeGuard(event);
    case 'app-quarantined':
    case 'app-released':
      return describeQuarantine(event);
    case 'claims-taken':
    case 'claims-open':
    case 'peers-seen':
      return describeOwners(event);
    default:
      return unreachable(event);
  }
}

/** What few of are left is a warning with the way out; the numbers themselves are for whoever debugs. */
function describeSpares({ spares, few }: Of<'spares-counted'>): Description {
  const [first] = few;
  if (first === undefined) return line('debug', `${counted(spares.length, 'kind')} of spares counted`, { spares });
  const { kind, check, free, total } = first;
  return line(
    'warn',
    `${free} of ${total} spare backends for ${kind} apps with ${check} check are left; --spare-${kind} holds more of them ready, and the next reload refills them`,
    { few, flag: `--spare-${kind}` },
  );
}

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

function describeApply(
  event: Of<
    | 'validated'
    | 'validation-failed'
    | 'render-failed'
    | 'applied'
    | 'apply-failed'
    | 'apply-held'
    | 'pass-finished'
    | 'bug'
  >,
): Description {
  switch (event.type) {
    case 'validated':
      return line('debug', `generation ${event.generation} is valid (${round(event.ms)} ms)`, {
        generation: event.generation,
        warnings: event.warnings.slice(0, 5),
        ms: round(event.ms),
      });
    case 'validation-failed': {
      const what = event.unchecked ? 'the configuration cannot be checked' : 'HAProxy refuses the configuration';
      return line('error', `${what}: ${event.diagnostics[0]?.message ?? 'without a word'}`, {
        ...appsField(event.blamed),
        diagnostics: event.diagnostics.slice(0, 5),
        ms: round(event.ms),
      });
    }
    case 'render-failed': {
      const { file, line: at, message } = event.failure;
      return line('error', `template ${file}${at === undefined ? '' : `:${at}`}: ${message}`, { file });
    }
    case 'applied':
      return line(
        'info',
        `generation ${event.generation} serves after ${round(event.sinceCauseMs)} ms: ${counted(event.changes.length, 'change')}`,
        {
          generation: event.generation,
          via: event.via,
          ...(event.commands === undefined ? {} : { commands: event.commands }),
          ...appsField([...new Set(event.changes.map((change) => change.app))]),
          changes: event.changes.slice(0, MOST_SHOWN).map(({ change, what }) => `${change} ${what}`),
          changeCount: event.changes.length,
          cause: event.cause.reasons.slice(0, MOST_SHOWN),
          ...(event.via === 'reload' ? { reason: mainWord(event.plan.reload) } : {}),
          // One line has to name them all, and a plan names only so many.
          reasons: event.plan.reload.map(formatReason),
          reloadMs: round(event.reloadMs),
          sinceCauseMs: round(event.sinceCauseMs),
        },
      );
    case 'apply-failed':
      return line(
        'error',
        `cannot make HAProxy run the new configuration: ${event.failure.kind}: ${event.failure.detail}`,
        {
          kind: event.failure.kind,
          generation: event.serving,
        },
      );
    case 'apply-held':
      return line('debug', `the reload that failed is tried again in ${round((event.until - event.at) / 1000)} s`, {
        kind: event.failure.kind,
      });
    case 'pass-finished':
      return line('debug', `pass finished: ${event.outcome} (${round(event.ms)} ms)`, {
        outcome: event.outcome,
        ms: round(event.ms),
      });
    case 'bug':
      return line('error', `bug: ${event.message}`, { stack: event.stack.slice(0, 4000) });
    default:
      return unreachable(event);
  }
}
