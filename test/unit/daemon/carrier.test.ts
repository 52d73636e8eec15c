import { describe, expect, it } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { Generation } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import type { ReloadNeed } from '../../../src/core/reload-need.ts';
import { ok } from '../../../src/core/result.ts';
import type { Difference } from '../../../src/core/runtime-difference.ts';
import type { SpareCount } from '../../../src/core/spare-counts.ts';
import { createCarrier } from '../../../src/daemon/carrier.ts';
import type { Carried, Compared } from '../../../src/daemon/lane.ts';
import type { Decided } from '../../../src/daemon/pass.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { renderScripted } from '../../support/scripted-core.ts';
import { backendName, table } from '../../support/tables.ts';

const TABLE = table();
const CONFIG = renderScripted(TABLE, 'wanted');
const CHANGED = { because: 'section-changed', section: 'backend a' } as const;
const DECIDED: Decided = {
  table: TABLE,
  config: CONFIG,
  plan: { reload: [CHANGED] },
  without: async () => ok({ table: TABLE, config: CONFIG }),
  memory: { before: NO_MEMORY, after: NO_MEMORY },
};
const CAUSE = { reasons: ['test'], scope: [], since: 0 as Instant } as const;
const NEED: ReloadNeed = { because: 'spares-exhausted', backend: backendName('a_1') };
const LOST: Difference = { what: 'backend-missing', backend: backendName('b_1') };
const WAIT = 600_000;

/** A carrier with a lane that answers as told; `same`: what runs is what is wanted. */
function createStage({ same, answers }: { readonly same: boolean; readonly answers: readonly Carried[] }) {
  const clock = createManualClock(0);
  const events: DaemonEventBody[] = [];
  const left = [...answers];
  const stage = { clock, events, spares: [] as readonly SpareCount[], compared: { kind: 'same' } as Compared };
  const carrier = createCarrier({
    lane: {
      carry: async () => left.shift() ?? { kind: 'carried', commands: [], drift: [], uncertain: [] },
      loaded: () => undefined,
      compare: async () => stage.compared,
      spares: () => stage.spares,
      leave: async () => ({ servers: 0, last: false, unsure: false }),
      doubt: () => undefined,
      isDue: async () => false,
      places: () => new Map(),
    },
    running: {
      runs: () => same,
      worker: () => ({ generation: 1 as Generation, loaded: CONFIG }),
      carried: () => undefined,
    },
    clock,
    emit: (event) => events.push(event),
    timings: { quarantineRetryMs: WAIT },
  });
  return Object.assign(stage, { carrier, carry: () => carrier.carry(DECIDED, () => undefined, CAUSE) });
}

const reload = (needs: readonly ReloadNeed[], unrepaired: readonly Difference[] = []): Carried => ({
  kind: 'reload',
  needs,
  drift: [],
  unrepaired,
});

describe('the reasons of a reload', () => {
  it('are what the socket cannot do', async () => {
    expect(await createStage({ same: false, answers: [reload([NEED])] }).carry()).toEqual({
      kind: 'reload',
      reasons: [NEED],
    });
  });

  it('without a socket, are that and what differs', async () => {
    const stage = createStage({ same: false, answers: [reload([{ because: 'no-runtime' }])] });
    expect(await stage.carry()).toEqual({ kind: 'reload', reasons: [{ because: 'no-runtime' }, CHANGED] });
  });

  it('are the last doubt, after two in a row', async () => {
    const doubt = (because: 'doubt' | 'drift', detail: string): Carried => ({
      kind: 'doubt',
      because,
      detail,
      drift: [],
    });
    const stage = createStage({ same: false, answers: [doubt('drift', 'refused'), doubt('doubt', 'silence')] });
    expect(await stage.carry()).toEqual({ kind: 'reload', reasons: [{ because: 'doubt', detail: 'silence' }] });
    expect(stage.events.map(({ type }) => type)).toEqual(['runtime-doubt', 'runtime-doubt']);

    const once = createStage({ same: false, answers: [doubt('doubt', 'silence'), reload([NEED])] });
    expect(await once.carry()).toEqual({ kind: 'reload', reasons: [NEED] });
  });

  it('what runs already needs none, whatever the socket says', async () => {
    const stage = createStage({ same: true, answers: [reload([{ because: 'no-runtime' }]), reload([NEED])] });
    expect(await stage.carry()).toEqual({ kind: 'unchanged' });
    expect(await stage.carry()).toEqual({ kind: 'unchanged' });
  });

  it('what HAProxy has lost is one, but not over and over when that does not help', async () => {
    const lost = reload([NEED], [LOST]);
    const stage = createStage({ same: true, answers: [lost, lost, lost] });
    const cure = {
      kind: 'reload',
      reasons: [{ because: 'drift', detail: 'backend-missing b_1 (spares-exhausted a_1)' }],
    };
    expect(await stage.carry()).toEqual(cure);
    await stage.clock.advance(WAIT - 1);
    expect(await stage.carry()).toEqual({ kind: 'unchanged' });
    expect(stage.events.at(-1)).toMatchObject({
      type: 'runtime-doubt',
      detail: expect.stringContaining('did not help'),
    });
    await stage.clock.advance(1);
    expect(await stage.carry()).toEqual(cure);
  });
});

