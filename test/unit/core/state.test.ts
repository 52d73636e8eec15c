import { describe, expect, it } from 'vitest';
import type { AppId, Instant } from '../../../src/core/app.ts';
import { appsView, problemsView } from '../../../src/core/apps-view.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { Generation } from '../../../src/core/config.ts';
import type { DaemonEvent, DaemonEventBody } from '../../../src/core/events.ts';
import { HISTORY_DETAIL, HISTORY_LENGTH } from '../../../src/core/history.ts';
import type { HaproxyView, PassCause } from '../../../src/core/ports.ts';
import { hasStarted, isAlive, isStale, readiness } from '../../../src/core/readiness.ts';
import { reduce } from '../../../src/core/reduce.ts';
import {
  converged,
  desiredGeneration,
  discoveryMode,
  initialState,
  type State,
  snapshotAge,
} from '../../../src/core/state.ts';
import { statusView } from '../../../src/core/status-view.ts';
import { renderScripted } from '../../support/scripted-core.ts';
import { app, build, SETTINGS, snapshot } from './table-rig.ts';

const WEB = app('/web', { labels: { HAPROXY_0_VHOST: 'web.example' } });
const TABLE = build([WEB]).value;
const CONFIG = renderScripted(TABLE, 'head');
const OTHER = renderScripted(TABLE, 'other');
const CAUSE: PassCause = { reasons: ['poll'], scope: 'all', since: 0 as Instant };
const UP: HaproxyView = { up: true, oldWorkers: 0, mode: 'managed', generation: 5 as Generation };
const generation = (number: number): Generation => number as Generation;
const fresh = (settings = {}): State => initialState('1.0.0', { ...SETTINGS, ...settings }, 0);

/** Reduces events, one second after the other. */
function play(state: State, ...events: readonly DaemonEventBody[]): State {
  return events.reduce<State>((now, body) => reduce(now, { ...body, at: now.at + 1_000 } as DaemonEvent), state);
}

const STARTED: DaemonEventBody = {
  type: 'started',
  version: '1.0.0',
  haproxy: { up: false, oldWorkers: 0, mode: 'managed' },
};
const PASS: DaemonEventBody = { type: 'pass-started', cause: CAUSE };
const TAKEN: DaemonEventBody = { type: 'snapshot-taken', snapshot: snapshot(WEB), scope: 'all', ms: 10 };
const BUILT: DaemonEventBody = { type: 'table-built', table: TABLE, problems: [], ms: 2 };
const PLAN = { reload: [{ because: 'first-configuration' }] } as const;
const RENDERED: DaemonEventBody = { type: 'rendered', digest: CONFIG.digest, plan: PLAN, ms: 3 };
const VALIDATED: DaemonEventBody = { type: 'validated', generation: generation(5), ms: 40, warnings: [] };
const APPLIED: DaemonEventBody = {
  type: 'applied',
  generation: generation(5),
  config: CONFIG,
  plan: PLAN,
  cause: CAUSE,
  via: 'reload',
  reloadMs: 20,
  sinceCauseMs: 90,
  changes: [{ change: 'route-added', app: WEB.id, what: 'web.example' }],
};
const finished = (outcome: 'unchanged' | 'applied' | 'failed'): DaemonEventBody => ({
  type: 'pass-finished',
  outcome,
  ms: 80,
});
const REFUSED: DaemonEventBody = {
  type: 'validation-failed',
  diagnostics: [{ severity: 'alert', line: 3, message: 'unknown keyword' }],
  blamed: [],
  ms: 30,
};
const REJECTED: DaemonEventBody = {
  type: 'apply-failed',
  failure: { kind: 'reload-failed', detail: 'port taken', diagnostics: [] },
};
const UNREACHABLE: DaemonEventBody = {
  type: 'snapshot-failed',
  failure: { kind: 'unreachable', endpoint: 'http://m', detail: 'refused' },
};
const WHOLE: readonly DaemonEventBody[] = [
  STARTED,
  PASS,
  TAKEN,
  BUILT,
  RENDERED,
  VALIDATED,
  APPLIED,
  finished('applied'),
];

