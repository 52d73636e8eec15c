import { backendCommand } from './scripted-backend-commands.ts';
import { mapCommand } from './scripted-map-commands.ts';
import { serverCommand } from './scripted-server-commands.ts';
import { isAtLeast, type ScriptedWorker } from './scripted-worker.ts';

const HELP = [
  'add map',
  'add server',
  'clear map',
  'commit map',
  'del map',
  'del server',
  'enable health',
  'get map',
  'prepare map',
  'set map',
  'set server',
  'show servers',
]
  .map((command) => `  ${command} <x>   : does it\n`)
  .join('');

/**
 * What a worker does at a line, and says: HAProxy's own words with the newline that ends them, read from 2.6.12, 3.0.11 and
 * 3.4.0. Silence is an empty text.
 */
export function execute(worker: ScriptedWorker, line: string, payload: string | undefined): string {
  const words = wordsOf(line);
  const ofBackend = backendCommand(worker, words);
  if (ofBackend !== undefined) return ofBackend;
  const [verb = '', noun = '', name = ''] = words;
  if (noun === 'map') return mapCommand(worker, words, payload);
  if (noun === 'server' || noun === 'servers' || noun === 'health') return serverCommand(worker, words);
  if (verb === 'help') {
    const more = isAtLeast(worker, 3, 4) ? '  add backend <x>   : does it\n' : '';
    return `The following commands are valid at this level:\n${HELP}${more}`;
  }
  switch (`${verb} ${noun}`) {
    case 'show info':
      return `Name: HAProxy\nVersion: ${worker.version}\nPid: ${worker.pid}\nStopping: ${worker.stopping ? 1 : 0}\n`;
    case 'show env':
      return name === 'PORTOLAN_GENERATION' ? `${name}=${worker.generation}\n` : 'Variable not found\n';
    case 'show backend':
      return `# name\n${[...worker.backends.keys()].map((backend) => `${backend}\n`).join('')}`;
    case 'set dynamic-cookie-key':
      return worker.backends.has(words[3] ?? '') ? '' : 'No such backend.\n';
    default:
      return `Unknown command: '${verb}', but maybe one of the following ones is a better match:\n${HELP}`;
  }
}

/** Words of a line; a backslash takes the next character as it is. */
function wordsOf(line: string): readonly string[] {
  const words = line.match(/(?:\\.|[^\s\\])+/g) ?? [];
  return words.map((word) => word.replace(/\\(.)/g, '$1'));
}