describe('drift that is found before a batch', () => {
  const doubt = (...drift: readonly Difference[]): Carried => ({
    kind: 'doubt',
    because: 'doubt',
    detail: 'cut',
    drift,
  });
  const carried = (drift: readonly Difference[], uncertain: readonly Difference[] = []): Carried => ({
    kind: 'carried',
    commands: [{ do: 'publish-backend', backend: backendName('b_1') }],
    drift,
    uncertain,
  });
  const told = ({ events }: ReturnType<typeof createStage>): readonly string[] =>
    events.flatMap((event) => (event.type === 'drift' ? event.differences : []));

  it.each<readonly [string, boolean, readonly Carried[]]>([
    ['where something else changed', false, [carried([LOST])]],
    ['where nothing else changed', true, [carried([LOST])]],
    ['where a reload is needed', false, [{ ...reload([NEED]), drift: [LOST] }]],
    ['and cannot be put right', true, [{ ...reload([NEED], [LOST]), drift: [LOST] }]],
    ['and seen again after a doubt', true, [doubt(LOST), carried([], [LOST])]],
    ['and seen again after two', true, [doubt(LOST), doubt(LOST)]],
  ])('is told once %s', async (_, same, answers) => {
    const stage = createStage({ same, answers });
    await stage.carry();
    expect(told(stage)).toEqual(['backend-missing b_1']);
  });

  it('and lost again later is told again', async () => {
    const stage = createStage({ same: false, answers: [carried([LOST]), carried([LOST])] });
    await stage.carry();
    await stage.carry();
    expect(told(stage)).toHaveLength(2);
  });

  it('is none where nothing was certain and something changed', async () => {
    const stage = createStage({ same: false, answers: [carried([], [LOST])] });
    await stage.carry();
    expect(told(stage)).toEqual([]);
  });

  it('is not told again by who puts right what a comparison told', async () => {
    const stage = createStage({ same: true, answers: [reload([NEED], [LOST])] });
    stage.compared = { kind: 'different', differences: [LOST] };
    await stage.carrier.compare(new AbortController().signal);
    expect(await stage.carry()).toMatchObject({ kind: 'reload' });
    expect(told(stage)).toHaveLength(1);
  });

  it('right after a reload is told too', async () => {
    const stage = createStage({ same: true, answers: [carried([LOST])] });
    await stage.carrier.follow(TABLE, () => undefined, { generation: 1 as Generation, loaded: CONFIG });
    expect(told(stage)).toEqual(['backend-missing b_1']);
  });
});

describe('comparisons', () => {
  it('ask for a pass where something is to be put right', async () => {
    const stage = createStage({ same: true, answers: [] });
    const signal = new AbortController().signal;
    expect(await stage.carrier.compare(signal)).toBe(false);
    stage.compared = { kind: 'overtaken' };
    expect(await stage.carrier.compare(signal)).toBe(false);
    expect(stage.events).toEqual([]);
    stage.compared = { kind: 'different', differences: [LOST] };
    expect(await stage.carrier.compare(signal)).toBe(true);
    expect(stage.events).toEqual([{ type: 'drift', differences: ['backend-missing b_1'] }]);
    stage.compared = { kind: 'unread' };
    expect(await stage.carrier.compare(signal)).toBe(true);
    expect(stage.events.at(-1)?.type).toBe('runtime-doubt');
  });
});

describe('spares', () => {
  it('are told when their number changes, and as few once', () => {
    const stage = createStage({ same: true, answers: [] });
    const count = (free: number): readonly SpareCount[] => [
      { kind: 'http', check: 'http', total: 20, used: 20 - free, emptying: 0, free },
    ];
    const told = (): readonly (readonly [number | undefined, number])[] =>
      stage.events.flatMap((event) =>
        event.type === 'spares-counted' ? [[event.spares[0]?.free, event.few.length] as const] : [],
      );
    for (const free of [20, 3, 2, 1, 3, 2]) {
      stage.spares = count(free);
      stage.carrier.tellSpares();
      stage.carrier.tellSpares();
    }
    expect(told()).toEqual([
      [20, 0],
      [3, 0],
      [2, 1],
      [1, 0],
      [3, 0],
      [2, 1],
    ]);
  });
});
