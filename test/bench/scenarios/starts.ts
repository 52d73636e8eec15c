import type { Measurement } from '../measurement.ts';
import { haproxiesOf, memoryMb, pause } from '../processes.ts';
import type { Stage } from '../stage.ts';

/** V8 gives back what a start took when nothing has happened for some seconds. Milliseconds. */
const REST_MS = 30_000;

/** (e) The first start of the stage, which every other scenario needs too. */
export async function coldStart(stage: Stage): Promise<readonly Measurement[]> {
  const ms = await stage.start();
  const { peak } = await memoryMb(stage.pid());
  if (!stage.options.quick) await pause(REST_MS);
  const { now } = await memoryMb(stage.pid());
  const workers = await Promise.all((await haproxiesOf(stage.portolan.stateDir)).map(memoryMb));
  const base = { scenario: 'e', apps: stage.apps };
  const most = stage.apps <= 1_000 ? 120 : 350;
  const atRest = stage.options.quick
    ? { what: 'RSS of Portolan at once after that' }
    : { what: 'RSS of Portolan half a minute after that', goal: { most } };
  return [
    { ...base, what: 'cold start until all is routed', value: ms, unit: 'ms', goal: { most: 4_000 } },
    { ...base, ...atRest, value: now, unit: 'MB' },
    { ...base, what: 'the most that it was during the start', value: peak, unit: 'MB' },
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
