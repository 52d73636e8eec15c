import type { Definition, Network, PortSpec } from './definition.ts';
import type { Invalid } from './invalid.ts';
import { asList, asNumber, asObject, asText, asTexts, type Json } from './json.ts';

/** The members of an app that say something about ports and networks, old syntax and new. */
export type PortSyntax = Pick<Json, 'networks' | 'ports' | 'portDefinitions' | 'ipAddress'>;

/** What an app says about its networks, in the words of Marathon 1.5. */
export type Networking = Pick<Definition, 'networks' | 'ports' | 'discovery' | 'container'>;

/** Reads networks and ports in any version's syntax (marathon-api 1.3); an app that names no port gets one. */
export function acceptNetworking(app: Json, invalid: Invalid[]): Networking {
  const container = asObject(app['container']);
  const docker = asObject(container?.['docker']);
  const networks = readNetworks(app, docker);
  const mode = networks[0]?.mode ?? 'host';
  const bare = container === undefined ? {} : { container: withoutNetworking(container, docker) };
  if (mode === 'host') {
    const ports = hostPorts(app, invalid);
    return { networks, ports, discovery: false, ...bare };
  }
  const boxed = { container: { type: 'MESOS', volumes: [] }, ...bare };
  const discovered = asList(asObject(asObject(app['ipAddress'])?.['discovery'])?.['ports']);
  const given = container?.['portMappings'] ?? docker?.['portMappings'];
  const mappings = Array.isArray(given) ? given : undefined;
  if (mappings === undefined && discovered.length > 0)
    return { networks, ports: discovered.map((port) => discoveryPort(port)), discovery: true, ...boxed };
  const ports = (mappings ?? [{ containerPort: 0, name: 'default' }]).map((mapping, index) =>
    portMapping(asObject(mapping) ?? {}, mode, index, invalid),
  );
  return { networks, ports, discovery: false, ...boxed };
}

function readNetworks(app: Json, docker: Json | undefined): readonly Network[] {
  const given = asList(app['networks']).flatMap((entry): Network[] => {
    const network = asObject(entry);
    const mode = network?.['mode'] ?? 'container';
    if (mode !== 'host' && mode !== 'container/bridge' && mode !== 'container') return [];
    const name = asText(network?.['name']);
    return [name === undefined ? { mode } : { mode, name }];
  });
  if (given.length > 0) return given;
  const ipAddress = asObject(app['ipAddress']);
  const name = asText(ipAddress?.['networkName']);
  const old = asText(docker?.['network']);
  if (old === 'BRIDGE') return [{ mode: 'container/bridge' }];
  if (old === 'HOST') return [{ mode: 'host' }];
  if (old === 'USER' || (old === undefined && ipAddress !== undefined))
    return [name === undefined ? { mode: 'container' } : { mode: 'container', name }];
  return [{ mode: 'host' }];
}

function withoutNetworking(container: Json, docker: Json | undefined): Json {
  const { portMappings: _mappings, docker: _docker, ...others } = container;
  if (docker === undefined) return { type: 'MESOS', volumes: [], ...others };
  const { network: _network, portMappings: _ports, ...image } = docker;
  return {
    type: 'DOCKER',
    volumes: [],
    ...others,
    docker: { forcePullImage: false, parameters: [], privileged: false, ...image },
  };
}

function hostPorts(app: Json, invalid: Invalid[]): readonly PortSpec[] {
  const requirePorts = app['requirePorts'] === true;
  const spec = (port: number, more: Partial<PortSpec>): PortSpec => ({
    servicePort: port,
    hostPort: requirePorts ? port : 0,
    protocol: 'tcp',
    labels: {},
    ...more,
  });
  const checked = (value: unknown, path: string): number => {
    const port = asNumber(value) ?? 0;
    if (!isPort(port)) invalid.push({ path, error: 'must be between 0 and 65535' });
    return port;
  };
  if (Array.isArray(app['portDefinitions']))
    return app['portDefinitions'].map((entry, index) => {
      const given = asObject(entry) ?? {};
      const name = asText(given['name']);
      return spec(checked(given['port'], `/portDefinitions(${index})/port`), {
        protocol: asText(given['protocol']) ?? 'tcp',
        labels: asTexts(given['labels']),
        ...(name === undefined ? {} : { name }),
      });
    });
  if (Array.isArray(app['ports'])) return app['ports'].map((port, i) => spec(checked(port, `/ports(${i})`), {}));
  return [spec(0, { name: 'default' })];
}

function portMapping(given: Json, mode: Network['mode'], index: number, invalid: Invalid[]): PortSpec {
  const path = `/container/portMappings(${index})`;
  const number = (key: string): number | undefined => {
    const value = asNumber(given[key]);
    if (value !== undefined && !isPort(value))
      invalid.push({ path: `${path}/${key}`, error: 'must be between 0 and 65535' });
    return value;
  };
  const hostPort = number('hostPort') ?? (mode === 'container/bridge' ? 0 : undefined);
  const name = asText(given['name']);
  const networkNames = asList(given['networkNames']).filter((entry): entry is string => typeof entry === 'string');
  return {
    containerPort: number('containerPort') ?? 0,
    ...(hostPort === undefined ? {} : { hostPort }),
    servicePort: number('servicePort') ?? 0,
    protocol: asText(given['protocol']) ?? 'tcp',
    labels: asTexts(given['labels']),
    ...(name === undefined ? {} : { name }),
    ...(networkNames.length === 0 ? {} : { networkNames }),
  };
}

function discoveryPort(value: unknown): PortSpec {
  const given = asObject(value) ?? {};
  const name = asText(given['name']);
  return {
    containerPort: asNumber(given['number']) ?? 0,
    servicePort: 0,
    protocol: asText(given['protocol']) ?? 'tcp',
    labels: asTexts(given['labels']),
    ...(name === undefined ? {} : { name }),
  };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 65_535;
}
