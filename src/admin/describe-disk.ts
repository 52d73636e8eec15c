import type { DiskUse } from '../core/disk.ts';
import type { DaemonEvent } from '../core/events.ts';
import { unreachable } from '../core/result.ts';
import { type Description, line } from './event-line.ts';

/** What is not kept, and what that may cost. */
const COST: Readonly<Record<DiskUse, string>> = {
  generation: 'the newest configuration is not on the disk: HAProxy serves on, and would start again with an older one',
  memory: 'what passes have learned is not on the disk: a restart would not know of it',
  'good-apps': 'definitions that HAProxy has accepted are not on the disk: a restart would not know of them',
  journal: 'the journal waits in memory',
};
const BACK: Readonly<Record<DiskUse, string>> = {
  generation: 'the newest configuration is on the disk again',
  memory: 'what passes have learned is on the disk again',
  'good-apps': 'definitions that HAProxy has accepted are on the disk again',
  journal: 'the journal is written again',
};

/** What the disk takes and does not take, in words. */
export function describeDisk(event: Extract<DaemonEvent, { type: 'disk-failing' | 'disk-recovered' }>): Description {
  const { what } = event;
  switch (event.type) {
    case 'disk-failing':
      return line('error', `${COST[what]}; it is tried again: ${event.detail}`, { what });
    case 'disk-recovered':
      return line('info', BACK[what], { what });
    default:
      return unreachable(event);
  }
}
