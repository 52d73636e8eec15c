import { writeFile } from 'node:fs/promises';

/** A cluster as Marathon would show it: `apps` apps with `tasks` tasks each, host network, one vhost and one service port an app. */
export function generatedApps(apps: number, tasks: number): object {
  const version = '2026-01-01T00:00:00.000Z';
  return {
    apps: Array.from({ length: apps }, (_, a) => ({
      id: `/bench/app-${a}`,
      instances: tasks,
      version,
      versionInfo: { lastScalingAt: version, lastConfigChangeAt: version },
      networks: [{ mode: 'host' }],
      portDefinitions: [{ port: 10_000 + a, protocol: 'tcp', name: 'http', labels: {} }],
      requirePorts: false,
      healthChecks: [
        {
          protocol: 'HTTP',
          path: '/health',
          portIndex: 0,
          gracePeriodSeconds: 30,
          intervalSeconds: 60,
          timeoutSeconds: 10,
          maxConsecutiveFailures: 3,
        },
      ],
      labels: {
        HAPROXY_GROUP: 'external',
        HAPROXY_0_VHOST: `app-${a}.bench.example`,
        HAPROXY_0_BIND_ADDR: '127.0.0.1',
      },
      deployments: [],
      tasks: Array.from({ length: tasks }, (_, t) => ({
        id: `bench_app-${a}.instance-${String(t).padStart(12, '0')}._app.1`,
        appId: `/bench/app-${a}`,
        host: `127.1.${t}.${1 + (a % 250)}`,
        ports: [31_000 + (a % 1000)],
        ipAddresses: [],
        state: 'TASK_RUNNING',
        version,
        stagedAt: version,
        startedAt: version,
        healthCheckResults: [
          { alive: true, consecutiveFailures: 0, firstSuccess: version, lastSuccess: version, instanceId: 'x' },
        ],
      })),
    })),
  };
}

/** Writes them to a file. Gives its size in bytes. */
export async function writeApps(path: string, apps: number, tasks: number): Promise<number> {
  const text = JSON.stringify(generatedApps(apps, tasks));
  await writeFile(path, text);
  return Buffer.byteLength(text);
}
