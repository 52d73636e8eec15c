import type { Definition, HealthCheckSpec, PortSpec } from './definition.ts';
import { modeOf } from './definition.ts';
import { defined, type Json, withoutEmpty } from './json.ts';
import type { Dialect } from './options.ts';

/** The app as Marathon writes it, without counts, tasks and deployments (marathon-api 1.2, 1.3). */
export function definitionJson(definition: Definition, dialect: Dialect): Json {
  const common = {
    ...definition.rest,
    id: definition.id,
    instances: definition.instances,
    labels: definition.labels,
    backoffSeconds: definition.backoffSeconds,
    backoffFactor: definition.backoffFactor,
    maxLaunchDelaySeconds: definition.maxLaunchDelaySeconds,
    requirePorts: definition.requirePorts,
    upgradeStrategy: {
      maximumOverCapacity: definition.maximumOverCapacity,
      minimumHealthCapacity: definition.minimumHealthCapacity,
    },
    killSelection: definition.killSelection,
    unreachableStrategy: definition.unreachableStrategy,
    version: definition.version,
    versionInfo: { lastScalingAt: definition.lastScalingAt, lastConfigChangeAt: definition.lastConfigChangeAt },
  };
  const checks = definition.healthChecks.map((check) => checkJson(check, dialect));
  return dialect === '1.4' ? old(definition, common, checks) : recent(definition, common, checks);
}

/** The app as a write may change it: the recent form, IP-per-task discovery kept as it was posted. */
export function editableJson(definition: Definition): Json {
  const json = definitionJson(definition, '1.10');
  if (!definition.discovery) return json;
  const { networks: _networks, container: _container, ...others } = json;
  return { ...others, container: definition.container, ipAddress: ipAddressJson(definition) };
}

/** A health check as the app's JSON has it. */
export function checkJson(check: HealthCheckSpec, dialect: Dialect): Json {
  return defined({
    ...check.rest,
    ...(dialect === '1.4' ? { delaySeconds: undefined } : {}),
    protocol: check.protocol,
    path: check.path,
    portIndex: check.portIndex,
    port: check.port,
    gracePeriodSeconds: check.gracePeriodSeconds,
    intervalSeconds: check.intervalSeconds,
    timeoutSeconds: check.timeoutSeconds,
    maxConsecutiveFailures: check.maxConsecutiveFailures,
  });
}

/** ≥ 1.5: `networks`, mappings in the container, and no empty members but `labels`. */
function recent(definition: Definition, common: Json, checks: readonly Json[]): Json {
  const host = modeOf(definition) === 'host';
  const mappings = host ? {} : { portMappings: definition.ports.map(mappingJson) };
  const container = definition.container === undefined ? undefined : { ...definition.container, ...mappings };
  return {
    ...withoutEmpty({ ...common, env: definition.env, healthChecks: checks }),
    labels: definition.labels,
    networks: definition.networks,
    ...(container === undefined ? {} : { container }),
    ...(host ? { portDefinitions: definition.ports.map(definitionPort) } : {}),
    ...graceOf(definition),
  };
}

/** ≤ 1.4: the network in `docker` or `ipAddress`, `ports` beside, null or empty for what is unset. */
function old(definition: Definition, common: Json, checks: readonly Json[]): Json {
  const mode = modeOf(definition);
  const docker = definition.container?.['docker'] as Json | undefined;
  const network = mode === 'host' ? 'HOST' : mode === 'container/bridge' ? 'BRIDGE' : 'USER';
  const mapped = mode !== 'host' && !definition.discovery;
  const container =
    definition.container === undefined && !mapped
      ? null
      : {
          volumes: [],
          ...definition.container,
          type: docker === undefined && !mapped ? 'MESOS' : 'DOCKER',
          ...(docker === undefined && !mapped
            ? {}
            : { docker: { ...docker, network, portMappings: mapped ? definition.ports.map(mappingJson) : [] } }),
        };
  const servicePorts = definition.discovery ? [] : definition.ports.map((port) => port.servicePort);
  const unset = Object.fromEntries(
    ['cmd', 'args', 'user', 'acceptedResourceRoles', 'residency', 'taskKillGracePeriodSeconds'].map((k) => [k, null]),
  );
  const empty = Object.fromEntries(
    ['constraints', 'uris', 'fetch', 'storeUrls', 'readinessChecks', 'dependencies'].map((key) => [key, []]),
  );
  const { role: _later, ...known } = common as Json;
  return {
    ...unset,
    ...empty,
    secrets: {},
    ...known,
    env: definition.env,
    healthChecks: checks,
    container,
    ipAddress: mode === 'container' ? ipAddressJson(definition) : null,
    ports: servicePorts,
    portDefinitions: definition.discovery ? [] : definition.ports.map(definitionPort),
    ...graceOf(definition),
  };
}

function graceOf(definition: Definition): Json {
  return defined({ taskKillGracePeriodSeconds: definition.taskKillGracePeriodSeconds });
}

function mappingJson(port: PortSpec): Json {
  return defined({
    containerPort: port.containerPort,
    hostPort: port.hostPort,
    servicePort: port.servicePort,
    protocol: port.protocol,
    name: port.name,
    labels: port.labels,
    networkNames: port.networkNames,
  });
}

function definitionPort(port: PortSpec): Json {
  return defined({ port: port.servicePort, protocol: port.protocol, name: port.name, labels: port.labels });
}

function ipAddressJson(definition: Definition): Json {
  return defined({
    groups: [],
    labels: {},
    discovery: { ports: definition.discovery ? definition.ports.map(discoveryJson) : [] },
    networkName: definition.networks[0]?.name,
  });
}

function discoveryJson(port: PortSpec): Json {
  return { number: port.containerPort ?? 0, protocol: port.protocol, name: port.name ?? '', labels: port.labels };
}
