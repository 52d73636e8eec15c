import type { AgentLosses } from './agents.ts';
import type { Cluster } from './cluster.ts';
import type { Deployments } from './deployments.ts';
import type { HealthChecks } from './health.ts';
import type { Instances } from './instances.ts';
import { json, type Reply } from './reply.ts';
import type { Writes, Written } from './writes.ts';

/** A request to the leader, without prefix. */
export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The body as text. */
  readonly body: string;
  readonly accept: string;
  readonly clientIp: string;
}

/** The engine that the API works on. */
export interface Engine {
  readonly cluster: Cluster;
  readonly instances: Instances;
  readonly health: HealthChecks;
  readonly deployments: Deployments;
  readonly writes: Writes;
  readonly agents: AgentLosses;
}

/** What the API needs to know of the masters. */
export interface Leadership {
  /** `host:port` of the leader. */
  leader(): string;
  abdicate(): void;
}

/** One route: the first that matches answers. `match` holds the groups of the pattern, decoded. */
export interface ApiRoute {
  readonly method: string;
  readonly path: RegExp;
  answer(request: ApiRequest, match: readonly string[]): Promise<Reply> | Reply;
}

/** The body as JSON, or the 400 that Marathon answers. */
export function bodyOf(request: ApiRequest): { readonly value: unknown } | { readonly reply: Reply } {
  try {
    return { value: JSON.parse(request.body) };
  } catch (error) {
    return { reply: json({ message: 'Invalid JSON', details: String(error) }, 400) };
  }
}

/** The answer of a write: `{version, deploymentId}`, or the error of marathon-api 2.5. */
export function writeReply(written: Written): Reply {
  if (written.ok) {
    const { id, version } = written.deployment;
    return json({ version, deploymentId: id }, written.created ? 201 : 200, { 'Marathon-Deployment-Id': id });
  }
  switch (written.why) {
    case 'locked':
      return json(
        {
          message:
            "App is locked by one or more deployments. Override with the option '?force=true'. View details at '/v2/deployments/<DEPLOYMENT_ID>'.",
          deployments: written.deployments.map((id) => ({ id })),
        },
        409,
      );
    case 'invalid':
      return json(
        {
          message: 'Object is not valid',
          details: written.invalid.map(({ path, error }) => ({ path, errors: [error] })),
        },
        422,
      );
    case 'exists':
      return json({ message: `An app with id [${written.app}] already exists.` }, 409);
    case 'missing':
      return notFound(written.app);
  }
}

/** 404 for an app. */
export function notFound(app: string): Reply {
  return json({ message: `App '${app}' does not exist` }, 404);
}

/** `force` of a write. */
export function forced(request: ApiRequest, otherwise = false): boolean {
  const given = request.query.get('force');
  return given === null ? otherwise : given === 'true';
}