describe('desired, written and running', () => {
  it('are three numbers that meet when a pass is through', () => {
    const rendered = play(fresh(), STARTED, PASS, TAKEN, BUILT, RENDERED);
    expect(desiredGeneration(rendered)).toBeUndefined();
    const validated = play(rendered, VALIDATED);
    expect([desiredGeneration(validated), validated.running, converged(validated)]).toEqual([5, undefined, false]);
    const applied = play(validated, APPLIED, finished('applied'));
    expect([desiredGeneration(applied), applied.running?.generation, converged(applied)]).toEqual([5, 5, true]);
  });

  it('part when something else is wanted, and say since when it is refused', () => {
    const wanted = play(fresh(), ...WHOLE, PASS, { ...RENDERED, digest: OTHER.digest });
    expect([desiredGeneration(wanted), wanted.running?.generation, converged(wanted)]).toEqual([undefined, 5, false]);
    const refused = play(wanted, REFUSED, finished('failed'), PASS, REFUSED, finished('failed'));
    expect(refused.applyFailing).toMatchObject({ since: 11_000, stage: 'validation', detail: 'unknown keyword' });
    expect(refused.running?.generation).toBe(5);
  });

  it('meet again also by going back: the failure is over when desired = running', () => {
    const back = play(fresh(), ...WHOLE, PASS, REJECTED, finished('failed'), PASS, {
      ...RENDERED,
      plan: { reload: [] },
    });
    expect(back.applyFailing).toBeUndefined();
  });

  it('follow a HAProxy that was restarted with an older generation', () => {
    const view = { ...UP, generation: generation(4) };
    const restarted = play(fresh(), ...WHOLE, { type: 'haproxy-up', haproxy: view, config: OTHER, how: 'restarted' });
    expect([restarted.running?.generation, converged(restarted)]).toEqual([4, false]);
    const unknown = play(fresh(), ...WHOLE, { type: 'haproxy-up', haproxy: view, how: 'restarted' });
    expect(unknown.running).toEqual({ generation: 4, since: unknown.at });
    const same = play(fresh(), ...WHOLE, { type: 'haproxy-up', haproxy: UP, how: 'restarted' });
    expect(same.running?.config).toBe(CONFIG);
  });
});

describe('readiness', () => {
  it('goes from starting over never-applied to ready', () => {
    expect(readiness(fresh(), 0)).toEqual({ ready: false, because: 'starting' });
    expect(hasStarted(fresh())).toBe(false);
    const started = play(fresh(), STARTED);
    expect(readiness(started, 1_000)).toEqual({ ready: false, because: 'never-applied' });
    expect(hasStarted(started)).toBe(true);
    const done = play(started, ...WHOLE.slice(1), { type: 'stream-attached', endpoint: 'http://m' });
    expect(readiness(done, done.at)).toEqual({ ready: true, degraded: [] });
  });

  it('is ready, but stale, after a restart with Marathon gone', () => {
    const adopted = play(
      fresh(),
      { type: 'haproxy-up', haproxy: UP, config: CONFIG, how: 'adopted' },
      STARTED,
      PASS,
      UNREACHABLE,
    );
    expect(readiness(adopted, adopted.at)).toEqual({
      ready: true,
      degraded: ['source-unreachable', 'stale', 'polling'],
    });
  });

  it('names what is degraded, and forgets it when it is over', () => {
    const now = (state: State): readonly string[] => {
      const answer = readiness(state, state.at);
      return answer.ready ? answer.degraded : [answer.because];
    };
    const file = play(fresh({ apps: '/apps.json' }), ...WHOLE);
    expect(now(file)).toEqual([]);
    expect(now(play(file, UNREACHABLE))).toEqual(['source-unreachable']);
    expect(now(play(file, UNREACHABLE, TAKEN))).toEqual([]);
    expect(now(play(file, REJECTED))).toEqual(['apply-rejected']);
    expect(now(play(file, REJECTED, APPLIED))).toEqual([]);
    const refusedTemplate: DaemonEventBody = {
      type: 'template-refused',
      failure: { file: 'backend.hbs', message: 'no' },
    };
    expect(now(play(file, refusedTemplate))).toEqual(['template-refused']);
    expect(now(play(file, refusedTemplate, { type: 'templates-loaded', overridden: [] }))).toEqual([]);
    const certificates = { ...NO_CERTIFICATES, refused: [{ path: '/a.pem', reason: 'no key' }] };
    expect(now(play(file, { type: 'certificates-loaded', certificates }))).toEqual(['certificate-refused']);
    const hold = { since: 0, until: 60_000, lost: 9, of: 9, apps: [], appCount: 9, answers: 1, because: 'everything' };
    const held = { type: 'shrink-held', again: false, hold } as unknown as DaemonEventBody;
    expect(now(play(file, held))).toEqual(['shrink-held']);
    expect(statusView(play(file, held), 0).guard).toMatchObject({ lost: 9, until: '1970-01-01T00:01:00.000Z' });
    expect(now(play(file, held, { type: 'shrink-ended', how: 'explained', lost: 9, ms: 1 }))).toEqual([]);
    const full: DaemonEventBody = { type: 'disk-failing', what: 'memory', detail: 'ENOSPC' };
    expect(now(play(file, full))).toEqual(['disk-failing']);
    expect(statusView(play(file, full, { ...full, detail: 'EROFS' }), 0)).toMatchObject({
      ready: true,
      diskFailing: [{ what: 'memory', since: new Date(file.at + 1_000).toISOString(), detail: 'EROFS' }],
    });
    expect(now(play(file, full, { type: 'disk-recovered', what: 'journal' }))).toEqual(['disk-failing']);
    expect(now(play(file, full, { type: 'disk-recovered', what: 'memory' }))).toEqual([]);
    const origin = { from: 'app', app: WEB.id } as const;
    const excluded = [{ code: 'Quarantined', effect: 'app-excluded', message: 'no', origin }] as const;
    expect(now(play(file, { ...BUILT, problems: excluded }))).toEqual(['apps-excluded']);
    expect(now(play(file, { type: 'haproxy-down', reason: 'killed' }))).toEqual(['haproxy-down']);
    expect(now(play(file, { type: 'haproxy-down', reason: 'killed' }, { type: 'haproxy-seen', haproxy: UP }))).toEqual(
      [],
    );
    expect(now(play(file, { type: 'stopping', onStop: 'keep' }))).toEqual(['stopping']);
  });

  it('is stale when no full answer came for two poll intervals', () => {
    const done = play(fresh(), ...WHOLE);
    expect(isStale(done, 69_000)).toBe(false);
    expect(isStale(done, 71_000)).toBe(true);
    expect(snapshotAge(done, 71_000)).toBe(71_000);
  });

  it('is not alive only when a pass is stuck', () => {
    const running = play(fresh(), STARTED, PASS);
    expect(isAlive(running, 60_000)).toBe(true);
    expect(isAlive(running, 3_600_000)).toBe(false);
    expect(isAlive(play(running, finished('unchanged')), 3_600_000)).toBe(true);
  });

  it('never leaves stopping', () => {
    const stopping = play(fresh(), STARTED, PASS, { type: 'stopping', onStop: 'keep' }, APPLIED, finished('applied'));
    expect(stopping.phase).toBe('stopping');
    expect(stopping.running?.generation).toBe(5);
  });
});

