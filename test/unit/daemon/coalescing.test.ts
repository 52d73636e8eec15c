import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TIMINGS } from '../../../src/daemon/timings.ts';
import { scriptedApp } from '../../support/scripted-core.ts';
import { createWorld } from '../../support/scripted-ports.ts';

interface Step {
  /** Pause before the hint, ms. */
  readonly after: number;
  readonly app: number;
  readonly servers: number;
}

const steps = fc.array(
  fc.record({
    after: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 3_000 })),
    app: fc.integer({ min: 0, max: 3 }),
    servers: fc.integer({ min: 0, max: 3 }),
  }),
  { minLength: 1, maxLength: 25 },
);
const durations = fc.record({
  snapshot: fc.integer({ min: 0, max: 800 }),
  validate: fc.integer({ min: 0, max: 300 }),
  apply: fc.integer({ min: 0, max: 300 }),
});

/** A pass that answers a hint begins at most this long after the hint, when none is running. */
const LONGEST_WAIT = TIMINGS.maxDelayMs + TIMINGS.reloads.everyMs + TIMINGS.passes.everyMs;

async function play(script: readonly Step[], takes: { snapshot: number; validate: number; apply: number }) {
  const world = createWorld();
  world.begin();
  await world.clock.advance(10_000);
  world.takes = takes;
  const hints: { at: number; app: string }[] = [];
  for (const { after, app, servers } of script) {
    await world.clock.advance(after);
    const id = `/app-${app}`;
    world.apps = [...world.apps.filter((other) => other.id !== id), scriptedApp(id, servers)];
    hints.push({ at: world.clock.now(), app: id });
    world.hint([id]);
    await world.clock.settle();
  }
  await world.clock.advance(20_000);
  return { world, hints };
}

describe('coalescing', () => {
  it('never runs two passes at once, covers every hint in bounded time, and ends at the newest state', async () => {
    await fc.assert(
      fc.asyncProperty(steps, durations, async (script, takes) => {
        const { world, hints } = await play(script, takes);
        const marks = world.events.filter((event) => event.type === 'pass-started' || event.type === 'pass-finished');
        marks.forEach((event, index) => {
          expect(event.type).toBe(index % 2 === 0 ? 'pass-started' : 'pass-finished');
        });
        const longestPass = takes.snapshot + takes.validate + takes.apply;
        for (const { at, app } of hints) {
          const answer = world
            .of('pass-started')
            .find((pass) => pass.at >= at && pass.cause.scope.includes(app as never));
          expect(answer, `${app} at ${at}`).toBeDefined();
          expect((answer?.at ?? Number.POSITIVE_INFINITY) - at).toBeLessThanOrEqual(LONGEST_WAIT + longestPass);
        }
        expect(world.running?.config.digest).toBe(world.desired().digest);
        await world.stop();
      }),
      { numRuns: 60 },
    );
  });

  it('keeps the distance between reloads', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const { world } = await play(script, { snapshot: 0, validate: 0, apply: 0 });
        const reloads = world.of('applied').map((event) => event.at);
        reloads.slice(1).forEach((at, index) => {
          expect(at - (reloads[index] ?? 0)).toBeGreaterThanOrEqual(TIMINGS.reloads.leastMs);
        });
        await world.stop();
      }),
      { numRuns: 40 },
    );
  });
});
