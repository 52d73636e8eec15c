import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { formatChanges } from '../../../src/admin/changes-stream.ts';
import { describeEvent } from '../../../src/admin/describe-event.ts';
import { createJournal } from '../../../src/admin/journal.ts';
import { createEventLog } from '../../../src/admin/log.ts';
import { createMetrics } from '../../../src/admin/metrics.ts';
import { redact, redactDeep } from '../../../src/admin/redact.ts';
import type { AppId } from '../../../src/core/app.ts';
import type { DaemonEvent, DaemonEventBody, RouteChange } from '../../../src/core/events.ts';
import { reduce } from '../../../src/core/reduce.ts';
import type { LogLevel } from '../../../src/core/settings.ts';
import { mergeSettings } from '../../../src/core/settings-merge.ts';
import { initialState } from '../../../src/core/state.ts';
import { applied, HASH, HELD, webTable } from './rig.ts';

const AT = Date.parse('2026-11-25T10:00:00.250Z');
const at = (body: DaemonEventBody, ms = AT): DaemonEvent => ({ at: ms, ...body });
const failed: DaemonEventBody = {
  type: 'validation-failed',
  diagnostics: [{ severity: 'alert', line: 4, message: `parsing [haproxy.cfg:4]: user joe password ${HASH} is bad` }],
  blamed: ['/prod/web' as AppId],
  ms: 60,
};
const unreachable: DaemonEventBody = {
  type: 'snapshot-failed',
  failure: { kind: 'unreachable', endpoint: 'http://m:8080', detail: 'ECONNREFUSED' },
};

describe('redact', () => {
  test.each([
    [`  user joe password ${HASH}`, '  user joe password ***'],
    ['user joe insecure-password "a b" groups x', 'user joe insecure-password *** groups x'],
    ["password 'a b'", 'password ***'],
    ['password a\\ b\\\\ rest', 'password *** rest'],
    [`x ${HASH}, y`, 'x ***, y'],
    ['$2y$05$abcdefghijklmnopqrstuv', '***'],
    ['http://joe:pw@m:8080/x', 'http://***@m:8080/x'],
    ['Authorization: Bearer abcdef123456', 'Authorization: Bearer ***'],
    ['token=abcdef123456', 'token=***'],
    ['Basic am9lOnB3MTIz', 'Basic ***'],
    ['http-request set-var(req.host) hdr(host),lower', 'http-request set-var(req.host) hdr(host),lower'],
    ['bind :80 # costs $5 or $6', 'bind :80 # costs $5 or $6'],
  ])('%s', (text, wanted) => {
    expect(redact(text)).toBe(wanted);
  });

  test('keeps the number of lines', () => {
    const text = `a\nuser x password ${HASH}\nb password\nc\n`;
    expect(redact(text).split('\n')).toHaveLength(text.split('\n').length);
    expect(redact(text)).toContain('b password\nc');
  });

  test('goes into plain values', () => {
    expect(redactDeep({ a: [HASH, 1, null], b: { c: `x ${HASH}` } })).toEqual({
      a: ['***', 1, null],
      b: { c: 'x ***' },
    });
  });
});

