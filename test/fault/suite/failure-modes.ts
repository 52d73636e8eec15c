/** How routers in front of Marathon failed their users, and what of it is shown where. */
interface FailureModeNote {
  readonly title: string;
  /** Why no scenario of this suite injects it, and what shows it instead. */
  readonly leftOut?: string;
}

/** The ways to fail, by number; `I…` are incidents in which several of them met. */
export const FAILURE_MODES = {
  1: { title: 'the event stream dies without an error, and nobody notices' },
  2: { title: 'a blank, empty or short list removes every route' },
  3: { title: 'a leader change wipes health results, and healthy tasks look sick' },
  4: { title: 'one app’s bad label blocks or breaks everybody' },
  5: { title: 'updates never resume after the cause is gone' },
  6: { title: 'a port that cannot be bound stops all traffic for seconds, again and again' },
  7: { title: 'two apps on one port share its requests' },
  8: { title: 'old workers pile up' },
  9: { title: 'an old process keeps listening and serves an outdated configuration' },
  10: { title: 'reload storms: a crash loop, a flood, an order that changes by itself' },
  11: { title: 'deploys and scale-downs send requests to tasks that are being killed' },
  12: { title: 'requests reach tasks that are not ready yet' },
  13: { title: 'a reload forgets which servers are down, or glues state to the wrong server' },
  14: { title: 'a new definition is applied to old tasks' },
  15: { title: 'Marathon or one of its masters is down when Portolan starts' },
  16: { title: 'a restart while a bad app exists is an outage' },
  17: { title: 'HAProxy dies or hangs and nobody notices' },
  18: { title: 'nobody can see that a node is stale' },
  19: {
    title: 'one of several nodes is stale',
    leftOut:
      'needs a view over the nodes of a fleet; that nodes disagree about a claim is shown by the ownership scenarios',
  },
  20: {
    title: 'whoever deploys cannot know when a route is live',
    leftOut: 'no fault: waiting for a route (/v1/routes?wait=) is shown by test/e2e/lives.test.ts and story.test.ts',
  },
  21: { title: 'ready before there is a configuration' },
  22: { title: 'Marathon is slow' },
  23: { title: 'a slow consumer loses events' },
  24: { title: 'standbys buffer, redirect, or keep streams after a defeat' },
  25: { title: 'what the socket changed drifts from the files' },
  26: { title: 'a full disk or a half-written file' },
  27: { title: 'reloads drop connections' },
  28: { title: 'long sessions are cut by reloads' },
  29: {
    title: 'odd JSON ends the daemon',
    leftOut:
      'shown by 10,000 random sequences in test/unit/core and by test/unit/source/apps-body.test.ts: a router is not needed for it',
  },
  30: {
    title: 'an agent’s name that does not resolve breaks the whole configuration',
    leftOut:
      'a process’s resolver cannot be made to fail without changing the machine; test/e2e/masters.test.ts routes to a name nobody knows any more, test/unit/source/names.test.ts plays every answer',
  },
  31: { title: 'an app without tasks is an invalid configuration, or answers 404' },
  32: { title: 'several apps want one name or path' },
  33: {
    title: 'certificates: a renewal needs a restart, a bad one breaks all',
    leftOut:
      'shown with a running HAProxy by test/e2e/certificates.test.ts and test/integration/haproxy; nothing to add to it here',
  },
  I1: { title: 'the blank 200' },
  I2: { title: 'health amnesia at an election' },
  I3: { title: 'the zombie stream' },
  I4: { title: 'the two-second blackout, in a loop' },
  I5: { title: 'port twins' },
  I6: { title: 'one label to stop them all, then the restart' },
  I7: { title: 'a storm, a pile-up, no memory left' },
  I8: { title: 'the ghost listener' },
  I9: { title: 'poisoned server state' },
  I10: { title: 'the new health check kills the old version' },
} as const satisfies Readonly<Record<string, FailureModeNote>>;

/** The number of a failure mode, as text: `'2'`, `'I1'`. */
export type Row = `${keyof typeof FAILURE_MODES}`;

/** All of them with their notes, in order. */
export function failureModes(): readonly (readonly [Row, FailureModeNote])[] {
  return Object.entries(FAILURE_MODES) as unknown as readonly (readonly [Row, FailureModeNote])[];
}
