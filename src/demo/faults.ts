/** What can be wrong with a master, by name, and what it looks like from outside. Parameters in brackets. */
export const FAULTS = {
  refuse:
    'The listener is closed and every connection cut: connection refused. Cleared, it is open on the same port again.',
  freeze: 'Connections are accepted, nothing is ever answered, streams fall silent: a stopped process.',
  unavailable: '503 without JSON [status: another code; body: `html` instead of an empty one].',
  'blank-200': '200 with an empty body.',
  'cut-length': '200 with a Content-Length that the body never reaches: the connection ends in the middle.',
  'cut-chunked': '200 in chunks without the last one: the connection ends in the middle.',
  'empty-object': '200 with `{}`.',
  'empty-apps': '200 with `{"apps":[]}`.',
  'half-list': '200 with the first half of the apps only.',
  filtered:
    '200 without a share of the apps, the same ones each time: a user who may not see them [share, default 0.5].',
  'no-tasks': '200 with apps that have no `tasks`, as if they had not been asked for.',
  'no-health': 'Tasks without health results, as a new leader lists them [as: null, empty, of-null or absent].',
  html: '200 with a web page.',
  'hang-headers': 'The request is read, no answer begins.',
  'hang-body': '200 and half of the body, then nothing while the connection stays.',
  'slow-body': 'The body comes in small pieces [ms: between two of 1 KiB, default 50].',
  slow: 'The answer begins late [ms, default 15000] and is whole.',
  redirect: '302 [location].',
  assembling: '500 “while assembling rich tasks”, as an overloaded leader answers.',
  'silent-stream': 'Open event streams stay open without a byte, heartbeats included; new ones get their header only.',
  'heartbeat-only': 'Event streams beat, but every event is swallowed.',
  'stream-eof': 'Event streams end at once, new ones after their header: a leader that is not ready.',
  'lose-events': 'Events are lost [share: 0–1, default 1].',
  'duplicate-events': 'Every event comes twice.',
  'reorder-events': 'Events come in another order: each waits for the next and comes after it.',
  'buffer-events':
    'Event streams come in pieces, heartbeats included: a proxy that buffers [ms: between two, default 60000].',
  flood: 'The leader tells every running task’s status without end [perSecond, default 10000].',
} as const satisfies Readonly<Record<string, string>>;

/** The name of a fault. */
export type FaultKind = keyof typeof FAULTS;

/** What a fault may be told. */
export interface FaultParameters {
  readonly status?: number;
  readonly body?: 'empty' | 'html';
  readonly ms?: number;
  readonly share?: number;
  readonly location?: string;
  readonly perSecond?: number;
  readonly as?: 'null' | 'empty' | 'of-null' | 'absent';
  /** Only requests whose path (without query and prefix) begins like this. Answers only. */
  readonly path?: string;
}

/** Faults that change or replace the answer of a request. */
export type AnswerFault = Exclude<
  FaultKind,
  | 'refuse'
  | 'freeze'
  | 'silent-stream'
  | 'heartbeat-only'
  | 'stream-eof'
  | 'lose-events'
  | 'duplicate-events'
  | 'reorder-events'
  | 'buffer-events'
  | 'flood'
>;

const ANSWER_FAULTS: readonly AnswerFault[] = [
  'hang-headers',
  'unavailable',
  'redirect',
  'blank-200',
  'html',
  'assembling',
  'empty-object',
  'empty-apps',
  'half-list',
  'filtered',
  'no-tasks',
  'no-health',
  'cut-length',
  'cut-chunked',
  'hang-body',
  'slow-body',
  'slow',
];

/** Faults that also meet the event stream: there is no body of the API's to spoil. */
const ALSO_EVENTS: ReadonlySet<AnswerFault> = new Set(['hang-headers', 'unavailable', 'redirect', 'blank-200', 'html']);

/** The faults of one master, as they are now. */
export interface Faults {
  set(kind: FaultKind, parameters: FaultParameters): void;
  clear(kind?: FaultKind): void;
  has(kind: FaultKind): boolean;
  parametersOf(kind: FaultKind): FaultParameters;
  active(): readonly FaultKind[];
  /** The fault that a request to this path meets, if any. */
  forAnswer(path: string): AnswerFault | undefined;
  /** Resolves when the master is not frozen. */
  thawed(): Promise<void>;
}

/** The faults of one master: none at first. */
export function createFaults(): Faults {
  const active = new Map<FaultKind, FaultParameters>();
  let waiting: (() => void)[] = [];
  const thaw = (): void => {
    if (active.has('freeze')) return;
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  };
  return {
    set: (kind, parameters) => active.set(kind, parameters),
    clear: (kind) => {
      if (kind === undefined) active.clear();
      else active.delete(kind);
      thaw();
    },
    has: (kind) => active.has(kind),
    parametersOf: (kind) => active.get(kind) ?? {},
    active: () => [...active.keys()],
    forAnswer: (path) =>
      ANSWER_FAULTS.find((kind) => {
        const parameters = active.get(kind);
        if (parameters === undefined) return false;
        if (parameters.path !== undefined) return path.startsWith(parameters.path);
        return path !== '/v2/events' || ALSO_EVENTS.has(kind);
      }),
    thawed: () =>
      active.has('freeze')
        ? new Promise((resolve) => {
            waiting.push(resolve);
          })
        : Promise.resolve(),
  };
}

/** Whether a text names a fault. */
export function isFaultKind(text: string): text is FaultKind {
  return Object.hasOwn(FAULTS, text);
}