describe('log', () => {
  function logged(level: LogLevel, events: readonly DaemonEvent[], pretty = false): string[] {
    const lines: string[] = [];
    const log = createEventLog({ write: (line) => void lines.push(line), level, pretty, colour: false });
    for (const event of events) log.observe(event);
    return lines;
  }

  test('is one JSON object a line, with the time of the event, generation and apps', () => {
    const [line] = logged('info', [at(applied(118))]);
    expect(line).toMatch(/\n$/);
    expect(JSON.parse(line ?? '')).toMatchObject({
      level: 'info',
      time: '2026-11-25T10:00:00.250Z',
      event: 'applied',
      generation: 118,
      apps: ['/prod/web'],
      changes: ['route-added web.example'],
      sinceCauseMs: 87,
      message: 'generation 118 serves after 87 ms: 1 change',
    });
  });

  test('never holds a secret, a table or a configuration', () => {
    const text = logged('trace', [
      at(failed),
      at(applied(1)),
      at({ type: 'table-built', table: webTable(), problems: [], ms: 1 }),
    ]).join('');
    expect(text).not.toContain('verysecret');
    expect(text).not.toContain('backend prod_web_10000\\n');
    expect(text).toContain('password ***');
  });

  test('a message cannot start a line of its own', () => {
    const event = at({ type: 'stream-lost', endpoint: 'http://m', reason: 'x\n{"level":"fatal"}\u001b[31m' });
    const [line] = logged('info', [event], true);
    expect(line?.trimEnd()).not.toMatch(/\n|\u001b/);
  });

  test.each([true, false])('an event of the stream is a debug line, relevant or not (%s), and no other', (relevant) => {
    const event = at({ type: 'marathon-event', eventType: 'api_post_event', relevant, apps: [] });
    expect(logged('info', [event])).toEqual([]);
    expect(logged('debug', [event]).map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: 'debug', message: 'Marathon says api_post_event' },
    ]);
    expect(describeEvent(event).level).toBe('debug');
  });

  test('the level can change while it runs', () => {
    const lines: string[] = [];
    const log = createEventLog({ write: (line) => void lines.push(line), level: 'warn', pretty: false, colour: false });
    log.observe(at(applied(1)));
    expect(lines).toHaveLength(0);
    expect(log.setLevel('loud')).toBe(false);
    expect(log.setLevel('toString')).toBe(false);
    expect(log.setLevel('info')).toBe(true);
    log.observe(at(applied(2)));
    expect(lines).toHaveLength(1);
    expect(log.level()).toBe('info');
    const detail = at({ type: 'marathon-event', eventType: 'api_post_event', relevant: true, apps: [] });
    log.observe(detail);
    expect(lines).toHaveLength(1);
    log.setLevel('debug');
    log.observe(detail);
    expect(lines).toHaveLength(2);
    log.setLevel('info');
    log.observe(detail);
    expect(lines).toHaveLength(2);
  });

  test('a failure that lasts is a warning once, until it changes or ten minutes have passed', () => {
    const read = (outcome: 'ok' | 'timeout' | 'unreachable', ms: number) =>
      at({ type: 'marathon-request', endpoint: 'http://m', op: 'apps', outcome, ms: 3 }, AT + ms);
    const lost = (ms: number) => at({ type: 'stream-lost', endpoint: 'http://m', reason: `loss ${ms}` }, AT + ms);
    const events = [
      read('unreachable', 0),
      read('unreachable', 1_000),
      read('timeout', 2_000),
      read('ok', 3_000),
      read('timeout', 4_000),
      lost(5_000),
      lost(6_000),
      at({ type: 'stream-attached', endpoint: 'http://m' }, AT + 7_000),
      lost(8_000),
      lost(608_001),
    ];
    expect(logged('warn', events).map((line) => (JSON.parse(line) as { message: string }).message)).toEqual([
      'apps from http://m: unreachable (3 ms)',
      'apps from http://m: timeout (3 ms)',
      'apps from http://m: timeout (3 ms)',
      'event stream of http://m lost: loss 5000',
      'event stream of http://m lost: loss 8000',
      'event stream of http://m lost: loss 608001',
    ]);
    expect(logged('debug', events)).toHaveLength(events.length);
  });

  test('a refused certificate is named where only the message is shown', () => {
    const refused = [{ path: '/certs/bad.pem', reason: 'not usable: wrong tag' }];
    const certificates = { folders: ['/certs'], usable: [], refused, authorities: [] };
    const [line] = logged('info', [at({ type: 'certificates-loaded', certificates })], true);
    expect(line).toContain('WARN  0 certificates usable, 1 refused: /certs/bad.pem: not usable: wrong tag');
  });

  test('is pretty on a terminal', () => {
    const [line] = logged('info', [at({ type: 'stream-lost', endpoint: 'http://m', reason: 'idle' })], true);
    expect(line).toBe('10:00:00.250 WARN  event stream of http://m lost: idle endpoint=http://m\n');
  });
});

