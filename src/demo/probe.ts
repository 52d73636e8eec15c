import { request } from 'node:http';
import { connect } from 'node:net';
import type { Instance } from './cluster.ts';
import { type HealthCheckSpec, modeOf } from './definition.ts';

/** What a probe found: undefined is success, text says what failed. */
export type Verdict = string | undefined;

/** Probes an instance as Marathon does: HTTP accepts 2xx and 3xx, TCP a connection. COMMAND asks the task itself. */
export function probe(instance: Instance, check: HealthCheckSpec, timeoutMs: number): Promise<Verdict> {
  if (check.protocol === 'COMMAND')
    return Promise.resolve(instance.task?.healthy() === false ? 'Command exited with status 1' : undefined);
  const target = targetOf(instance, check);
  if (target === undefined) return Promise.resolve('no address');
  return check.protocol.endsWith('TCP')
    ? probeTcp(target.address, target.port, timeoutMs)
    : probeHttp(target.address, target.port, check.path ?? '/', timeoutMs);
}

/** Address and port that a check goes to: walks the mappings, as host ports and container ports are not in step. */
function targetOf(instance: Instance, check: HealthCheckSpec): { address: string; port: number } | undefined {
  const { definition, agent, ip, hostPorts } = instance;
  const container = modeOf(definition) === 'container';
  const hostAddress = agent?.address;
  if (check.port !== undefined) {
    const address = container ? ip : hostAddress;
    return address === undefined ? undefined : { address, port: check.port };
  }
  let given = 0;
  for (const [index, port] of definition.ports.entries()) {
    const hostPort = port.hostPort === undefined ? undefined : hostPorts[given++];
    if (index !== (check.portIndex ?? 0)) continue;
    if (hostPort !== undefined) return hostAddress === undefined ? undefined : { address: hostAddress, port: hostPort };
    return ip === undefined || port.containerPort === undefined ? undefined : { address: ip, port: port.containerPort };
  }
  return undefined;
}

function probeHttp(address: string, port: number, path: string, timeoutMs: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const asking = request(
      {
        host: address,
        port,
        path,
        agent: false,
        timeout: timeoutMs,
        headers: { 'User-Agent': 'marathon-health-check' },
      },
      (answer) => {
        answer.resume();
        const status = answer.statusCode ?? 0;
        resolve(status >= 200 && status < 400 ? undefined : `${status} ${answer.statusMessage ?? ''}`.trim());
      },
    );
    asking.on('timeout', () => asking.destroy(new Error('timed out')));
    asking.on('error', (error) => resolve(error.message));
    asking.end();
  });
}

function probeTcp(address: string, port: number, timeoutMs: number): Promise<Verdict> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: timeoutMs }, () => {
      socket.end();
      resolve(undefined);
    });
    socket.resume();
    socket.on('timeout', () => {
      socket.destroy();
      resolve('timed out');
    });
    socket.on('error', (error) => resolve(error.message));
  });
}
