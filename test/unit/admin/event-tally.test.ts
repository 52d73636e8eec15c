import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createEventTally } from '../../../src/admin/event-tally.ts';

const counts = async (registry: Registry) =>
  new Map(
    (await registry.metrics())
      .split('\n')
      .filter((line) => line.startsWith('portolan_events_total{'))
      .map((line) => [line.slice(line.indexOf('{'), line.lastIndexOf(' ')), Number(line.split(' ').at(-1))] as const),
  );

test('every event counts once, however often somebody asks, and what is no type of Marathon’s counts as another one', async () => {
  const registry = new Registry();
  const count = createEventTally(registry);
  for (let n = 0; n < 3; n += 1) count('api_post_event', true);
  count('pod_created_event', false);
  count('no "type"', false);
  const wanted = [
    ['{type="api_post_event",relevant="true"}', 3],
    ['{type="pod_created_event",relevant="false"}', 1],
    ['{type="other",relevant="false"}', 1],
  ] as const;
  expect(await counts(registry)).toEqual(new Map(wanted));
  expect(await counts(registry)).toEqual(new Map(wanted));
  count('api_post_event', true);
  expect((await counts(registry)).get(wanted[0][0])).toBe(4);
});

test('none is lost where nobody asks and more types come than are remembered', async () => {
  const registry = new Registry();
  const count = createEventTally(registry);
  for (let n = 0; n < 1_000; n += 1) count(`Type-${n}`, false);
  expect(await counts(registry)).toEqual(new Map([['{type="other",relevant="false"}', 1_000]]));
});
