import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Instant } from '../../../src/core/app.ts';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import type { HaproxyContext } from '../../../src/haproxy/context.ts';
import { createGenerations } from '../../../src/haproxy/generations.ts';
import { bindsOf, parseQueues } from '../../../src/haproxy/listener-probe.ts';
import { statePaths } from '../../../src/haproxy/paths.ts';
import { createSilence } from '../../../src/haproxy/silence.ts';
import { DEFAULT_TIMINGS } from '../../../src/haproxy/timings.ts';
import { realClock } from '../../support/haproxy-rig.ts';

const config = (...lines: readonly string[]): RenderedConfig => ({
  files: new Map([['haproxy.cfg', `frontend f\n${lines.map((line) => `  ${line}\n`).join('')}`]]),
  owners: [],
  digest: lines.join(),
});

describe('where to ask whether connections are taken', () => {
  test.each([
    ['bind *:80', { host: '127.0.0.1', port: 80 }],
    ['bind :81', { host: '127.0.0.1', port: 81 }],
    ['bind [::]:82 v6only', { host: '::1', port: 82 }],
    ['bind :::83', { host: '::1', port: 83 }],
    ['bind 10.0.0.7:443 ssl crt /x', { host: '10.0.0.7', port: 443 }],
    ['bind "127.0.0.1:84" accept-proxy', { host: '127.0.0.1', port: 84 }],
    ['bind 127.0.0.1:10000-10099', { host: '127.0.0.1', port: 10_000 }],
  ])('%s', (line, bind) => {
    expect(bindsOf(config(line))).toEqual([bind]);
  });

  test.each(['bind unix@/run/x.sock:1', 'bind /run/x.sock', 'bind "$HOST:80"', 'http-request deny'])(
    'not at %s',
    (line) => {
      expect(bindsOf(config(line))).toEqual([]);
    },
  );

  test('at a few, however many there are', () => {
    expect(bindsOf(config(...Array.from({ length: 50 }, (_, n) => `bind *:${1_000 + n}`)))).toHaveLength(3);
  });

  test('the queue of a listener is read from the kernel’s table', () => {
    const text = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:0050 00000000:0000 0A 00000000:0000000C 00:00000000 00000000     0        0 7690273 1',
      '   1: 0200007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 7690274 1',
      '   2: 0100007F:0051 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 7690275 1',
      '   3: 0100007F:0050 0100007F:9C40 01 00000000:00000007 00:00000000 00000000     0        0 7690276 1',
      '  10: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000002 00:00000000 00000000 0 0 1 1',
    ].join('\n');
    expect(parseQueues(text, 80)).toEqual([12, 0, 2]);
    expect(parseQueues(text, 82)).toEqual([]);
  });
});

describe('a HAProxy that answers on no socket', () => {
  let root: string;
  let server: Server;
  let port: number;
  let generation: Generation;
  let context: HaproxyContext;
  let now: number;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'pt-'));
    const paths = statePaths(root);
    server = createServer((socket) => socket.on('error', () => undefined));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
    now = 1_000_000;
    const clock = { ...realClock, now: () => now as Instant };
    const generations = createGenerations(paths, 3, clock);
    await generations.open();
    const written = await generations.write(config(`bind 127.0.0.1:${port}`), 'test');
    if (!written.ok) throw new Error(written.failure.detail);
    generation = written.value;
    const parts: Pick<HaproxyContext, 'clock' | 'timings' | 'generations' | 'ended'> = {
      clock,
      timings: DEFAULT_TIMINGS,
      generations,
      ended: new AbortController().signal,
    };
    // The rest is not looked at.
    context = parts as HaproxyContext;
  });

  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(root, { recursive: true, force: true });
  });

  const close = () => new Promise((resolve) => server.close(resolve));

  test('serves as long as it takes connections', async () => {
    const silence = createSilence(context);
    expect(await silence.judge(generation)).toBe('serves');
    now += 3_600_000;
    expect(await silence.judge(generation)).toBe('serves');
  });

  test('is lost when it takes none for long, without a break, and after more time when that happens again', async () => {
    const silence = createSilence(context);
    await close();
    const judged: string[] = [];
    const wait = async (ms: number): Promise<void> => {
      now += ms;
      judged.push(await silence.judge(generation));
    };
    for (const ms of [0, 9_999]) await wait(ms);
    silence.broken();
    for (const ms of [1, 9_999, 1]) await wait(ms);
    expect(judged).toEqual(['silent', 'silent', 'silent', 'silent', 'lost']);
    judged.length = 0;
    for (const ms of [1_000, 59_999, 1]) await wait(ms);
    expect(judged).toEqual(['silent', 'silent', 'lost']);
  });

  test('is never given up where its listeners are not known', async () => {
    const silence = createSilence(context);
    await close();
    for (const unknown of [undefined, 99 as Generation]) {
      expect(await silence.judge(unknown)).toBe('silent');
      now += 3_600_000;
      expect(await silence.judge(unknown)).toBe('silent');
    }
  });
});
