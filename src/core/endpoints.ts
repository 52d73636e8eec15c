import type { Endpoint, MissingEndpoint } from './app.ts';
import type { Binding, Definition } from './definition.ts';
import { parseAddress } from './host.ts';
import { isPort, isRecord, textAt } from './json.ts';

/** What of a task decides where it answers. */
export interface TaskPlace {
  /** False for tasks that have ended: they keep no ports. */
  readonly active: boolean;
  /** The agent as Marathon names it, empty where it named none. */
  readonly host: string;
  readonly hostAddress: string | undefined;
  /** `ports` of the task, unchecked: host ports only, in the order of the mappings that have one. */
  readonly hostPorts: readonly unknown[];
  /** `ipAddresses` of the task, unchecked: the container's own addresses in Mesos' order. */
  readonly addresses: readonly unknown[];
}

/** Where a task answers, and for which ports it does not. Both sorted by `portIndex`; each port is in one of them. */
export interface Endpoints {
  readonly endpoints: readonly Endpoint[];
  readonly missing: readonly MissingEndpoint[];
}

type Found = { readonly address: string; readonly port: number } | MissingEndpoint['because'];

/**
 * Finds address and port for each port of the task's own definition (marathon-api 1.6). Host ports are dealt out by walking
 * the ports: a container port without host port takes none, so the two lists must never be paired by position.
 */
export function resolveEndpoints(definition: Definition, task: TaskPlace): Endpoints {
  const endpoints: Endpoint[] = [];
  const missing: MissingEndpoint[] = [];
  let dealt = 0;
  definition.bindings.forEach((binding, portIndex) => {
    const hostPort = binding.on === 'agent' ? task.hostPorts[dealt++] : undefined;
    const found = task.active ? resolve(binding, hostPort, definition, task) : 'not-active';
    if (typeof found === 'string') missing.push({ portIndex, because: found });
    else endpoints.push({ portIndex, ...found });
  });
  return { endpoints, missing };
}

function resolve(binding: Binding, hostPort: unknown, definition: Definition, task: TaskPlace): Found {
  switch (binding.on) {
    case 'agent':
      return onAgent(hostPort, task);
    case 'container': {
      if (binding.port === undefined) return binding.outOfRange ? 'port-out-of-range' : 'no-task-port';
      const address = containerAddress(binding.network, definition.networkCount, task.addresses);
      return address === undefined ? 'no-ip-yet' : { address, port: binding.port };
    }
    case 'nothing':
      return 'no-task-port';
  }
}

function onAgent(hostPort: unknown, task: TaskPlace): Found {
  if (hostPort === undefined || hostPort === null) return 'no-task-port';
  if (!isPort(hostPort)) return 'port-out-of-range';
  if (task.host === '') return 'no-host';
  return task.hostAddress === undefined ? 'host-unresolvable' : { address: task.hostAddress, port: hostPort };
}

/** First usable address of the n-th network. Mesos lists the networks in order, each with as many addresses as the others. */
function containerAddress(network: number, networkCount: number, addresses: readonly unknown[]): string | undefined {
  const each = addresses.length % networkCount === 0 ? addresses.length / networkCount : 1;
  return addresses
    .slice(network * each, (network + 1) * each)
    .map((entry) => (isRecord(entry) ? parseAddress(textAt(entry, 'ipAddress')) : undefined))
    .find((address) => address !== undefined);
}
