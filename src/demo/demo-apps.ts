import type { DemoPorts } from './demo-ports.ts';
import type { Json } from './json.ts';

/** The host that the sample site and its API share. */
export const SITE = 'site.demo.localhost';

const CHECK = {
  protocol: 'HTTP',
  path: '/health',
  portIndex: 0,
  gracePeriodSeconds: 10,
  intervalSeconds: 1,
  timeoutSeconds: 2,
};
const COMMON = {
  cmd: 'serve',
  cpus: 0.1,
  mem: 32,
  env: { TASK_ANSWER: 'text' },
  taskKillGracePeriodSeconds: 2,
};
const IMAGE = { type: 'DOCKER', docker: { image: 'example/demo:1' } };

/** A site (host network), a path-routed API (bridge) and a TCP echo service (an IP address per task). */
export function sampleApps(ports: DemoPorts): readonly Json[] {
  const local = { HAPROXY_GROUP: 'external', HAPROXY_0_BIND_ADDR: '127.0.0.1' };
  return [
    {
      ...COMMON,
      id: '/demo/site',
      instances: 2,
      portDefinitions: [{ port: ports.site, name: 'http' }],
      labels: { ...local, HAPROXY_0_VHOST: SITE },
      healthChecks: [CHECK],
    },
    {
      ...COMMON,
      id: '/demo/api',
      instances: 2,
      container: { ...IMAGE, portMappings: [{ containerPort: 8080, hostPort: 0, servicePort: ports.api }] },
      networks: [{ mode: 'container/bridge' }],
      labels: { ...local, HAPROXY_0_VHOST: SITE, HAPROXY_0_PATH: '/api' },
      healthChecks: [CHECK],
    },
    {
      ...COMMON,
      id: '/demo/echo',
      instances: 2,
      container: { ...IMAGE, portMappings: [{ containerPort: 7007, servicePort: ports.echo }] },
      networks: [{ mode: 'container', name: 'demo' }],
      labels: { ...local, HAPROXY_0_MODE: 'tcp' },
      healthChecks: [{ ...CHECK, protocol: 'TCP', path: undefined }],
    },
  ];
}

/** The app that the printed curl line posts. */
export function helloApp(): Json {
  return {
    id: '/demo/hello',
    cmd: 'serve',
    instances: 1,
    env: { TASK_ANSWER: 'text' },
    labels: {
      HAPROXY_GROUP: 'external',
      HAPROXY_0_VHOST: 'hello.demo.localhost',
      HAPROXY_0_BIND_ADDR: '127.0.0.1',
    },
    healthChecks: [{ path: '/health', intervalSeconds: 1 }],
  };
}
