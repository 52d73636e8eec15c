import type { Networking } from './accept-networking.ts';
import type { HealthCheckSpec } from './definition.ts';
import type { Invalid } from './invalid.ts';
import { asList, asNumber, asObject, asText, withoutEmpty } from './json.ts';

const READ = new Set([
  'protocol',
  'path',
  'portIndex',
  'port',
  'gracePeriodSeconds',
  'intervalSeconds',
  'timeoutSeconds',
  'maxConsecutiveFailures',
]);

/** Reads `healthChecks` with Marathon's defaults (marathon-api 1.7). */
export function acceptHealthChecks(
  value: unknown,
  networking: Networking,
  invalid: Invalid[],
): readonly HealthCheckSpec[] {
  return asList(value).map((entry, index): HealthCheckSpec => {
    const given = asObject(entry) ?? {};
    const protocol = asText(given['protocol']) ?? 'HTTP';
    const port = asNumber(given['port']);
    const usesPort = protocol !== 'COMMAND';
    const portIndex = asNumber(given['portIndex']) ?? (usesPort && port === undefined ? 0 : undefined);
    if (portIndex !== undefined && networking.ports[portIndex] === undefined)
      invalid.push({
        path: `/healthChecks(${index})`,
        error: 'Health check port indices must address an element of the ports array or container port mappings.',
      });
    return {
      protocol,
      ...(protocol.includes('HTTP') ? { path: asText(given['path']) ?? '/' } : {}),
      ...(portIndex === undefined ? {} : { portIndex }),
      ...(port === undefined ? {} : { port }),
      gracePeriodSeconds: asNumber(given['gracePeriodSeconds']) ?? 300,
      intervalSeconds: asNumber(given['intervalSeconds']) ?? 60,
      timeoutSeconds: asNumber(given['timeoutSeconds']) ?? 20,
      maxConsecutiveFailures: asNumber(given['maxConsecutiveFailures']) ?? 3,
      rest: {
        ...(protocol.includes('HTTP') ? { ignoreHttp1xx: false } : {}),
        delaySeconds: 15,
        ...withoutEmpty(Object.fromEntries(Object.entries(given).filter(([key]) => !READ.has(key)))),
      },
    };
  });
}
