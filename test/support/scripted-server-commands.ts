import { isAtLeast, type ScriptedServer, type ScriptedWorker, serverIn } from './scripted-worker.ts';

const HEAD =
  '# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port';
const ADMIN = { ready: 0, maint: 1, drain: 8 } as const;

/** Commands about servers. */
export function serverCommand(worker: ScriptedWorker, words: readonly string[]): string {
  const [verb = '', noun = '', where = '', ...rest] = words;
  if (verb === 'show') return serversState(worker, rest[0]);
  if (worker.stopping && verb !== 'add') return 'Proxy is disabled.\n';
  const [backend = '', name = ''] = where.split('/');
  const servers = worker.backends.get(backend);
  if (servers === undefined) return 'No such backend.\n';
  if (verb === 'add') return addServer(worker, servers, name, rest);
  const server = servers.get(name);
  if (server === undefined) return 'No such server.\n';
  switch (`${verb} ${noun}`) {
    case 'del server':
      if (server.admin !== 'maint') return 'Only servers in maintenance mode can be deleted.\n';
      servers.delete(name);
      return 'Server deleted.\n';
    case 'enable health':
      return /\bcheck\b/.test(server.words) ? '' : 'Health check was not configured on this server, cannot enable.\n';
    case 'set server':
      return setServer(server, rest);
    default:
      return `Unknown command: '${verb}'\n`;
  }
}

function addServer(
  worker: ScriptedWorker,
  servers: Map<string, ScriptedServer>,
  name: string,
  words: readonly string[],
): string {
  const fresh: ScriptedServer = { ...serverIn(words.filter(isNoPool)), admin: 'maint' };
  const holder = [...servers].find(([, { id }]) => id === fresh.id)?.[0];
  const taken =
    holder === undefined ? '' : `'id' : custom id ${fresh.id} already used at (null):0 ('server ${holder}').\n`;
  // Up to 3.2 the id is looked at before the name.
  if (taken !== '' && !isAtLeast(worker, 3, 4)) return taken;
  if (servers.has(name)) return 'Already exists a server with the same name in backend.\n';
  if (taken !== '') return taken;
  if (words.includes('cookie') && !isAtLeast(worker, 3, 0))
    return "'cookie' option is not accepted for dynamic server\n";
  servers.set(name, fresh);
  return 'New server registered.\n';
}

/** Words that cure 2.6 and say nothing of the server. */
const isNoPool = (word: string, at: number, words: readonly string[]): boolean =>
  !word.startsWith('pool-') && words[at - 1]?.startsWith('pool-') !== true;

function setServer(server: ScriptedServer, [what = '', value = '', , port = '']: readonly string[]): string {
  if (what === 'state') {
    if (value !== 'ready' && value !== 'maint' && value !== 'drain')
      return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n";
    server.admin = value;
    return '';
  }
  if (what !== 'addr')
    return "'set server <srv>' only supports 'agent', 'health', 'state', 'weight', 'addr', 'fqdn'.\n";
  if (server.address === value && `${server.port}` === port) return 'nothing changed\n';
  const was = server.port;
  server.address = value;
  server.port = Number(port);
  return `port changed from '${was}' to '${port}' by 'stats socket command'\n`;
}

function serversState({ backends }: ScriptedWorker, only: string | undefined): string {
  if (only !== undefined && !backends.has(only)) return "Can't find backend.\n";
  let id = 2;
  let text = `1\n${HEAD}\n`;
  for (const [backend, servers] of backends) {
    id += 1;
    if (only !== undefined && only !== backend) continue;
    for (const [name, server] of servers) {
      const op = server.admin === 'maint' ? 0 : 2;
      text += `${id} ${backend} ${server.id} ${name} ${server.address} ${op} ${ADMIN[server.admin]} 1 1 1 1 0 2 0 0 0 1 - ${server.port} - 0 0 - - 0\n`;
    }
  }
  return text;
}
