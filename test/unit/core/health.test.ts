import { describe, expect, test } from 'vitest';
import { judgeHealth, NO_CHECKS, parseHealthChecks } from '../../../src/core/health.ts';

const T = '2020-03-02T10:00:12.001Z';
const alive = { alive: true, consecutiveFailures: 0, firstSuccess: T, lastSuccess: T, lastFailure: null };
const failed = { alive: false, consecutiveFailures: 2, firstSuccess: T, lastSuccess: T, lastFailure: T };
/** The first probe after an election failed: no success was ever recorded by this leader. */
const firstProbeFailed = { alive: false, consecutiveFailures: 1, lastFailure: T };
const registered = { alive: false, consecutiveFailures: 0 };
const registeredOld = {
  ...registered,
  firstSuccess: null,
  lastSuccess: null,
  lastFailure: null,
  lastFailureCause: null,
};

describe('the verdict on a task', () => {
  test.each([
    ['no checks', 0, undefined, 'none'],
    ['no checks, but results of an earlier version', 0, [failed], 'none'],
    ['the key is missing', 1, undefined, 'unknown'],
    ['null', 1, null, 'unknown'],
    ['an empty list', 1, [], 'unknown'],
    ['a null entry', 1, [null], 'unknown'],
    ['registered', 1, [registered], 'unknown'],
    ['registered, as old versions write it', 1, [registeredOld], 'unknown'],
    ['alive', 1, [alive], 'healthy'],
    ['alive, and nothing else said', 1, [{ alive: true }], 'healthy'],
    ['one check of two is alive', 2, [alive], 'unknown'],
    ['one check of two is alive, the other registered', 2, [alive, registered], 'unknown'],
    ['both alive', 2, [alive, alive], 'healthy'],
    ['one of two fails', 2, [alive, failed], 'unhealthy'],
    ['one of two fails, the other is missing', 2, [failed], 'unhealthy'],
    ['one of two fails, the other is registered', 2, [registered, failed], 'unhealthy'],
    ['the first probe failed', 1, [firstProbeFailed], 'unknown'],
    ['the second one too', 1, [{ ...firstProbeFailed, consecutiveFailures: 2 }], 'unhealthy'],
    ['the first probe failed of one check of two', 2, [alive, firstProbeFailed], 'unknown'],
    ['one failure after a success', 1, [{ ...firstProbeFailed, lastSuccess: T }], 'unhealthy'],
    ['failures without a time', 1, [{ alive: false, consecutiveFailures: 2 }], 'unhealthy'],
    ['dead after a success', 1, [{ ...registered, lastSuccess: T }], 'unhealthy'],
    ['not a list', 1, { alive: true }, 'unknown'],
    ['an entry that says nothing', 1, [{}], 'unknown'],
    ['an entry of the wrong kind', 1, [{ alive: 'yes' }], 'unknown'],
    ['results only: alive', undefined, [alive], 'healthy'],
    ['results only: failed', undefined, [alive, failed], 'unhealthy'],
    ['results only: none', undefined, [], 'unknown'],
  ])('%s', (_, count, healthCheckResults, verdict) => {
    expect(judgeHealth(healthCheckResults === undefined ? {} : { healthCheckResults }, count)).toBe(verdict);
  });

  test('does not depend on the order of the results', () => {
    for (const results of [
      [alive, failed, registered],
      [registered, alive, failed],
      [failed, registered, alive],
    ]) {
      expect(judgeHealth({ healthCheckResults: results }, 3)).toBe('unhealthy');
    }
  });
});

describe('the checks of a definition', () => {
  const defaults = { protocol: 'HTTP', path: '/', intervalSeconds: 60, timeoutSeconds: 20, maxConsecutiveFailures: 3 };
  const read = (check: unknown, legacy = false) => parseHealthChecks({ healthChecks: [check] }, legacy);

  test("have Marathon's defaults", () => {
    expect(read({}).copyable).toEqual([defaults]);
    expect(read({}, true).copyable).toEqual([{ ...defaults, portIndex: 0 }]);
  });

  test.each([
    [{ portIndex: 1 }, { portIndex: 1 }],
    [{ port: 8080 }, { port: 8080 }],
    [{ port: 8080, portIndex: 0 }, { port: 8080 }],
    [{ port: 0, portIndex: 2 }, { portIndex: 2 }],
    [{ port: 70_000 }, {}],
    [{ portIndex: -1 }, {}],
    [{ portIndex: 0.5 }, {}],
    [{ path: '' }, {}],
    [{ path: 7 }, {}],
    [{ path: '/a b' }, { path: '/a b' }],
    [{ protocol: 'mesos_https' }, { protocol: 'MESOS_HTTPS' }],
    [
      { intervalSeconds: 5, timeoutSeconds: 0.5, maxConsecutiveFailures: 0 },
      { intervalSeconds: 5, timeoutSeconds: 0.5, maxConsecutiveFailures: 0 },
    ],
    [{ intervalSeconds: 0, timeoutSeconds: -1, maxConsecutiveFailures: 1.5 }, {}],
    [{ intervalSeconds: Number.NaN, timeoutSeconds: 1e300, maxConsecutiveFailures: 'x' }, {}],
  ])('%j', (check, expected) => {
    expect(read(check).copyable).toEqual([{ ...defaults, ...expected }]);
  });

  test('a check on a literal port has no index, on old versions either', () => {
    expect(read({ port: 8080 }, true).copyable).toEqual([{ ...defaults, port: 8080 }]);
  });

  test.each([[{ protocol: 'COMMAND', command: { value: 'true' } }], [{ protocol: 'GRPC' }], [{ protocol: 7 }]])(
    '%j cannot be copied, but counts',
    (check) => {
      expect(read(check)).toEqual({ copyable: [], count: 1 });
    },
  );

  test.each([[undefined], [null], [[]], ['HTTP'], [[null, 7]]])('%j are none', (healthChecks) => {
    expect(parseHealthChecks({ healthChecks }, true)).toEqual(NO_CHECKS);
  });
});
