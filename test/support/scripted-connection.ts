import type { Socket } from 'node:net';
import { execute } from './scripted-commands.ts';
import { isAtLeast, type ScriptedWorker } from './scripted-worker.ts';
import type { Fault } from './socket-faults.ts';

/** How one connection is played. */
export interface Conversation {
  readonly lateMs: number;
  readonly random: () => number;
  readonly fault: (line: string) => Fault | undefined;
  readonly replaceWorker: (how: 'other-generation' | 'crash') => void;
  readonly onExecuted: (line: string) => void;
}

const PROMPT = '\n> ';
const LOG =
  '[WARNING]  (41) : Server web_10000/old is going DOWN for maintenance. 1 active and 0 backup servers left.\n';

/** A line as it came in. */
interface Asked {
  readonly line: string;
  readonly payload: string | undefined;
}

/** One interactive connection to a worker: line by line, in order, but for what a fault says. */
export function converse(socket: Socket, worker: ScriptedWorker, play: Conversation): void {
  let input = '';
  let busy = false;
  /** A reply that comes behind the next one. */
  let held: string | undefined;
  const queue: Asked[] = [];
  socket.setEncoding('utf8');
  socket.on('error', () => {});
  socket.on('data', (chunk: string) => {
    input += chunk;
    for (let next = takeLine(input); next; next = takeLine(input)) {
      input = next.rest;
      queue.push(next);
    }
    pump();
  });

  function pump(): void {
    let output = '';
    while (!busy && !socket.destroyed) {
      const asked = queue.shift();
      if (asked === undefined) break;
      const said = answer(asked, (text) => {
        if (output + text !== '') socket.write(output + text);
        output = '';
      });
      output += said;
    }
    if (output !== '' && socket.writable) socket.write(output);
  }

  function say(asked: Asked): string {
    const text = execute(worker, asked.line, asked.payload);
    play.onExecuted(asked.line);
    return pluses(worker, asked.payload) + text;
  }

  /** Everything after this waits for `ms`. */
  function pause(ms: number, then: () => void): void {
    busy = true;
    setTimeout(() => {
      busy = false;
      if (socket.destroyed) return;
      then();
      pump();
    }, ms);
  }

  /** What is written now. `flush` writes what came before, for what must not wait for the end of the turn. */
  function answer(asked: Asked, flush: (text: string) => void): string {
    const fault = asked.line === 'prompt' ? undefined : play.fault(asked.line);
    const before = held;
    held = undefined;
    const reply = troubled(asked, fault, flush);
    return before === undefined ? reply : reply + before;
  }

  function troubled(asked: Asked, fault: Fault | undefined, flush: (text: string) => void): string {
    const refused = refusalOf(fault);
    if (refused !== undefined) return pluses(worker, asked.payload) + refused + PROMPT;
    const half = (text: string): string => text.slice(0, Math.floor(play.random() * text.length));
    switch (fault) {
      case undefined:
        return asked.line === 'prompt' ? PROMPT : say(asked) + PROMPT;
      case 'reordered':
        if (queue.length === 0) return say(asked) + PROMPT;
        held = say(asked) + PROMPT;
        return '';
      case 'cut':
        flush(half(say(asked) + PROMPT));
        socket.destroySoon();
        return '';
      case 'late': {
        const text = say(asked) + PROMPT;
        flush('');
        pause(play.lateMs, () => socket.write(text));
        return '';
      }
      case 'reset-before':
      case 'reset-after':
        if (fault === 'reset-after') say(asked);
        socket.destroy();
        return '';
      case 'half-reply':
        return half(say(asked)) + PROMPT;
      case 'blank':
        say(asked);
        return PROMPT;
      case 'log-lines':
        return LOG + say(asked) + PROMPT;
      case 'uninvited':
        return `${say(asked)}${PROMPT}Welcome\n> `;
      case 'split':
        flush('');
        drip(say(asked) + PROMPT);
        return '';
      case 'other-generation':
      case 'crash':
        play.replaceWorker(fault);
        return socket.destroyed ? '' : say(asked) + PROMPT;
      case 'lost-row':
        return say({ ...asked, payload: asked.payload?.replace(/^.*\n/, '') }) + PROMPT;
      default:
        return say(asked) + PROMPT;
    }
  }

  /** A byte in a turn of its own; a long text in larger pieces. */
  function drip(text: string): void {
    busy = true;
    const size = Math.max(1, Math.ceil(text.length / 400));
    let at = 0;
    const next = (): void => {
      if (socket.destroyed) return;
      if (at < text.length) {
        socket.write(text.slice(at, at + size));
        at += size;
        setImmediate(next);
        return;
      }
      busy = false;
      pump();
    };
    next();
  }
}

/** What is said instead of doing anything; undefined: it is done. */
function refusalOf(fault: Fault | undefined): string | undefined {
  switch (fault) {
    case 'no-such-server':
      return 'No such server.\n';
    case 'proxy-disabled':
      return 'Proxy is disabled.\n';
    case 'odd-refusal':
      return 'Out of memory error.\n';
    case 'unheard':
      return '';
    case 'attached':
      return 'Server still has connections attached to it, cannot remove it.\n';
    default:
      return undefined;
  }
}

/** Up to 3.0 every line of a payload is asked for. */
function pluses(worker: ScriptedWorker, payload: string | undefined): string {
  if (payload === undefined || isAtLeast(worker, 3, 2)) return '';
  return '+ '.repeat(payload.split('\n').length);
}

/** The first line of the input that is complete, with its payload. */
function takeLine(input: string): (Asked & { readonly rest: string }) | undefined {
  const end = input.indexOf('\n');
  if (end < 0) return undefined;
  const line = input.slice(0, end);
  if (!line.endsWith('<<')) return { line, payload: undefined, rest: input.slice(end + 1) };
  const over = input.indexOf('\n\n', end);
  return over < 0 ? undefined : { line, payload: input.slice(end + 1, over + 1), rest: input.slice(over + 2) };
}
