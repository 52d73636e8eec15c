import type { FaultKind, FaultParameters } from '../../../src/demo/faults.ts';
import type { Row } from './failure-modes.ts';
import { faultSuite } from './runner.ts';
import type { Scenario } from './scenario.ts';

/** A fault of every master's answers, seen as the source failing in one of these ways. */
const outage = (
  name: string,
  rows: readonly Row[],
  fault: FaultKind,
  kinds: readonly string[],
  parameters: FaultParameters = {},
): Scenario => ({
  name,
  rows,
  seconds: { full: 30, short: 4 },
  inject: ({ marathon }) => marathon.fault('all', fault, parameters),
  heal: ({ marathon }) => marathon.clearFaults(),
  shows: ({ source, degraded }) =>
    source.failing !== undefined && kinds.includes(source.failing.kind) && degraded.includes('source-unreachable')
      ? `source: ${source.failing.kind}`
      : undefined,
});

faultSuite('Marathon is out', 27_000, {}, [
  outage('every master refuses connections', ['15', '18'], 'refuse', ['unreachable']),
  outage('every master answers a blank 200', ['2', 'I1'], 'blank-200', ['not-json', 'truncated']),
]);
