import { connect } from 'node:net';
import type { Json } from '../../src/demo/json.ts';
import { createMarathon } from '../../src/demo/marathon.ts';
import type { MarathonOverrides } from '../../src/demo/options.ts';
import type { StandInMarathon } from '../../src/demo/stand-in.ts';
import { createPortolan, type PortolanProcess } from './portolan-process.ts';

/** A stand-in Marathon with real tasks, and a real Portolan with a real HAProxy in front of them. */
export interface Platform {
  readonly marathon: StandInMarathon;
  readonly portolan: PortolanProcess;
  destroy(): Promise<void>;
}

/** Starts both. Ports from `firstPort` on (5 of Portolan's); service ports of the cluster from `firstPort + 20` on. */
export async function createPlatform(
  firstPort: number,
  options: {
    readonly marathon?: MarathonOverrides;
    readonly flags?: readonly string[];
    readonly start?: boolean;
    /** What to put before Portolan's command. */
    readonly within?: (stateDir: string) => Promise<readonly string[]>;
  } = {},
): Promise<Platform> {
  const marathon = await createMarathon({
    servicePorts: { from: firstPort + 20, to: firstPort + 79 },
    secondMs: 500,
    heartbeatMs: 2_000,
    ...options.marathon,
  });
  const masters = marathon.urls.flatMap((url) => ['--marathon', url]);
  const flags = [...masters, '--group', 'external', ...(options.flags ?? [])];
  const { within } = options;
  const portolan = await createPortolan(firstPort, flags, within === undefined ? {} : { within });
  if (options.start !== false) await portolan.start();
  return {
    marathon,
    portolan,
    destroy: async () => {
      await portolan.destroy();
      await marathon.stop();
    },
  };
}

/** A Docker app on a USER network with a port mapping and a health check, as the platform's provisioner posts it. */
export function customerApp(
  id: string,
  more: { readonly labels?: Json; readonly mode?: 'http' | 'tcp' } & Json = {},
): Json {
  const { labels, mode = 'http', ...rest } = more;
  return {
    id,
    instances: 1,
    cpus: 0.1,
    mem: 64,
    container: {
      type: 'DOCKER',
      docker: {
        image: 'example/app:1',
        network: 'USER',
        portMappings: [{ containerPort: 8080, servicePort: 0, protocol: 'tcp' }],
      },
    },
    ipAddress: { networkName: 'customers' },
    healthChecks: [
      {
        protocol: mode === 'http' ? 'HTTP' : 'TCP',
        ...(mode === 'http' ? { path: '/health' } : {}),
        portIndex: 0,
        gracePeriodSeconds: 30,
        intervalSeconds: 1,
        timeoutSeconds: 10,
      },
    ],
    taskKillGracePeriodSeconds: 6,
    labels: {
      HAPROXY_GROUP: 'external',
      HAPROXY_0_BIND_ADDR: '127.0.0.1',
      ...(labels as Record<string, string> | undefined),
    },
    ...rest,
  };
}

/** Connects, sends one line and gives what came back until both greeting and echo are there; or the error's code. */
export function echo(
  port: number,
  line: string,
): Promise<{ readonly greeting: string; readonly echoed: string } | { readonly error: string }> {
  return new Promise((done) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port });
    const end = (result: Parameters<typeof done>[0]) => {
      socket.destroy();
      done(result);
    };
    socket.setTimeout(10_000, () => end({ error: 'timeout' }));
    socket.on('error', (error: NodeJS.ErrnoException) => end({ error: error.code ?? error.message }));
    socket.on('close', () => end({ error: `closed after ${JSON.stringify(text)}` }));
    socket.on('connect', () => socket.write(`${line}\n`));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8');
      const [greeting, echoed] = text.split('\n');
      if (greeting !== undefined && echoed !== undefined && text.endsWith('\n') && text.split('\n').length >= 3)
        end({ greeting, echoed });
    });
  });
}

/** The service port that the cluster gave an app's first port. */
export function servicePort(marathon: StandInMarathon, app: Json): number {
  const ports = JSON.stringify(app).match(/"servicePort":(\d+)/);
  const port = Number(ports?.[1]);
  if (!(port > 0)) throw new Error(`no service port in ${JSON.stringify(app)} of ${marathon.urls[0]}`);
  return port;
}
