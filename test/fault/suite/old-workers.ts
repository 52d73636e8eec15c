import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { bringChanging, CHANGING, relabel, reload, reloadOrHeld, remove } from './changing.ts';
import type { Scenario, Stage } from './scenario.ts';
import { openSession, openWebSocket, type Session, servicePortOf } from './sessions.ts';

const LINES = '/extra/lines';
const LIVE = '/extra/live';
const LIVE_HOST = 'live.fault.example';
const FLIPS = '/extra/flips';

/** Throws where a session was cut, or does not answer. */
async function allAnswer(sessions: readonly Session[]): Promise<void> {
  const answers = await Promise.all(sessions.map((session, n) => session.says(`still here ${n}`)));
  const wrong = answers.findIndex((answer, n) => !answer.includes(`still here ${n}`));
  if (wrong >= 0) throw new Error(`session ${wrong} says ${answers[wrong]}`);
}

const postLines = async (stage: Stage): Promise<void> => {
  await stage.marathon.post(customerApp(LINES, { mode: 'tcp', labels: { HAPROXY_0_MODE: 'tcp' } }));
  await stage.marathon.settled(LINES);
};

/**
 * Reloads leave workers with long sessions behind, until there may be no more of them, by their number or by their memory:
 * then the socket carries on alone, and the state says why.
 */
export function pilingUp(because: 'old-workers' | 'memory', most: number, more: Partial<Scenario> = {}): Scenario {
  const few = because === 'old-workers';
  const sessions: Session[] = [];
  let seen = 0;
  return {
    name: few
      ? 'every old worker keeps a long session while labels change on and on'
      : 'old workers hold as much memory as they may while labels change on and on',
    rows: ['8', '28', 'I7'],
    seconds: { full: few ? 60 : 20, short: 3 },
    prepare: async (stage) => {
      seen = 0;
      await bringChanging(stage);
      await postLines(stage);
    },
    async inject(stage) {
      const port = await servicePortOf(stage, LINES);
      for (let n = 1; ; n += 1) {
        if (n > 3 * most) throw new Error('no reload was ever held');
        sessions.push(await until('a session opens', () => openSession(port).catch(() => undefined), 10_000));
        const { reloadHeld } = await reloadOrHeld(stage, n);
        if (reloadHeld?.because === because) break;
      }
    },
    shows: ({ reloadHeld, degraded }) =>
      reloadHeld?.because === because && degraded.includes('reload-held')
        ? `reload-held: ${reloadHeld.detail}`
        : undefined,
    async during(stage) {
      for (let n = 0; n < (stage.full ? (few ? 50 : 10) : 3); n += 1) {
        await relabel(stage, 1_000 + n);
        // What the socket can carry goes on.
        await stage.marathon.scale('/fault/app-1', 2 + (n % 2));
        await stage.marathon.settled();
        seen = Math.max(seen, (await stage.status()).haproxy?.oldWorkers ?? 0);
      }
      await allAnswer(sessions);
      stage.says(`${sessions.length} sessions on ${seen} old workers`);
    },
    async heal(stage) {
      for (const session of sessions.splice(0)) session.close();
      await stage.marathon.scale('/fault/app-1', 2);
      await remove(stage, CHANGING, LINES);
    },
    after: async () => (seen <= most ? undefined : `there were ${seen} old workers`),
    ...more,
  };
}

/** One change that the socket brings, and waits until it did: a task falls ill, or is well again. */
async function flip(stage: Stage, n: number): Promise<void> {
  const { marathon } = stage;
  const [task] = marathon.tasks(FLIPS);
  if (task === undefined) throw new Error('there is no task to flip');
  const well = n % 2 === 1;
  marathon.setHealth(task.id, well);
  await until(
    `its health is followed (${n})`,
    async () => {
      const { status, text } = await stage.portolan.admin('/v1/routes/flips.fault.example');
      const up = (text.match(/"state":"up"/g) ?? []).length;
      return status === 200 && up === (well ? 2 : 1);
    },
    20_000,
  );
}

/** 25 WebSockets and 25 TCP sessions, which nobody may cut. */
export function longSessions(): Scenario {
  const sessions: Session[] = [];
  return {
    name: '50 long sessions through changes over the socket and reloads',
    rows: ['8', '28'],
    seconds: { full: 60, short: 3 },
    prepare: async (stage) => {
      const { marathon, portolan } = stage;
      await bringChanging(stage);
      await postLines(stage);
      await marathon.post(customerApp(LIVE, { instances: 2, labels: { HAPROXY_0_VHOST: LIVE_HOST } }));
      const [check] = customerApp(FLIPS)['healthChecks'] as readonly object[];
      await marathon.post(
        customerApp(FLIPS, {
          instances: 2,
          // Ill, and not replaced.
          healthChecks: [{ ...check, maxConsecutiveFailures: 0 }] as never,
          labels: { HAPROXY_0_VHOST: 'flips.fault.example' },
        }),
      );
      for (const host of [LIVE_HOST, 'flips.fault.example'])
        await until(`${host} is served`, async () => (await stage.ask(host)) === 200, 30_000);
      await marathon.settled();
      const port = await servicePortOf(stage, LINES);
      await until('the TCP port is served', async () => {
        const first = await openSession(port).catch(() => undefined);
        first?.close();
        return first !== undefined;
      });
      for (let n = 0; n < 25; n += 1)
        sessions.push(await openSession(port), await openWebSocket(portolan.ports.http, LIVE_HOST));
      await allAnswer(sessions);
    },
    inject: async () => undefined,
    async during(stage) {
      const [changes, reloads] = stage.full ? [100, 5] : [4, 2];
      for (let n = 1; n <= changes; n += 1) {
        await flip(stage, n);
        if (n % (changes / reloads) === 0) await reload(stage, n);
      }
      await allAnswer(sessions);
      const { haproxy } = await stage.status();
      stage.says(
        `${sessions.length} sessions, ${changes} changes, ${reloads} reloads, ${haproxy?.oldWorkers} old workers`,
      );
    },
    heal: async () => undefined,
    async after() {
      await allAnswer(sessions);
      const cut = sessions.filter((session) => session.isCut()).length;
      return cut === 0 ? undefined : `${cut} sessions were cut`;
    },
    async tidy(stage) {
      for (const session of sessions.splice(0)) session.close();
      await remove(stage, CHANGING, LINES, LIVE, FLIPS);
    },
  };
}
