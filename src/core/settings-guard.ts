import { duration, whole } from './settings-kinds.ts';
import type { SettingsTable } from './settings-spec.ts';

/** When an answer of Marathon that lacks much is not believed at once. */
export const GUARD_SETTINGS = {
  guardShare: {
    flag: 'guard-share',
    kind: whole(1, 100),
    default: '30',
    help: 'an answer without more than this percentage of the served routes is held until it is explained or repeats',
  },
  guardRoutes: {
    flag: 'guard-routes',
    kind: whole(0, 100_000),
    default: '5',
    help: 'so many routes may go at once whatever share they are; an empty list is held in any case',
  },
  guardHold: {
    flag: 'guard-hold',
    kind: duration(0, 86_400_000),
    default: '1m',
    help: 'how long such an answer has to repeat before it is believed without an explanation; 0 believes everything at once',
  },
  guardAnswers: {
    flag: 'guard-answers',
    kind: whole(1, 100),
    default: '3',
    help: 'how many equal answers that takes at least',
  },
} as const satisfies Partial<SettingsTable>;
