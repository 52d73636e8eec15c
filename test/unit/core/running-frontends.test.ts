import { expect, test } from 'vitest';
import type { Backend, RoutingTable } from '../../../src/core/routing.ts';
import { withRunningFrontends } from '../../../src/core/running-frontends.ts';
import { backend, server, service, TCP_PROFILE, table } from '../../support/tables.ts';

const ready = server(31_000);
const other = server(31_001);
const leaving = server(31_002, { admission: 'maint' });
const tcp = (name: string, servers: Backend['servers']): Backend => backend(name, { profile: TCP_PROFILE, servers });

const OLD = tcp('db_10000', [ready, other, leaving]);
const before = table({ backends: [OLD], services: [service(OLD, [10_000])] });
/** The old frontend runs on: only a reload removes it. */
const reached = table({ services: before.services });
const removed = [{ because: 'service-removed', service: OLD.name }] as const;

/** The same app under a new name, with these servers, on this port. */
function moved(servers: Backend['servers'], port: number): RoutingTable {
  const now = tcp('db_10001', servers);
  return table({ backends: [now], services: [service(now, [port])] });
}

test('an address that is served on keeps the servers that are wanted still, until the reload', () => {
  const target = withRunningFrontends(before, moved([ready, leaving], 10_000), reached, removed);
  expect(target.backends).toEqual([{ ...OLD, servers: [ready] }]);
  expect(target.services).toBe(reached.services);
});

test('servers that nobody wants any more get no connection, and nobody one at an address that is closed', () => {
  expect(withRunningFrontends(before, moved([server(31_009)], 10_000), reached, removed)).toBe(reached);
  expect(withRunningFrontends(before, moved([ready], 10_001), reached, removed)).toBe(reached);
});

test('a backend that goes on by itself stays as it is, and without a removed service nothing is looked at', () => {
  const on = table({ services: before.services, backends: [tcp('db_10000', [other])] });
  expect(withRunningFrontends(before, moved([ready], 10_000), on, removed)).toBe(on);
  expect(withRunningFrontends(before, moved([ready], 10_000), reached, [])).toBe(reached);
});