describe('metrics', () => {
  const settings = mergeSettings({ flags: new Map(), env: new Map(), file: new Map() });
  if (!settings.ok) throw new Error('the defaults do not fit together');
  const empty = initialState('1.2.3', settings.value, AT);

  async function samples(events: readonly DaemonEvent[]): Promise<ReadonlyMap<string, number>> {
    const metrics = createMetrics({ version: '1.2.3', endpoints: ['http://m:8080'] });
    let state = empty;
    for (const event of events) {
      metrics.observe(event);
      state = reduce(state, event);
    }
    const found = new Map<string, number>();
    for (const line of (await metrics.text(state, AT + 5000)).split('\n')) {
      if (line === '' || line.startsWith('#')) continue;
      const match = /^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\]|\\.)*",?)*\})?) (\S+)$/.exec(line);
      expect(match, line).not.toBeNull();
      found.set(match?.[1] ?? '', Number(match?.[2]));
    }
    return found;
  }

  test('counters with closed labels are there from the start, at 0', async () => {
    const found = await samples([]);
    expect(found.get('portolan_build_info{version="1.2.3"}')).toBe(1);
    expect(found.get('portolan_marathon_up{endpoint="http://m:8080"}')).toBeNaN();
    expect(found.get('portolan_stream_reconnects_total{reason="silence"}')).toBe(0);
    expect(found.get('portolan_snapshot_rejected_total{reason="truncated"}')).toBe(0);
    expect(found.get('portolan_reloads_total{reason="spares-exhausted",outcome="failure"}')).toBe(0);
    expect(found.get('portolan_validations_total{outcome="invalid"}')).toBe(0);
    expect(found.get('portolan_marathon_requests_total{op="apps",outcome="ok"}')).toBe(0);
    expect(found.get('portolan_marathon_leader_changes_total')).toBe(0);
    expect(found.get('portolan_propagation_seconds_count{stage="total"}')).toBe(0);
    expect(found.get('portolan_snapshot_age_seconds')).toBeNaN();
  });

  /** Reasons as the source words them, and their label. */
  const STREAM_ENDS = [
    ['silence', 'silence'],
    ['end of its life time', 'lifetime'],
    ['deaf', 'deaf'],
    ['stopped', 'stopped'],
    ['sent on to http://x:8080/v2/events, which is not configured', 'redirect'],
    ['cannot read the credentials: ENOENT: no such file or directory', 'unauthorized'],
    ['Non-200 status code (503)', 'status'],
    ['ECONNREFUSED: connect ECONNREFUSED 127.0.0.1:8080', 'refused'],
    ['no connection in time', 'timeout'],
    ['the stream ended', 'closed'],
    ['something new', 'other'],
  ] as const;

  test('events count', async () => {
    const request = (endpoint: string, leader: string): DaemonEvent =>
      at({ type: 'marathon-request', endpoint, op: 'apps', outcome: 'ok', ms: 3, leader });
    const found = await samples([
      request('http://m:8080', 'a:1'),
      request('http://m:8080', 'b:1'),
      at({ type: 'marathon-event', eventType: 'api_post_event', relevant: true, apps: [] }),
      at({ type: 'marathon-event', eventType: 'Evil"} 1\n', relevant: false, apps: [] }),
      ...STREAM_ENDS.map(([reason]) => at({ type: 'stream-lost', endpoint: 'http://m:8080', reason })),
      at(unreachable),
      at({ type: 'rendered', digest: 'd', plan: { reload: [{ because: 'file-changed', file: 'x' }] }, ms: 7 }),
      at({ type: 'reload-needed', plan: { reload: [{ because: 'tombstones', count: 2_001 }] } }),
      at(failed),
      at({ ...failed, unchecked: true }),
      at({ type: 'apply-failed', failure: { kind: 'timeout', detail: 'x' } }),
      at(applied(9)),
    ]);
    expect(found.get('portolan_marathon_up{endpoint="http://m:8080"}')).toBe(1);
    expect(found.get('portolan_marathon_leader_changes_total')).toBe(1);
    expect(found.get('portolan_events_total{type="api_post_event",relevant="true"}')).toBe(1);
    expect(found.get('portolan_events_total{type="other",relevant="false"}')).toBe(1);
    for (const [, word] of STREAM_ENDS) {
      expect(found.get(`portolan_stream_reconnects_total{reason="${word}"}`), word).toBe(1);
    }
    expect(found.get('portolan_snapshot_rejected_total{reason="unreachable"}')).toBe(1);
    expect(found.get('portolan_validations_total{outcome="invalid"}')).toBe(1);
    expect(found.get('portolan_validations_total{outcome="unchecked"}')).toBe(1);
    expect(found.get('portolan_reloads_total{reason="tombstones",outcome="failure"}')).toBe(1);
    expect(found.get('portolan_reloads_total{reason="shared-sections",outcome="success"}')).toBe(1);
    expect(found.get('portolan_generation_loaded')).toBe(9);
    expect(found.get('portolan_propagation_seconds_sum{stage="total"}')).toBeCloseTo(0.087);
    expect(found.get('portolan_last_apply_success')).toBe(1);
  });

  test('what is held is a gauge, and counts once however often it is told', async () => {
    const again = { ...HELD, again: true } as DaemonEventBody;
    const held = await samples([at(HELD), at(again), at(again)]);
    expect(held.get('portolan_guard_held')).toBe(10);
    expect(held.get('portolan_guard_decisions_total{outcome="held"}')).toBe(1);
    const ended = await samples([at(HELD), at({ type: 'shrink-ended', how: 'operator', lost: 10, ms: 5 })]);
    expect(ended.get('portolan_guard_held')).toBe(0);
    expect(ended.get('portolan_guard_decisions_total{outcome="operator"}')).toBe(1);
    expect(ended.get('portolan_guard_decisions_total{outcome="refuted"}')).toBe(0);
  });

  test('the gauge of failure stays up while it lasts, and ages grow without events', async () => {
    const snapshot = { takenAt: AT as never, apps: [] };
    const found = await samples([
      at({ type: 'snapshot-taken', snapshot, scope: 'all', ms: 1 }),
      at({ type: 'apply-failed', failure: { kind: 'timeout', detail: 'x' } }),
    ]);
    expect(found.get('portolan_last_apply_success')).toBe(0);
    expect(found.get('portolan_snapshot_age_seconds')).toBe(5);
  });
});

