import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What a played worker says to a line, without prompt; `undefined`: nothing, for ever. `cut` closes the connection. */
export type Answer = string | undefined | { readonly cut: string };

/** A HAProxy worker's command socket that is played. */
export interface PlayedWorker {
  readonly path: string;
  /** Every line that arrived, payloads with theirs, on all connections. */
  readonly heard: string[];
  /** Connections so far. */
  connections(): number;
  /** Most lines that waited for their answers at once. */
  mostWaiting(): number;
  /** Says something to everybody without being asked. */
  blurt(text: string): void;
  /** Drops every connection. */
  hangUp(): void;
  close(): Promise<void>;
}

/** How the play goes. */
export interface Play {
  /** The reply to a line, with the newline HAProxy ends it with. */
  readonly answer: (line: string, payload?: string) => Answer | Promise<Answer>;
  /** Says `+ ` for each line of a payload, as HAProxy 2.6 and 3.0 do. Default true. */
  readonly plus?: boolean;
  /** Cuts what is sent into chunks; each is sent in a turn of its own. Default: whole. */
  readonly chunks?: (text: string) => readonly string[];
}

/** Plays a worker in interactive mode. */
export async function playWorker(play: Play): Promise<PlayedWorker> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-'));
  const path = join(folder, 's.sock');
  const heard: string[] = [];
  const open = new Set<Socket>();
  let connections = 0;
  let waiting = 0;
  let mostWaiting = 0;

  const server = createServer((socket) => {
    connections += 1;
    open.add(socket);
    socket.setEncoding('utf8');
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {});
    let input = '';
    let work: Promise<void> = Promise.resolve();
    socket.on('data', (chunk: string) => {
      input += chunk;
      for (let next = takeLine(input); next; next = takeLine(input)) {
        const { line, payload, rest } = next;
        input = rest;
        waiting += 1;
        mostWaiting = Math.max(mostWaiting, waiting);
        work = work.then(() => reply(socket, line, payload));
      }
    });
  });

  async function reply(socket: Socket, line: string, payload: string | undefined): Promise<void> {
    const whole = payload === undefined ? line : `${line}\n${payload}`;
    heard.push(whole);
    const answer = line === 'prompt' ? '' : await play.answer(line, payload);
    if (answer === undefined) return new Promise(() => {});
    const pluses = payload !== undefined && play.plus !== false ? '+ '.repeat(payload.split('\n').length) : '';
    const text = typeof answer === 'string' ? `${pluses}${answer}\n> ` : answer.cut;
    for (const chunk of play.chunks?.(text) ?? [text]) {
      await new Promise((resolve) => setImmediate(resolve));
      if (socket.writable) socket.write(chunk);
    }
    waiting -= 1;
    if (typeof answer !== 'string') socket.destroySoon();
  }

  await new Promise<void>((resolve) => server.listen(path, resolve));
  const hangUp = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    path,
    heard,
    connections: () => connections,
    mostWaiting: () => mostWaiting,
    blurt: (text) => {
      for (const socket of open) socket.write(text);
    },
    hangUp,
    close: async () => {
      hangUp();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The first line of the input that is complete, with its payload. */
function takeLine(input: string): { line: string; payload: string | undefined; rest: string } | undefined {
  const end = input.indexOf('\n');
  if (end < 0) return undefined;
  const line = input.slice(0, end);
  if (!line.endsWith('<<')) return { line, payload: undefined, rest: input.slice(end + 1) };
  const over = input.indexOf('\n\n', end);
  return over < 0 ? undefined : { line, payload: input.slice(end + 1, over + 1), rest: input.slice(over + 2) };
}
