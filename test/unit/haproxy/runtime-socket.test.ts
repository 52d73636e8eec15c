import { afterEach, describe, expect, test } from 'vitest';
import { openRuntimeSocket, type RuntimeSocket, type SocketLine } from '../../../src/haproxy/runtime-socket.ts';
import { type Play, type PlayedWorker, playWorker } from '../../support/played-worker.ts';

const line = (text: string): SocketLine => ({ text, payload: false });
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

async function connectTo(
  play: Play,
  deadlineMs = 5_000,
): Promise<{ readonly worker: PlayedWorker; readonly socket: RuntimeSocket }> {
  const worker = await playWorker(play);
  open.push(worker);
  const socket = await openRuntimeSocket(worker.path, deadlineMs);
  if (!socket.ok) throw new Error(socket.failure);
  open.push(socket.value);
  return { worker, socket: socket.value };
}

/** Replies of every form there is: none, one line with and without an empty one behind it, many lines, a payload's. */
const REPLIES: Readonly<Record<string, string>> = {
  silent: '',
  'one line': 'PORTOLAN_GENERATION=7\n',
  'no empty line': 'Server deleted.',
  'many lines': '0x1 a > b\n0x2 > c\n0x3 > \n',
  'payload <<': '',
  'payload refused <<': 'No.\n',
};
const QUESTION: readonly SocketLine[] = Object.keys(REPLIES).map((text) =>
  text.endsWith('<<') ? { text: `${text}\nk v\nl w\n`, payload: true } : line(text),
);
const ANSWERS = ['', 'PORTOLAN_GENERATION=7', 'Server deleted.', '0x1 a > b\n0x2 > c\n0x3 >', '', 'No.'];
const answer = (text: string): string => REPLIES[text] ?? 'Unknown command.\n';

describe('the conversation with a worker', () => {
  test.each([
    ['whole', undefined],
    ['byte by byte', (text: string) => [...text]],
    ['with prompts cut in two', (text: string) => [text.slice(0, -1), text.slice(-1)]],
    ['with prompts cut off', (text: string) => [text.slice(0, -3), text.slice(-3, -2), text.slice(-2)]],
  ])('gives each line its reply when they arrive %s', async (_how, chunks) => {
    for (const plus of [true, false]) {
      const { socket } = await connectTo({ answer, plus, ...(chunks ? { chunks } : {}) });
      expect(await socket.ask(QUESTION)).toEqual({ ok: true, value: ANSWERS });
      expect(await socket.ask([line('one line')])).toEqual({ ok: true, value: ['PORTOLAN_GENERATION=7'] });
    }
  });

  test('gives each line its reply wherever the stream of all of them is cut', async () => {
    const stream = QUESTION.map(({ text, payload }) => {
      const reply = REPLIES[text.split('\n', 1)[0] ?? ''] ?? '';
      return `${payload ? '+ + + ' : ''}${reply}\n> `;
    }).join('');
    for (let at = 1; at < stream.length; at += 1) {
      // The first line brings all replies, cut at one place; the others bring nothing more.
      let lines = 0;
      const { socket, worker } = await connectTo({
        plus: false,
        answer: () => '',
        chunks: (text) => {
          lines += 1;
          if (lines === 1) return [text];
          return lines === 2 ? [stream.slice(0, at), stream.slice(at)] : [];
        },
      });
      expect(await socket.ask(QUESTION), `cut at ${at}`).toEqual({ ok: true, value: ANSWERS });
      socket.close();
      await worker.close();
    }
  });

  test('sends ahead, but at most 500 lines', async () => {
    const { socket, worker } = await connectTo({ answer: (text) => `${text}\n` });
    const texts = Array.from({ length: 2_345 }, (_, n) => `line ${n}`);
    expect(await socket.ask(texts.map(line))).toEqual({ ok: true, value: texts });
    expect(worker.mostWaiting()).toBeLessThanOrEqual(500);
    expect(worker.mostWaiting()).toBeGreaterThan(250);
  });

  test('lets many lines take longer than the deadline of one', async () => {
    const slowly = async (): Promise<string> => {
      await new Promise((resolve) => setTimeout(resolve, 400));
      return 'there\n';
    };
    const { socket } = await connectTo({ answer: slowly }, 1_000);
    expect(await socket.ask([line('a'), line('b'), line('c'), line('d')])).toMatchObject({ ok: true });
  });

  test('gives up on a worker that is silent, and says at what', async () => {
    const { socket } = await connectTo({ answer: (text) => (text === 'b' ? undefined : '') }, 100);
    const asked = await socket.ask([line('a'), line('b'), line('c')]);
    expect(asked).toMatchObject({ ok: false, failure: expect.stringContaining('no answer within 100 ms to "b"') });
    expect(socket.isOpen()).toBe(false);
    expect(await socket.ask([line('a')])).toEqual(asked);
  });

  test.each([
    ['before', ''],
    ['amid', 'PORTOLAN_GENER'],
    ['just before the end of', 'PORTOLAN_GENERATION=7\n\n>'],
  ])('fails when the connection is cut %s a reply', async (_when, cut) => {
    const { socket } = await connectTo({ answer: (text) => (text === 'b' ? { cut } : '') });
    expect(await socket.ask([line('a'), line('b'), line('c')])).toMatchObject({ ok: false });
    expect(socket.isOpen()).toBe(false);
  });

  test.each([
    ['a prompt', '\n> '],
    ['text', 'Server b/s is DOWN\n'],
  ])('trusts nothing after %s that nobody asked for', async (_what, text) => {
    const { socket, worker } = await connectTo({ answer });
    worker.blurt(text);
    await expect.poll(() => socket.isOpen()).toBe(false);
    expect(await socket.ask([line('one line')])).toMatchObject({ ok: false });
  });

  test('trusts nothing after HAProxy took a line for the beginning of a payload', async () => {
    const { socket } = await connectTo({ answer: () => '+ ' });
    expect(await socket.ask([line('add map m k')])).toMatchObject({ ok: false });
  });

  test('ends a question that is under way when it is closed', async () => {
    const { socket } = await connectTo({ answer: () => undefined });
    const asked = socket.ask([line('a')]);
    socket.close();
    expect(await asked).toMatchObject({ ok: false, failure: expect.stringContaining('closed by Portolan') });
  });
});

describe('openRuntimeSocket', () => {
  test('fails where nobody listens', async () => {
    expect(await openRuntimeSocket('/nonexistent/s.sock', 1_000)).toMatchObject({ ok: false });
  });

  test('fails where something else than a prompt is said', async () => {
    const worker = await playWorker({ answer: () => '', chunks: () => ['Permission denied\n\n> '] });
    open.push(worker);
    expect(await openRuntimeSocket(worker.path, 1_000)).toMatchObject({
      ok: false,
      failure: expect.stringContaining('Permission denied'),
    });
  });
});
