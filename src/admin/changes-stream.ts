import type { DaemonEvent, RouteChange } from '../core/events.ts';
import { printable } from '../core/problem.ts';
import { mainWord } from '../core/reload-reason.ts';
import { unreachable } from '../core/result.ts';

type Applied = Extract<DaemonEvent, { type: 'applied' }>;

/** Lines shown for one reload; the rest is counted. */
const MOST_LINES = 20;

/** One line for each change that a new configuration brought: what, how, and the milliseconds from the event to traffic. */
export function formatChanges(applied: Applied): readonly string[] {
  const via = applied.via === 'reload' ? `reload for ${mainWord(applied.plan.reload)}` : applied.via;
  const how = `${via}, generation ${applied.generation}, ${Math.round(applied.sinceCauseMs)} ms from event to traffic`;
  if (applied.changes.length === 0) return [`~ configuration changed, no route did (${how})`];
  const lines = applied.changes.slice(0, MOST_LINES).map((change) => `${formatChange(change)} (${how})`);
  const more = applied.changes.length - MOST_LINES;
  return more > 0 ? [...lines, `  and ${more} more (${how})`] : lines;
}

function formatChange({ change, app, what }: RouteChange): string {
  return `${signOf(change)} ${printable(what)} of ${printable(app)}`;
}

function signOf(change: RouteChange['change']): string {
  switch (change) {
    case 'route-added':
      return '+ route';
    case 'route-removed':
      return '- route';
    case 'service-added':
      return '+ service port';
    case 'service-removed':
      return '- service port';
    case 'server-added':
      return '+ server';
    case 'server-removed':
      return '- server';
    case 'server-changed':
      return '~ server';
    case 'backend-changed':
      return '~ backend';
    default:
      return unreachable(change);
  }
}