describe('the source', () => {
  it('is followed by master, leader and stream', () => {
    const request = (endpoint: string, outcome: 'ok' | 'timeout', leader?: string): DaemonEventBody => ({
      type: 'marathon-request',
      endpoint,
      op: 'apps',
      outcome,
      ms: 5,
      ...(leader === undefined ? {} : { leader }),
    });
    const state = play(
      fresh(),
      request('http://m1', 'ok', 'http://m1'),
      request('http://m1', 'timeout'),
      request('http://m1', 'timeout'),
      request('http://m2', 'ok', 'http://m2'),
      { type: 'stream-attached', endpoint: 'http://m2' },
      { type: 'stream-lost', endpoint: 'http://m2', reason: 'silent' },
      { type: 'stream-attached', endpoint: 'http://m2' },
      { type: 'stream-byte', endpoint: 'http://m2' },
    );
    expect(state.masters.get('http://m1')).toEqual({
      outcome: 'timeout',
      at: 3_000,
      lastOkAt: 1_000,
      ms: 5,
      failures: 2,
    });
    expect([state.leader, state.counts.leaderChanges]).toEqual(['http://m2', 1]);
    expect(state.stream).toMatchObject({
      reconnects: 1,
      lastByteAt: 8_000,
      attached: { endpoint: 'http://m2', since: 7_000 },
    });
    expect(discoveryMode(state)).toBe('sse');
    expect(discoveryMode(play(state, { type: 'stream-lost', endpoint: 'http://m2', reason: '' }))).toBe('poll');
    expect(discoveryMode(fresh({ apps: '/apps.json' }))).toBe('file');
  });

  it('says how often a stream was deaf, and how often it polls because of that while it does', () => {
    const deaf = { type: 'stream-deaf', endpoint: 'http://m', apps: ['/a'], pollMs: 10_000, until: 300_000 };
    const state = play(fresh(), deaf as unknown as DaemonEventBody, deaf as unknown as DaemonEventBody);
    const shown = (now: number) => statusView(state, now).stream.deaf;
    expect(shown(299_999)).toMatchObject({ times: 2, endpoint: 'http://m', apps: ['/a'], poll: { everyMs: 10_000 } });
    expect(shown(300_000)).toEqual({ times: 2, last: '1970-01-01T00:00:02.000Z', endpoint: 'http://m', apps: ['/a'] });
  });
});

