import type { Command } from 'commander';
import type { RouteReadiness } from '../core/route-readiness.ts';
import type { RouteView } from '../core/routes-view.ts';
import { parseDuration } from '../core/settings-kinds.ts';
import { type AskAdmin, parseObject, replyFailure } from './admin-client.ts';
import { addClientOptions, withAdmin } from './client-command.ts';
import { type CliDeps, type CliFailure, type EndWith, EXIT, type ExitCode } from './deps.ts';
import { textTable } from './text-table.ts';

const EXAMPLES = `
Examples:
  portolan routes
  portolan routes my-app.example
  portolan routes my-app.example --wait 60s && echo it serves
  portolan routes my-app.example --path /api --json

With a host name the exit code is 0 when it serves, and 1 when it does not (after the wait).`;

interface RoutesOptions {
  readonly wait?: string;
  readonly path?: string;
  readonly json?: true;
}

/** `portolan routes [vhost]`: all routes, or whether one serves. */
export function addRoutesCommand(program: Command, deps: CliDeps, end: EndWith): void {
  const command = program
    .command('routes')
    .summary('list the routes, or tell whether a host name serves')
    .description('Lists every route of a running Portolan with its servers, or tells whether one host name serves.')
    .argument('[vhost]', 'host name to ask for, e.g. my-app.example')
    .option('--wait <duration>', 'with a host name: wait for it to serve, e.g. 30s, at most 120s')
    .option('--path <path>', 'with a host name: the path of the request, e.g. /api')
    .addHelpText('after', EXAMPLES);
  addClientOptions(command, 'routes').action((vhost: string | undefined, options: RoutesOptions) =>
    withAdmin('routes', { ...options }, deps, end, (ask) =>
      vhost === undefined ? listRoutes(ask, options, deps) : askRoute(ask, vhost, options, deps),
    ),
  );
}

async function listRoutes(ask: AskAdmin, options: RoutesOptions, deps: CliDeps): Promise<ExitCode | CliFailure> {
  if (options.wait !== undefined || options.path !== undefined) {
    const message = '--wait and --path need a host name, for example: portolan routes my-app.example --wait 30s';
    return { exitCode: EXIT.usage, messages: [message] };
  }
  const reply = await ask('/v1/routes');
  if (!reply.ok) return reply.failure;
  if (reply.value.status !== 200) return replyFailure(reply.value);
  if (options.json) deps.out(`${reply.value.text}\n`);
  else deps.out(routesTable((parseObject(reply.value.text)['routes'] ?? []) as readonly RouteView[]));
  return EXIT.ok;
}

function routesTable(routes: readonly RouteView[]): string {
  if (routes.length === 0) return 'No routes.\n';
  const rows = routes.map((route) => {
    const up = route.servers.filter((server) => server.state === 'up').length;
    const known = route.servers.every((server) => server.state !== undefined);
    const servers = known ? `${up}/${route.servers.length} up` : `${route.servers.length}`;
    return [route.route, route.state, servers, route.app ?? '', route.backend];
  });
  return textTable(['ROUTE', 'STATE', 'SERVERS', 'APP', 'BACKEND'], rows);
}

async function askRoute(
  ask: AskAdmin,
  vhost: string,
  options: RoutesOptions,
  deps: CliDeps,
): Promise<ExitCode | CliFailure> {
  const waitMs = options.wait === undefined ? 0 : parseDuration(options.wait);
  if (waitMs === undefined) {
    return { exitCode: EXIT.usage, messages: [`--wait "${options.wait}"; expected a duration, for example: 30s`] };
  }
  // The daemon ends the wait; the time-out here is for a daemon that hangs.
  const query = { wait: options.wait, path: options.path };
  const timeoutMs = Math.min(waitMs, 120_000) + 15_000;
  const reply = await ask(`/v1/routes/${encodeURIComponent(vhost)}`, query, { timeoutMs });
  if (!reply.ok) return reply.failure;
  const { status, text } = reply.value;
  const body = parseObject(text) as Partial<RouteReadiness>;
  if (body.ready === undefined) return replyFailure(reply.value);
  if (options.json) deps.out(`${text}\n`);
  else deps.out(describeRoute(body));
  return status === 200 ? EXIT.ok : EXIT.failed;
}

function describeRoute(route: Partial<RouteReadiness>): string {
  const app = route.app === undefined ? '' : ` (${route.app.id})`;
  const verdict = route.ready === true ? 'serves' : `does not serve, ${route.reason}`;
  const lines = [`${route.vhost}${route.path ?? ''}${app} ${verdict}: ${route.message}`];
  if (route.ready !== true) lines.push(`  What to do: ${route.next}`);
  if (route.stale === true) lines.push('  Marathon was not read for a while; this may be outdated.');
  for (const { server, address, port, state } of route.servers ?? [])
    lines.push(`  ${server} ${address}:${port} ${state}`);
  return `${lines.join('\n')}\n`;
}
