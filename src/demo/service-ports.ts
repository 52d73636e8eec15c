import type { Untimed } from './changes.ts';
import type { Cluster } from './cluster.ts';
import type { Definition } from './definition.ts';
import type { Invalid } from './invalid.ts';

/** Service ports that the apps of one write have got, before they are stored. */
export type Reserved = Map<number, string>;

/**
 * Gives every port of the definition its service port: what it asks for, what it had at this position, or the
 * first free one of the range. Ports owned by another app are refused (enforced since 1.3). `reserved` grows.
 */
export function assignServicePorts(
  cluster: Cluster,
  definition: Untimed,
  present: Definition | undefined,
  reserved: Reserved,
  invalid: Invalid[],
): Untimed {
  if (definition.discovery && cluster.options.dialect === '1.4') return definition;
  const { from, to } = cluster.options.servicePorts;
  const ownerOf = (port: number): string | undefined => reserved.get(port) ?? cluster.servicePorts.get(port);
  let next = from;
  const own = new Set(definition.ports.map((port) => port.servicePort));
  const ports = definition.ports.map((port, index) => {
    let servicePort = port.servicePort;
    const before = present?.ports[index]?.servicePort ?? 0;
    if (servicePort === 0 && before > 0 && !own.has(before)) servicePort = before;
    if (servicePort === 0) {
      while (next <= to && (ownerOf(next) !== undefined || own.has(next))) next++;
      if (next > to) invalid.push({ path: '/ports', error: `no free service port between ${from} and ${to}` });
      else servicePort = next;
    }
    const owner = ownerOf(servicePort);
    if (owner !== undefined && owner !== definition.id)
      invalid.push({
        path: '/portDefinitions',
        error: `Requested service port ${servicePort} is used by an app with path ${owner}`,
      });
    reserved.set(servicePort, definition.id);
    own.add(servicePort);
    const fixed = definition.requirePorts ? { hostPort: servicePort } : {};
    return { ...port, servicePort, ...fixed };
  });
  return { ...definition, ports, discovery: false };
}
