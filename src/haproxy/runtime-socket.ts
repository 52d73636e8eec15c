import { createConnection, type Socket } from 'node:net';
import { fail, ok, type Result } from '../core/result.ts';

/** One command as it goes onto the connection, without its last newline. */
export interface SocketLine {
  readonly text: string;
  /** A payload of several lines follows the command; it ends in an empty one. */
  readonly payload: boolean;
  /** The answer is nothing but whole lines: one that ends within a line lacks what came behind it. */
  readonly lines?: true;
  /** The payload is nobody's business: what HAProxy says from then on is not repeated in failures, it may quote the payload. */
  readonly secret?: boolean;
}

/** A connection to the command line of one worker, in interactive mode. */
export interface RuntimeSocket {
  /** False once it was closed, by whomever: nothing can be asked any more. */
  isOpen(): boolean;
  /**
   * Sends the lines, at most 500 ahead of their answers, and gives their replies in the same order, without prompts and
   * surrounding blanks. A failure says why the connection is closed now: nobody knows which of the lines were carried out.
   * One question at a time.
   */
  ask(lines: readonly SocketLine[]): Promise<Result<readonly string[], string>>;
  /** Closes it; a question under way fails. */
  close(): void;
}

/** Lines that may wait for their answers at once: enough that nobody waits, and little enough for the socket's buffers. */
const MOST_OUTSTANDING = 500;

/** Characters of one reply that are read at most: 30,000 servers' state is 3.2 MB. */
const LARGEST_REPLY = 64 * 1024 * 1024;

const PROMPT = '\n> ';

/** A question under way. */
interface Question {
  readonly lines: readonly SocketLine[];
  readonly replies: string[];
  sent: number;
  readonly settle: (result: Result<readonly string[], string>) => void;
}

/**
 * Connects to a command socket and enters its interactive mode.
 * @param deadlineMs for the connection, and for the reply to each line from when it is the next one due
 */
export async function openRuntimeSocket(path: string, deadlineMs: number): Promise<Result<RuntimeSocket, string>> {
  const connected = await connect(path, deadlineMs);
  if (!connected.ok) return connected;
  const socket = converse(connected.value, path, deadlineMs);
  const entered = await socket.ask([{ text: 'prompt', payload: false }]);
  if (!entered.ok) return entered;
  if (entered.value[0] === '') return ok(socket);
  socket.close();
  return fail(`${path}: no prompt but ${excerpt(entered.value[0] ?? '')}`);
}

function connect(path: string, deadlineMs: number): Promise<Result<Socket, string>> {
  return new Promise((resolve) => {
    const socket = createConnection({ path });
    const timer = setTimeout(() => giveUp(`no connection within ${deadlineMs} ms`), deadlineMs);
    const give = (result: Result<Socket, string>): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      if (!result.ok) {
        // Whatever it still says is of no interest, but must not be thrown.
        socket.on('error', () => {});
        socket.destroy();
      }
      resolve(result);
    };
    const giveUp = (why: string): void => give(fail(`${path}: ${why}`));
    socket.once('connect', () => give(ok(socket)));
    socket.once('error', (error) => giveUp(error.message));
  });
}

