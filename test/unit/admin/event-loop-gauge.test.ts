import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createEventLoopGauge } from '../../../src/admin/event-loop-gauge.ts';

test('a held event loop shows in the next scrape, and only there', async () => {
  const registry = new Registry();
  createEventLoopGauge(registry);
  const max = async () =>
    Number(/^portolan_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m.exec(await registry.metrics())?.[1]);
  const turns = async (count: number) => {
    for (let n = 0; n < count; n += 1) await new Promise((resolve) => setTimeout(resolve, 30));
  };
  await turns(3);
  await max();
  await turns(3);
  const end = performance.now() + 1_000;
  while (performance.now() < end);
  await turns(3);
  const held = await max();
  expect(held).toBeGreaterThan(0.9);
  await turns(3);
  expect(await max()).toBeLessThan(held - 0.2);
});

test('waiting for work is no delay', async () => {
  const registry = new Registry();
  createEventLoopGauge(registry);
  await registry.metrics();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const text = await registry.metrics();
  expect(Number(/\{quantile="1"\} (\S+)$/m.exec(text)?.[1])).toBeLessThan(1);
});
