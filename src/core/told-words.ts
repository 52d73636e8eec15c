import type { RenderedConfig } from './config.ts';
import type { Backend, RoutingTable, Server, ServerCheck } from './routing.ts';
import { serverWords } from './server-words.ts';
import { formatBind } from './settings.ts';

/**
 * A table with the words that a configuration says of its servers. HAProxy shows no words: what an earlier life told it stands in
 * the configuration that this life published. Servers that are not in it, or have words that are none of ours, stay as they are.
 */
export function withToldWords(table: RoutingTable, config: RenderedConfig): RoutingTable {
  const told = serverLines(config.files.get('haproxy.cfg') ?? '');
  const backends = table.backends.map((backend) => withWordsOf(backend, told));
  return { ...table, backends };
}

function withWordsOf(backend: Backend, told: ReadonlyMap<string, string>): Backend {
  const servers = backend.servers.map((server) => {
    const words = told.get(`${backend.name}/${server.name}`);
    return words === undefined ? server : withWords(server, words);
  });
  return servers.every((server, at) => server === backend.servers[at]) ? backend : { ...backend, servers };
}

/** What stands behind the name of each server, by backend and server. */
function serverLines(text: string): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  let backend = '';
  for (const line of text.split('\n')) {
    const section = /^(\S+) (\S+)/.exec(line);
    if (section !== null) backend = section[1] === 'backend' ? (section[2] ?? '') : '';
    const [, name, words] = /^ {2}server (\S+) (.*?)(?: disabled)?$/.exec(line) ?? [];
    if (name !== undefined && words !== undefined) lines.set(`${backend}/${name}`, words);
  }
  return lines;
}

const WORDS =
  /^id \d+(?: check inter (?<inter>\d+)ms fall (?<fall>\d+)(?: port (?<port>\d+))?(?<tls> check-ssl verify none)?)?(?: cookie (?<cookie>\S+))?$/;

function withWords(server: Server, said: string): Server {
  const place = `${formatBind(server.endpoint)} `;
  if (!said.startsWith(place)) return server;
  const words = said.slice(place.length);
  if (words === serverWords(server)) return server;
  const found = WORDS.exec(words)?.groups;
  if (found === undefined) return server;
  const { check, ...rest } = server;
  const { inter, fall, port, tls, cookie } = found;
  const told: ServerCheck | undefined =
    inter === undefined
      ? undefined
      : {
          ...(check?.path === undefined ? {} : { path: check.path }),
          tls: tls !== undefined,
          interMs: Number(inter),
          fall: Number(fall),
          ...(port === undefined ? {} : { port: Number(port) }),
        };
  // Of a cookie that HAProxy computes nothing is said.
  return { ...rest, ...(told === undefined ? {} : { check: told }), ...(cookie === undefined ? {} : { cookie }) };
}
