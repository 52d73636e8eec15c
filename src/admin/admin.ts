import { chmod, unlink } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import type { AppId } from '../core/app.ts';
import type { DaemonEventBody } from '../core/events.ts';
import type { Clock, Control, Haproxy } from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';
import { formatBind, type Settings } from '../core/settings.ts';
import type { State } from '../core/state.ts';
import { adminSocketPath, answers } from './admin-socket.ts';
import { addClaimsEndpoint } from './claims-endpoint.ts';
import { addConfigEndpoint } from './config-endpoint.ts';
import { addControlEndpoints } from './control-endpoints.ts';
import { createDoor, type Door } from './door.ts';
import { createLiveRoutes } from './live-routes.ts';
import type { Metrics } from './metrics.ts';
import { redact, redactDeep } from './redact.ts';
import { addRouteEndpoint } from './route-endpoint.ts';
import { createRouteWaits } from './route-waits.ts';
import { addViewEndpoints } from './views-endpoints.ts';

/** From one attempt at a taken address to the next. */
const RETRY_MS = 5_000;

/** What the admin API reads, and the little that it may ask for. */
export interface AdminDeps {
  readonly version: string;
  readonly getState: () => State;
  /** Calls back after every change of the state; gives the function that ends it. */
  readonly subscribe: (listener: () => void) => () => void;
  readonly haproxy: Pick<Haproxy, 'servers' | 'files'>;
  readonly control: Control;
  /** Who holds which name. */
  readonly claims: () => ReadonlyMap<string, AppId>;
  readonly settings: Pick<Settings, 'adminBind' | 'adminTokenFile' | 'stateDir'>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Hears when the address over TCP cannot be had, and when it can again. */
  readonly emit: (event: DaemonEventBody) => void;
  /** Between two attempts at an address that somebody else has, in ms. */
  readonly retryMs?: number;
  /** Names of this machine that a Host header may have besides addresses. */
  readonly ownNames?: readonly string[];
}

/** Where the API listens. */
export interface AdminPlaces {
  readonly socket: string;
  /** e.g. `http://127.0.0.1:9092`; absent: somebody else has the address, it is tried again. */
  readonly url?: string;
}

/** Why the API cannot be served. */
export interface AdminFailure {
  readonly kind: 'address-in-use' | 'socket-in-use' | 'listen-failed';
  readonly place: string;
  readonly detail: string;
}

/** The admin API. */
export interface Admin {
  /** Listens on the socket, without which it fails, and over TCP, as soon as the address can be had. */
  start(): Promise<Result<AdminPlaces, AdminFailure>>;
  /** Answers who waits, then ends. */
  stop(): Promise<void>;
  /** Requests that wait for a route now. */
  waiting(): number;
}

/** The admin API over TCP (reads, secrets masked) and the UNIX socket (everything). */
export function createAdmin(deps: AdminDeps): Admin {
  const live = createLiveRoutes(deps);
  const waits = createRouteWaits({ ...deps, live });
  const open: FastifyInstance[] = [];
  const ending = new AbortController();
  let retrying: Promise<void> = Promise.resolve();

  const build = async (door: Door): Promise<FastifyInstance> => {
    const app = await createDoor(door, deps.version);
    const masked = door.kind === 'tcp';
    const show = masked ? redactDeep : (body: unknown) => body;
    addViewEndpoints(app, { ...deps, live, show });
    addRouteEndpoint(app, { waits, show });
    addConfigEndpoint(app, { ...deps, show: masked ? redact : (text) => text });
    addControlEndpoints(app, masked ? undefined : deps.control);
    addClaimsEndpoint(app, deps.claims);
    app.get('/openapi.json', { schema: { summary: 'This API', tags: ['state'] } }, async () => app.swagger());
    open.push(app);
    return app;
  };
  const closeAll = async (): Promise<void> => {
    ending.abort();
    waits.release();
    await Promise.all(open.splice(0).map((app) => app.close()));
  };

  async function tryTcp(): Promise<Result<string, AdminFailure>> {
    const app = await build(tcpDoor(deps));
    const tcp = await listenOnTcp(app, deps.settings);
    if (tcp.ok && !ending.signal.aborted) return tcp;
    open.splice(open.indexOf(app), 1);
    await app.close();
    return tcp;
  }

  /** Whoever has the address must not keep apps from being served, nor the API from coming back. */
  async function retryTcp(first: AdminFailure): Promise<void> {
    let failure: AdminFailure | undefined = first;
    let told = '';
    while (failure !== undefined && !ending.signal.aborted) {
      const { place, detail } = failure;
      if (detail !== told) deps.emit({ type: 'admin-unbound', place, detail });
      told = detail;
      await deps.clock.sleep(deps.retryMs ?? RETRY_MS, ending.signal);
      const tcp = ending.signal.aborted ? undefined : await tryTcp();
      if (tcp?.ok) deps.emit({ type: 'admin-bound', place: tcp.value });
      failure = tcp?.ok === false ? tcp.failure : undefined;
    }
  }

  return {
    async start() {
      const socket = await listenOnSocket(await build({ kind: 'socket' }), deps.settings.stateDir);
      if (!socket.ok) {
        await closeAll();
        return socket;
      }
      const tcp = await tryTcp();
      if (!tcp.ok) retrying = retryTcp(tcp.failure);
      return ok({ socket: socket.value, ...(tcp.ok ? { url: tcp.value } : {}) });
    },
    async stop() {
      await closeAll();
      await retrying;
    },
    waiting: waits.waiting,
  };
}

function tcpDoor({ settings, ownNames }: AdminDeps): Door {
  const { adminBind: bind, adminTokenFile: tokenFile } = settings;
  return { kind: 'tcp', bind, ownNames: ownNames ?? [], ...(tokenFile === undefined ? {} : { tokenFile }) };
}

async function listenOnTcp(
  app: FastifyInstance,
  { adminBind }: Pick<Settings, 'adminBind'>,
): Promise<Result<string, AdminFailure>> {
  const host = adminBind.address === '*' ? '0.0.0.0' : adminBind.address;
  try {
    await app.listen({ host, port: adminBind.port, ipv6Only: true });
  } catch (error) {
    return fail(listenFailure(error, formatBind(adminBind)));
  }
  const address = app.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : adminBind.port;
  return ok(`http://${formatBind({ address: host, port })}`);
}

async function listenOnSocket(app: FastifyInstance, stateDir: string): Promise<Result<string, AdminFailure>> {
  const path = adminSocketPath(stateDir);
  try {
    if (await answers(path)) {
      return fail({ kind: 'socket-in-use', place: path, detail: 'another Portolan serves this state folder' });
    }
    await unlink(path).catch(() => undefined);
    await app.listen({ path });
    await chmod(path, 0o600);
  } catch (error) {
    return fail(listenFailure(error, path));
  }
  return ok(path);
}

function listenFailure(error: unknown, place: string): AdminFailure {
  const detail = error instanceof Error ? error.message : String(error);
  const inUse = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
  return { kind: inUse ? 'address-in-use' : 'listen-failed', place, detail };
}