describe('journal', () => {
  const dir = mkdtempSync(join(tmpdir(), 'jou-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const entries = (path: string): Record<string, unknown>[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test('keeps what matters, in order, a failure that repeats once', async () => {
    const path = join(dir, 'a.ndjson');
    const journal = createJournal({ path });
    journal.observe(at({ type: 'stream-byte', endpoint: 'x' }));
    journal.observe(at({ type: 'marathon-event', eventType: 'api_post_event', relevant: true, apps: [] }));
    journal.observe(at({ type: 'marathon-event', eventType: 'pod_created_event', relevant: false, apps: [] }));
    for (let i = 0; i < 5; i++) {
      journal.observe(at({ type: 'marathon-event', eventType: 'api_post_event', relevant: true, apps: [] }, AT + i));
      journal.observe(at(unreachable, AT + i));
    }
    journal.observe(at({ type: 'snapshot-taken', snapshot: { takenAt: AT as never, apps: [] }, scope: 'all', ms: 1 }));
    journal.observe(at(unreachable));
    journal.observe(at(applied(3)));
    journal.observe(at(failed));
    await journal.flushed();
    expect(entries(path).map((entry) => entry['event'])).toEqual([
      'marathon-event',
      'snapshot-failed',
      'snapshot-failed',
      'applied',
      'validation-failed',
    ]);
    expect(entries(path)[3]).toMatchObject({ generation: 3, changes: ['route-added web.example'] });
    expect(readFileSync(path, 'utf8')).not.toContain('verysecret');
    expect(statSync(path).mode & 0o137).toBe(0);
  });

  test('writes what went wrong at once, what was done a few times a second, hints less often, and all in order', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const path = join(dir, 'pace.ndjson');
    const journal = createJournal({ path });
    const hint = (n: number) =>
      at({ type: 'marathon-event', eventType: 'api_post_event', relevant: true, apps: [`/hint-${n}` as AppId] });
    const turns = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n += 1) await new Promise(setImmediate);
    };
    const lines = (): number => (existsSync(path) ? entries(path).length : 0);
    const wrote = async (count: number): Promise<void> => {
      while (lines() < count) await turns(1);
      // Whatever else is on its way to the disk.
      await turns(50);
      expect(lines()).toBe(count);
    };
    journal.observe(at(applied(1)));
    await wrote(1);
    journal.observe(at(applied(2)));
    await wrote(1);
    await vi.advanceTimersByTimeAsync(200);
    await wrote(2);
    journal.observe(hint(3));
    await vi.advanceTimersByTimeAsync(499);
    await wrote(2);
    await vi.advanceTimersByTimeAsync(1);
    await wrote(3);
    journal.observe(hint(4));
    await vi.advanceTimersByTimeAsync(200);
    await wrote(3);
    journal.observe(at(applied(5)));
    await wrote(5);
    journal.observe(hint(6));
    journal.observe(at(applied(7)));
    await wrote(5);
    journal.observe(at(failed));
    await wrote(8);
    await journal.flushed();
    const generations = entries(path).map((entry) => entry['generation'] ?? entry['event']);
    expect(generations).toEqual([
      1,
      2,
      'marathon-event',
      'marathon-event',
      5,
      'marathon-event',
      7,
      'validation-failed',
    ]);
  });

  test('is bounded: the old file is kept once', async () => {
    const path = join(dir, 'b.ndjson');
    const journal = createJournal({ path, maxBytes: 3000 });
    for (let i = 1; i <= 40; i++) {
      journal.observe(at(applied(i)));
      await journal.flushed();
    }
    expect(statSync(path).size).toBeLessThanOrEqual(3000);
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(3000);
    const kept = [...entries(`${path}.1`), ...entries(path)].map((entry) => entry['generation']);
    expect(kept.at(-1)).toBe(40);
    expect(kept).toEqual(kept.map((_, index) => 40 - kept.length + 1 + index));
  });

  /** A journal whose disk is told of. */
  const told = (path: string) => {
    const words: string[] = [];
    const journal = createJournal({ path, failed: (detail) => words.push(detail), worked: () => words.push('worked') });
    return { journal, words };
  };

  test('what a disk does not take is told, waits, and is written once it does, though nothing else happens', async () => {
    const path = join(dir, 'later.ndjson');
    const { journal, words } = told(path);
    mkdirSync(path);
    journal.observe(at(applied(1)));
    journal.observe(at(applied(2)));
    while (words.length === 0) await new Promise(setImmediate);
    journal.observe(at(applied(3)));
    rmSync(path, { recursive: true });
    while (!existsSync(path) || entries(path).length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(entries(path).map((entry) => entry['generation'])).toEqual([1, 2, 3]);
    await journal.flushed();
    expect(words[0]).toMatch(/EISDIR/);
    expect(words.at(-1)).toBe('worked');
  });

  test('the end does not wait for a disk that takes nothing', async () => {
    const { journal, words } = told('/dev/null/no/journal.ndjson');
    journal.observe(at(applied(1)));
    await journal.flushed();
    expect(words[0]).toMatch(/ENOTDIR/);
  });

  test('a line that was cut in an earlier life is ended, and all others can be read', async () => {
    const path = join(dir, 'cut.ndjson');
    const { journal } = told(path);
    writeFileSync(path, '{"event":"started"}\n{"event":"app');
    journal.observe(at(applied(2)));
    await journal.flushed();
    journal.observe(at(applied(3)));
    await journal.flushed();
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.slice(0, 2)).toEqual(['{"event":"started"}', '{"event":"app']);
    expect(lines.slice(2).map((line) => (JSON.parse(line) as { generation: number }).generation)).toEqual([2, 3]);
  });
});

