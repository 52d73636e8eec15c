import type { App } from '../core/app.ts';
import type { Lookups } from '../core/snapshot.ts';
import { printOf } from './app-print.ts';
import type { Recognise } from './app-splitter.ts';

/** An app as it was read: the same bytes say the same, as long as its agents have the addresses that they had. */
export interface RememberedApp {
  /** By `printOf`. What is in an app is its owner's: a weaker sum than SHA-256 could be met on purpose. */
  readonly print: string;
  /** Bytes. */
  readonly length: number;
  readonly app: App;
  /** Agents that go by a name, with the address that was known. */
  readonly agents: readonly (readonly [host: string, address: string | undefined])[];
  /** The app behind it in its list. */
  readonly next?: RememberedApp;
}

/** The apps of the last list that was read to its end, in its order. */
export interface AppsMemory {
  /** What the bytes in this range are, wherever they stood. */
  find(print: string): RememberedApp | undefined;
  readonly first: RememberedApp | undefined;
}

/** After so many guesses in a row that were wrong the list has another order; each costs a look at a whole app. */
const WRONG_GUESSES = 8;

/** Of before the first list. */
export const NO_MEMORY: AppsMemory = { find: () => undefined, first: undefined };

/** True when all that the app needs besides its own bytes is as it was. */
export const stillHolds = ({ agents }: RememberedApp, lookups: Lookups): boolean =>
  agents.every(([host, address]) => lookups.address(host) === address);

/** Notes the apps of a list as they are read, and recognises those of the list before, mostly in the order they had there. */
export function createAppsRecall(before: AppsMemory) {
  let expected = before.first;
  const byPrint = new Map<string, RememberedApp>();
  let first: RememberedApp | undefined;
  let last: Writable | undefined;
  let wrong = 0;

  const recognise: Recognise<RememberedApp> = (piece, from) => {
    if (expected === undefined || wrong === WRONG_GUESSES || from + expected.length > piece.length) return undefined;
    const known = expected;
    const same = printOf(piece.subarray(from, from + known.length)) === known.print;
    wrong = same ? 0 : wrong + 1;
    // After what is new, the next one that is found tells where in the old list this is.
    expected = same ? known.next : undefined;
    return same ? { end: from + known.length, known } : undefined;
  };

  return {
    recognise,
    /** The app of the last list that has exactly these bytes. What follows it there is expected next. */
    find(print: string): RememberedApp | undefined {
      const known = before.find(print);
      if (known !== undefined) expected = known.next;
      return known;
    },
    /** Notes an app of this list. */
    note({ print, length, app, agents }: Omit<RememberedApp, 'next'>): void {
      // A new object: the old one leads to the list before, which would then never be garbage.
      const noted: Writable = { print, length, app, agents };
      byPrint.set(print, noted);
      first ??= noted;
      if (last !== undefined) last.next = noted;
      last = noted;
    },
    /** What was noted, for the next list. */
    memory: (): AppsMemory => ({
      find: (print) => byPrint.get(print),
      get first() {
        return first;
      },
    }),
  };
}

type Writable = Omit<RememberedApp, 'next'> & { next?: RememberedApp };
