import type { NetworkMode, Port } from './app.ts';
import { type Checks, parseHealthChecks } from './health.ts';
import { field, isPort, isRecord, type JsonRecord, listAt, portAt, recordAt, textAt } from './json.ts';

/** What of an app's definition, present or of an older version, decides where its tasks answer. */
export interface Definition {
  readonly network: NetworkMode;
  readonly ports: readonly Port[];
  /** How a task's address for each of `ports` is found; as long as `ports`. */
  readonly bindings: readonly Binding[];
  /** How many container networks each task joins; Mesos reports their addresses in this order. */
  readonly networkCount: number;
  readonly checks: Checks;
  /** How many readiness checks a deployment of it waits for. */
  readonly readinessChecks: number;
}

/** Where a port of a definition is found on a task. */
export type Binding =
  /** The next of the task's host ports, on the agent. */
  | { readonly on: 'agent' }
  /** `port` on the container's own address in the n-th of its networks; without a port it is reachable nowhere. */
  | { readonly on: 'container'; readonly network: number; readonly port?: number; readonly outOfRange: boolean }
  /** A service port that no mapping backs. */
  | { readonly on: 'nothing' };

type Bound = readonly [port: Port, binding: Binding];

const NOT_A_RECORD: JsonRecord = {};

/** Reads a definition of any Marathon from 0.8 to 1.11; never fails, what it cannot read is as if it were absent. */
export function parseDefinition(json: JsonRecord): Definition {
  const network = networkMode(json);
  const names = containerNetworks(json);
  const bound = boundPorts(json, network, names);
  return {
    network,
    ports: bound.map(([port]) => port),
    bindings: bound.map(([, binding]) => binding),
    networkCount: Math.max(1, names.length),
    checks: parseHealthChecks(json, isLegacy(json)),
    readinessChecks: listAt(json, 'readinessChecks').filter(isRecord).length,
  };
}

/** `container.docker.network` is written by Marathon ≤ 1.4 only, `networks` by ≥ 1.5 only (marathon-api 1.3). */
function dockerNetwork(json: JsonRecord): string {
  return textAt(recordAt(recordAt(json, 'container'), 'docker'), 'network').toUpperCase();
}

function isLegacy(json: JsonRecord): boolean {
  return dockerNetwork(json) !== '' || listAt(json, 'networks').length === 0;
}

/** Docker's NONE counts as container: such a task has no host ports and never gets an address. */
function networkMode(json: JsonRecord): NetworkMode {
  const docker = dockerNetwork(json);
  if (docker !== '') return docker === 'HOST' ? 'host' : docker === 'BRIDGE' ? 'bridge' : 'container';
  const modes = new Set(
    listAt(json, 'networks')
      .filter(isRecord)
      .map((network) => textAt(network, 'mode')),
  );
  if (modes.has('host')) return 'host';
  if (modes.has('container/bridge')) return 'bridge';
  if (modes.has('container')) return 'container';
  return isRecord(field(json, 'ipAddress')) ? 'container' : 'host';
}

function containerNetworks(json: JsonRecord): readonly string[] {
  return listAt(json, 'networks')
    .filter(isRecord)
    .filter((network) => textAt(network, 'mode') === 'container')
    .map((network) => textAt(network, 'name'));
}

/**
 * The service-port list of marathon-api 1.3, which the n of a label counts: of the port mappings if there are any, else of
 * the port definitions. Host networking has no mappings; where a definition carries both, its port definitions are meant.
 */
function boundPorts(json: JsonRecord, network: NetworkMode, names: readonly string[]): readonly Bound[] {
  const mappings = portMappings(json);
  const definitions = portDefinitions(json);
  if (network === 'host') {
    const entries = definitions.length > 0 ? definitions : mappings;
    return entries.map((entry, index) => [toPort(entry, index, 'container'), { on: 'agent' }]);
  }
  if (mappings.length > 0) {
    return mappings.map((mapping, index) => [
      toPort(mapping, index, 'container'),
      network === 'bridge' || field(mapping, 'hostPort') !== undefined
        ? { on: 'agent' }
        : onContainer(mapping, 'containerPort', names),
    ]);
  }
  const discovery = records(listAt(recordAt(recordAt(json, 'ipAddress'), 'discovery'), 'ports'));
  if (network === 'container' && discovery.length > 0) {
    return discovery.map((entry, index) => [toPort(entry, index, 'discovery'), onContainer(entry, 'number', names)]);
  }
  return definitions.map((entry, index) => [toPort(entry, index, 'container'), { on: 'nothing' }]);
}

function portMappings(json: JsonRecord): readonly JsonRecord[] {
  const container = recordAt(json, 'container');
  const own = records(listAt(container, 'portMappings'));
  return own.length > 0 ? own : records(listAt(recordAt(container, 'docker'), 'portMappings'));
}

/** `portDefinitions` (≥ 1.1), or the bare numbers of `ports` as if they had been written that way. */
function portDefinitions(json: JsonRecord): readonly JsonRecord[] {
  const own = records(listAt(json, 'portDefinitions'));
  return own.length > 0 ? own : listAt(json, 'ports').map((port) => ({ port }));
}

/** Entries that are no objects keep their place, so that the others keep their index. */
const records = (list: readonly unknown[]): readonly JsonRecord[] =>
  list.map((entry) => (isRecord(entry) ? entry : NOT_A_RECORD));

function toPort(entry: JsonRecord, index: number, kind: 'container' | 'discovery'): Port {
  const name = textAt(entry, 'name');
  const servicePort = kind === 'discovery' ? undefined : (portAt(entry, 'servicePort') ?? portAt(entry, 'port'));
  const containerPort = portAt(entry, kind === 'discovery' ? 'number' : 'containerPort');
  return {
    index,
    ...(name === '' ? {} : { name }),
    protocol: isUdpOnly(textAt(entry, 'protocol')) ? 'udp' : 'tcp',
    ...(servicePort === undefined ? {} : { servicePort }),
    ...(containerPort === undefined ? {} : { containerPort }),
  };
}

/** `udp` alone; `udp,tcp` and everything unreadable is TCP, Marathon's default. */
function isUdpOnly(protocol: string): boolean {
  const parts = protocol.toLowerCase().split(',');
  return parts.every((part) => part.trim() === 'udp');
}

function onContainer(entry: JsonRecord, key: string, networks: readonly string[]): Binding {
  const port = portAt(entry, key);
  const wanted = listAt(entry, 'networkNames').find((name) => typeof name === 'string' && networks.includes(name));
  const network = typeof wanted === 'string' ? networks.indexOf(wanted) : 0;
  const given = field(entry, key);
  const outOfRange = given !== undefined && given !== 0 && !isPort(given);
  return { on: 'container', network, outOfRange, ...(port === undefined ? {} : { port }) };
}
