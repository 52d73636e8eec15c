import type { Json } from '../../src/demo/json.ts';

/** Where the clusters of the bench listen; all on loopback. */
export const PORTS = {
  /** The first of Portolan's five. */
  portolan: 25_000,
  /** Every address of 127/8: answers for all tasks that exist on paper. */
  answering: 25_010,
  /** Tasks that really run. */
  tasks: 25_011,
  yardstick: 25_012,
} as const;

/** Service ports of the cluster; nobody listens there. */
export const SERVICE_PORTS = { from: 10_000, to: 24_999 } as const;

export const hostOf = (id: string): string => `${id.slice(1).replaceAll('/', '-')}.bench.example`;
/** The address of a task as Marathon tells of it; empty where it has none. */
export const addressOf = (task: unknown): string => /"ipAddress":"([^"]+)"/.exec(JSON.stringify(task ?? {}))?.[1] ?? '';
export const seededId = (index: number): string => `/bench/app-${index}`;

/** Who checks the health of tasks. */
export type CheckedBy = 'haproxy' | 'marathon';

/**
 * An ordinary vhost: an address per task, HTTP, one health check a minute. Its service port stays closed (there is no such
 * address), since a port per app is no matter of vhosts. A check that only Marathon can make is none for HAProxy.
 */
export function vhostApp(id: string, servicePort: number, tasks: number, checkedBy: CheckedBy, more: Json = {}): Json {
  const check =
    checkedBy === 'haproxy'
      ? { protocol: 'HTTP', path: '/', portIndex: 0, gracePeriodSeconds: 30, intervalSeconds: 60 }
      : { protocol: 'COMMAND', command: { value: 'true' }, gracePeriodSeconds: 30, intervalSeconds: 60 };
  return {
    id,
    instances: tasks,
    networks: [{ mode: 'container', name: 'bench' }],
    container: {
      type: 'MESOS',
      portMappings: [{ containerPort: PORTS.answering, servicePort, protocol: 'tcp', name: 'http' }],
    },
    healthChecks: [check],
    labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: hostOf(id), HAPROXY_0_BIND_ADDR: 'none' },
    ...more,
  };
}
