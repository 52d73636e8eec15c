import type { Measurement } from '../measurement.ts';
import { haproxiesOf, memoryMb } from '../processes.ts';
import type { Stage } from '../stage.ts';

/** (e) The first start of the stage, which every other scenario needs too. */
export async function coldStart(stage: Stage): Promise<readonly Measurement[]> {
  const ms = await stage.start();
  const { now, peak } = await memoryMb(stage.pid());
  const workers = await Promise.all((await haproxiesOf(stage.portolan.stateDir)).map(memoryMb));
  const base = { scenario: 'e', apps: stage.apps };
  const most = stage.apps <= 1_000 ? 120 : 350;
  return [
    { ...base, what: 'cold start until all is routed', value: ms, unit: 'ms', goal: { most: 4_000 } },
    { ...base, what: 'RSS of Portolan after a cold start', value: now, unit: 'MB', goal: { most } },
    { ...base, what: 'the most that it was', value: peak, unit: 'MB' },
    {
      ...base,
      what: 'RSS of HAProxy, all processes',
      value: workers.reduce((sum, each) => sum + each.now, 0),
      unit: 'MB',
    },
  ];
}

/** (e) Portolan and HAProxy die, and start with what is on disk. */
export async function startWithLastGood(stage: Stage): Promise<readonly Measurement[]> {
  await stage.crashAll();
  const ms = await stage.start();
  const base = { scenario: 'e', apps: stage.apps };
  const { now } = await memoryMb(stage.pid());
  return [
    { ...base, what: 'start with a last good generation', value: ms, unit: 'ms', goal: { most: 2_000 } },
    { ...base, what: 'RSS of Portolan after that', value: now, unit: 'MB' },
  ];
}
