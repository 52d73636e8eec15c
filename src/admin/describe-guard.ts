import type { DaemonEvent } from '../core/events.ts';
import { unreachable } from '../core/result.ts';
import type { HoldEnd } from '../core/trust.ts';
import { appsField, counted, type Description, line, round } from './event-line.ts';

type Of<T extends DaemonEvent['type']> = Extract<DaemonEvent, { type: T }>;

const ENDS: Readonly<Record<HoldEnd, string>> = {
  explained: 'what was missing is explained, and is let go',
  repeated: 'the answers stayed the same, and are believed',
  operator: 'an operator agrees, and what was missing is let go',
  refuted: 'what was missing is back',
};

/** What becomes of answers that lack too much, in words. */
export function describeGuard(event: Of<'shrink-held' | 'shrink-witnessed' | 'shrink-ended'>): Description {
  switch (event.type) {
    case 'shrink-held': {
      const { lost, of, apps, appCount, answers, because, since, until } = event.hold;
      const message = `the newest answer lacks ${lost} of ${counted(of, 'served route')}: they serve on until this is explained, repeats, or: portolan guard accept`;
      const fields = { because, lost, of, ...appsField(apps), appCount, answers, since, until };
      return line(event.again ? 'info' : 'warn', message, fields, !event.again);
    }
    case 'shrink-witnessed': {
      const { there, gone, stopping, leaderElected, betterList, asked } = event.witness;
      const message = `asked about ${asked.length === 0 ? 'nobody answers' : asked.join(', ')}: ${there.size} there, ${gone.size} gone, ${stopping.size} being stopped`;
      return line('info', message, {
        there: there.size,
        gone: gone.size,
        stopping: stopping.size,
        leaderElected,
        betterList,
        ms: round(event.ms),
      });
    }
    case 'shrink-ended':
      return line(event.how === 'refuted' ? 'info' : 'warn', `${ENDS[event.how]} (${counted(event.lost, 'route')})`, {
        how: event.how,
        lost: event.lost,
        ms: round(event.ms),
      });
    default:
      return unreachable(event);
  }
}