describe('history', () => {
  it('tells the whole story of a pass that changed something', () => {
    expect(play(fresh(), ...WHOLE).history).toEqual([
      {
        at: 8_000,
        outcome: 'applied',
        cause: CAUSE,
        ms: 80,
        stages: { snapshot: 10, build: 2, render: 3, validate: 40 },
        reasons: PLAN.reload,
        changes: [{ change: 'route-added', app: WEB.id, what: 'web.example' }],
        moreChanges: 0,
        generation: 5,
        reloadMs: 20,
        sinceCauseMs: 90,
        times: 1,
      },
    ]);
  });

  it('leaves out passes that found nothing to do, and counts equal failures as one', () => {
    const state = play(
      fresh(),
      STARTED,
      PASS,
      finished('unchanged'),
      PASS,
      UNREACHABLE,
      finished('failed'),
      PASS,
      UNREACHABLE,
      finished('failed'),
    );
    expect(state.history).toHaveLength(1);
    expect(state.history[0]).toMatchObject({
      outcome: 'failed',
      failure: 'http://m: unreachable: refused',
      times: 2,
      at: 9_000,
    });
  });

  it('is bounded in length and detail', () => {
    const changes = Array.from(
      { length: 1_000 },
      () => ({ change: 'route-added', app: '/a' as AppId, what: 'a' }) as const,
    );
    const one: readonly DaemonEventBody[] = [PASS, { ...APPLIED, changes }, finished('applied')];
    const state = play(fresh(), ...Array.from({ length: HISTORY_LENGTH + 20 }, () => one).flat());
    expect(state.history).toHaveLength(HISTORY_LENGTH);
    expect(state.history.at(-1)?.at).toBe(state.at);
    expect(state.history[0]?.changes).toHaveLength(HISTORY_DETAIL);
    expect(state.history[0]?.moreChanges).toBe(1_000 - HISTORY_DETAIL);
  });

  it('remembers a bug, in a pass and outside of one', () => {
    const bug: DaemonEventBody = { type: 'bug', message: 'oops', stack: '' };
    const inPass = play(fresh(), STARTED, PASS, bug, finished('failed'));
    expect(inPass.lastBug).toEqual({ at: 3_000, message: 'oops' });
    expect(inPass.applyFailing?.stage).toBe('bug');
    expect(inPass.history[0]?.failure).toBe('bug: oops');
    expect(play(fresh(), STARTED, bug).applyFailing).toBeUndefined();
  });
});

describe('views', () => {
  it('status shows generations, ages and the failure, as JSON', () => {
    const state = play(fresh(), ...WHOLE, PASS, UNREACHABLE, REJECTED, finished('failed'));
    const view = statusView(state, 20_000);
    expect(JSON.parse(JSON.stringify(view))).toMatchObject({
      version: '1.0.0',
      phase: 'backing-off',
      phaseForMs: 8_000,
      ready: true,
      degraded: ['source-unreachable', 'polling', 'apply-rejected'],
      stale: true,
      converged: true,
      source: {
        mode: 'poll',
        masters: [{ endpoint: 'http://127.0.0.1:8080', outcome: 'not-asked' }],
        failing: { forMs: 10_000, kind: 'unreachable' },
      },
      stream: { attached: false, reconnects: 0 },
      snapshot: { ageMs: 20_000, apps: 1 },
      generation: { desired: 5, written: 5, running: 5, runningSince: '1970-01-01T00:00:07.000Z' },
      applyFailing: { stage: 'reload', since: '1970-01-01T00:00:11.000Z' },
      counts: { passes: 2, reloads: 1, failedReloads: 1, validations: 1 },
    });
  });

  it('apps lists what Marathon shows, what has routes and what has problems', () => {
    const origin = { from: 'label', app: '/broken' as AppId, label: 'HAPROXY_0_MODE' } as const;
    const problem = { code: 'LabelInvalid', effect: 'value-ignored', message: 'no mode', origin } as const;
    const state = play(fresh(), STARTED, PASS, TAKEN, { ...BUILT, problems: [problem] }, RENDERED, VALIDATED, APPLIED);
    expect(appsView(state)).toMatchObject([
      { id: '/broken', routes: [], excluded: false, problems: [{ code: 'LabelInvalid', label: 'HAPROXY_0_MODE' }] },
      { id: '/web', instances: 1, tasks: { total: 1, running: 1 }, problems: [] },
    ]);
    expect(appsView(state)[1]?.routes).toContain('web.example');
  });

  it('problems come with their meaning, those that cost most first', () => {
    const of = (effect: 'notice' | 'app-excluded') =>
      ({ code: 'Quarantined', effect, message: effect, origin: { from: 'app', app: WEB.id } }) as const;
    const view = problemsView({ ...fresh(), problems: [of('notice'), of('app-excluded')] });
    expect(view.map((problem) => problem.effect)).toEqual(['app-excluded', 'notice']);
    expect(view[0]?.meaning).toMatch(/HAProxy refused/);
  });
});