describe('stream of changes', () => {
  const event = (changes: readonly RouteChange[]) => {
    const body = applied(5);
    if (body.type !== 'applied') throw new Error('not an applied event');
    return { at: AT, ...body, changes };
  };

  test('is one line per change: what, how, and how fast', () => {
    const app = '/osdc/my-app' as AppId;
    expect(
      formatChanges(
        event([
          { change: 'route-added', app, what: 'my-app.example' },
          { change: 'server-removed', app, what: '10.0.0.1:31000' },
        ]),
      ),
    ).toEqual([
      '+ route my-app.example of /osdc/my-app (reload for shared-sections, generation 5, 87 ms from event to traffic)',
      '- server 10.0.0.1:31000 of /osdc/my-app (reload for shared-sections, generation 5, 87 ms from event to traffic)',
    ]);
  });

  test('is bounded, and says something when no route changed', () => {
    const many = Array.from({ length: 30 }, (_, index) => ({
      change: 'server-added' as const,
      app: '/a' as AppId,
      what: `10.0.0.1:${31000 + index}`,
    }));
    expect(formatChanges(event(many))).toHaveLength(21);
    expect(formatChanges(event(many)).at(-1)).toContain('and 10 more');
    expect(formatChanges(event([]))).toEqual([expect.stringContaining('no route did')]);
  });
});
