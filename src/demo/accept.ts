import { acceptHealthChecks } from './accept-checks.ts';
import { acceptNetworking, type PortSyntax } from './accept-networking.ts';
import type { Definition, UnreachableStrategy } from './definition.ts';
import type { Invalid } from './invalid.ts';
import { asList, asNumber, asObject, asText, asTexts, type Json, withoutEmpty } from './json.ts';

/** A definition without its times, or why it is not one. */
export type Accepted =
  | { readonly ok: true; readonly value: Omit<Definition, 'version' | 'lastScalingAt' | 'lastConfigChangeAt'> }
  | { readonly ok: false; readonly invalid: readonly Invalid[] };

const SEGMENT = /^(([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])$/;

/** Members that `accept` reads; everything else is kept in `rest`. */
const READ = new Set(
  `id instances labels env networks ports portDefinitions ipAddress container healthChecks upgradeStrategy killSelection
   unreachableStrategy requirePorts taskKillGracePeriodSeconds backoffSeconds backoffFactor maxLaunchDelaySeconds
   version versionInfo tasks tasksStaged tasksRunning tasksHealthy tasksUnhealthy deployments lastTaskFailure
   readinessCheckResults tasksStats taskStats uris`.split(/\s+/),
);

/** What Marathon fills in of the members that are only kept. */
const DEFAULTS: Json = { cpus: 0.1, mem: 128, disk: 0, gpus: 0, executor: '', role: '*' };

/** Makes the id absolute. */
export function absoluteId(id: string): string {
  return `/${id.split('/').filter(Boolean).join('/')}`;
}

/** A posted app, in the syntax of any version, as a definition with Marathon's defaults; service ports may still be 0. */
export function accept(json: unknown): Accepted {
  const app = asObject(json);
  if (app === undefined) return { ok: false, invalid: [{ path: '/', error: 'must be an object' }] };
  const invalid: Invalid[] = [];
  const id = acceptId(app['id'], invalid);
  const instances = app['instances'] === undefined || app['instances'] === null ? 1 : asNumber(app['instances']);
  if (instances === undefined || !Number.isInteger(instances) || instances < 0)
    invalid.push({ path: '/instances', error: 'must be greater than or equal to 0' });
  if (!asText(app['cmd']) && asList(app['args']).length === 0 && !asObject(app['container']))
    invalid.push({
      path: '/',
      error: "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.",
    });
  for (const [label, value] of Object.entries(asObject(app['labels']) ?? {}))
    if (typeof value !== 'string') invalid.push({ path: `/labels/${label}`, error: 'error.expected.jsstring' });
  const networking = acceptNetworking(app, invalid);
  const checks = acceptHealthChecks(app['healthChecks'], networking, invalid);
  const upgrade = asObject(app['upgradeStrategy']) ?? {};
  const share = (name: string): number => {
    const value = asNumber(upgrade[name]) ?? 1;
    if (value < 0 || value > 1)
      invalid.push({ path: `/upgradeStrategy/${name}`, error: 'must be between 0.0 and 1.0' });
    return value;
  };
  const minimumHealthCapacity = share('minimumHealthCapacity');
  const maximumOverCapacity = share('maximumOverCapacity');
  if (invalid.length > 0) return { ok: false, invalid };
  const grace = asNumber(app['taskKillGracePeriodSeconds']);
  return {
    ok: true,
    value: {
      id,
      instances: instances ?? 1,
      labels: asTexts(app['labels']),
      env: asObject(app['env']) ?? {},
      networks: networking.networks,
      ports: networking.ports,
      discovery: networking.discovery,
      ...(networking.container === undefined ? {} : { container: networking.container }),
      healthChecks: checks,
      minimumHealthCapacity,
      maximumOverCapacity,
      killSelection: app['killSelection'] === 'OLDEST_FIRST' ? 'OLDEST_FIRST' : 'YOUNGEST_FIRST',
      unreachableStrategy: unreachable(app['unreachableStrategy']),
      requirePorts: app['requirePorts'] === true && networking.networks[0]?.mode === 'host',
      ...(grace === undefined ? {} : { taskKillGracePeriodSeconds: grace }),
      backoffSeconds: asNumber(app['backoffSeconds']) ?? 1,
      backoffFactor: asNumber(app['backoffFactor']) ?? 1.15,
      maxLaunchDelaySeconds: asNumber(app['maxLaunchDelaySeconds']) ?? 300,
      rest: { ...DEFAULTS, ...withoutEmpty(Object.fromEntries(Object.entries(app).filter(([key]) => !READ.has(key)))) },
    },
  };
}

/** The definition that a PUT or PATCH asks for: the present JSON with the given members replaced, old port syntax winning over new. */
export function merge(present: Json, update: Json): Json {
  const drop = new Set<keyof PortSyntax>();
  const docker = asObject(asObject(update['container'])?.['docker']);
  if (update['ports'] !== undefined) drop.add('portDefinitions');
  if (update['portDefinitions'] !== undefined) drop.add('ports');
  if (docker?.['network'] !== undefined || update['ipAddress'] !== undefined) drop.add('networks');
  if (update['networks'] !== undefined) drop.add('ipAddress').add('portDefinitions').add('ports');
  const kept = Object.fromEntries(Object.entries(present).filter(([key]) => !drop.has(key as keyof PortSyntax)));
  return { ...kept, ...update };
}

function acceptId(value: unknown, invalid: Invalid[]): string {
  const text = asText(value);
  if (text === undefined || text === '' || text === '/') {
    invalid.push({ path: '/id', error: 'must not be empty' });
    return '/';
  }
  const id = absoluteId(text);
  if (
    !id
      .slice(1)
      .split('/')
      .every((segment) => SEGMENT.test(segment))
  )
    invalid.push({
      path: '/id',
      error: `must fully match regular expression '^(([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\-]*[a-z0-9])|(\\.|\\.\\.)$'`,
    });
  return id;
}

function unreachable(value: unknown): UnreachableStrategy {
  if (value === 'disabled') return 'disabled';
  const strategy = asObject(value) ?? {};
  return {
    inactiveAfterSeconds: asNumber(strategy['inactiveAfterSeconds']) ?? 0,
    expungeAfterSeconds: asNumber(strategy['expungeAfterSeconds']) ?? 0,
  };
}