function converse(socket: Socket, path: string, deadlineMs: number): RuntimeSocket {
  const splitter = createReplySplitter();
  let question: Question | undefined;
  let problem: string | undefined;
  let timer: NodeJS.Timeout | undefined;
  let secret = false;
  const quote = (reply: string): string => (secret ? 'something that is not repeated here' : excerpt(reply));

  function end(why: string): void {
    problem ??= `${path}: ${why}`;
    clearTimeout(timer);
    socket.destroy();
    const interrupted = question;
    question = undefined;
    interrupted?.settle(fail(problem));
  }

  function send(asked: Question): void {
    const upTo = Math.min(asked.lines.length, asked.replies.length + MOST_OUTSTANDING);
    // In halves, so that a write is worth its while and HAProxy never runs dry.
    if (upTo < asked.lines.length && upTo - asked.sent < MOST_OUTSTANDING / 2) return;
    let text = '';
    for (const line of asked.lines.slice(asked.sent, upTo)) {
      text += `${line.text}\n`;
      secret ||= line.secret === true;
    }
    asked.sent = Math.max(asked.sent, upTo);
    if (text !== '') socket.write(text);
  }

  /** Takes the next reply; gives why it makes no sense. */
  function receive(reply: string): string | undefined {
    const line = question?.lines[question.replies.length];
    if (question === undefined || line === undefined) return `an answer that nobody asked for: ${quote(reply)}`;
    // Up to 3.0 each line of a payload is answered with `+ `; anywhere else HAProxy waits for a payload we know nothing of.
    const bare = line.payload ? reply.replace(/^(?:\+ )+/, '') : reply;
    if (bare.startsWith('+ ')) return `a payload is awaited after ${excerpt(command(line.text))}`;
    if (line.lines === true && bare !== '' && !bare.endsWith('\n')) return `half an answer to ${excerpt(line.text)}`;
    question.replies.push(bare.trim());
    timer?.refresh();
    if (question.replies.length < question.lines.length) {
      send(question);
      return undefined;
    }
    clearTimeout(timer);
    const answered = question;
    question = undefined;
    answered.settle(ok(answered.replies));
    return undefined;
  }

  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    for (const reply of splitter.push(chunk)) {
      const nonsense = receive(reply);
      if (nonsense !== undefined) return end(nonsense);
    }
    if (question === undefined && splitter.pending() > 0) return end('HAProxy speaks without being asked');
    if (splitter.pending() > LARGEST_REPLY) return end(`a reply of more than ${LARGEST_REPLY} characters`);
  });
  socket.on('error', (error) => end(error.message));
  socket.on('close', () => end('HAProxy closed the connection'));

  return {
    isOpen: () => problem === undefined,
    ask: (lines) =>
      new Promise((settle) => {
        if (problem !== undefined) return settle(fail(problem));
        if (question !== undefined) return settle(fail(`${path}: another question is under way`));
        if (lines.length === 0) return settle(ok([]));
        question = { lines, replies: [], sent: 0, settle };
        timer = setTimeout(() => {
          const due = question?.lines[question.replies.length]?.text ?? '';
          end(`no answer within ${deadlineMs} ms to ${excerpt(command(due))}`);
        }, deadlineMs);
        send(question);
      }),
    close: () => end('closed by Portolan'),
  };
}

/** Cuts what arrives into replies. */
interface ReplySplitter {
  /** The replies that are complete with this chunk. */
  push(chunk: string): readonly string[];
  /** Characters of the reply that is not complete yet. */
  pending(): number;
}

/** Every reply ends in a prompt on a line of its own; the text of each is looked at once, however many chunks it has. */
function createReplySplitter(): ReplySplitter {
  let parts: string[] = [];
  let length = 0;
  // The end of what arrived may be the beginning of a prompt.
  let tail = '';
  return {
    pending: () => length + tail.length,
    push: (chunk) => {
      const replies: string[] = [];
      const text = tail + chunk;
      let from = 0;
      for (;;) {
        const bare = length === 0 && text.startsWith('> ', from);
        const at = bare ? from : text.indexOf(PROMPT, from);
        if (at < 0) break;
        parts.push(text.slice(from, at));
        replies.push(parts.join(''));
        from = at + (bare ? 2 : PROMPT.length);
        parts = [];
        length = 0;
      }
      const keep = Math.max(from, text.length - PROMPT.length + 1);
      if (keep > from) parts.push(text.slice(from, keep));
      length += keep - from;
      tail = text.slice(keep);
      return replies;
    },
  };
}

/** A line without its payload. */
const command = (text: string): string => text.split('\n', 1)[0] ?? '';

function excerpt(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
