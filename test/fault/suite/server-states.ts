import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { startProber } from '../../support/steady-prober.ts';
import { heldText, wantedText } from '../chaos/model.ts';
import { bringChanging, CHANGING, reload, remove } from './changing.ts';
import type { Scenario, Stage } from './scenario.ts';

const SICK = '/extra/sick';
const SICK_HOST = 'sick.fault.example';
const MOVING = '/extra/moving';
const MOVING_HOST = 'moving.fault.example';

/** Who answers `times` requests in a row, by task. */
async function answerers(stage: Stage, host: string, times: number): Promise<ReadonlySet<string>> {
  const prober = startProber({ port: stage.portolan.ports.http, host, perSecond: 100, connections: 'new' });
  await prober.rounds(times);
  const { answers, failed, failures } = await prober.stop();
  if (failed > 0) throw new Error(failures.join('\n'));
  return new Set(answers.keys());
}

/**
 * Marathon shows no health results, so that only HAProxy's own check finds a task ill: nobody but HAProxy knows that it is down,
 * and reloads must not forget it.
 */
export function downOverReloads(): Scenario {
  let ill: string | undefined;
  const illTask = ({ marathon }: Stage) => marathon.tasks(SICK).find(({ id }) => id === ill);
  return {
    name: 'HAProxy is reloaded while a server is down',
    rows: ['13', 'I9'],
    seconds: { full: 20, short: 2 },
    prepare: async (stage) => {
      const { marathon } = stage;
      await bringChanging(stage);
      const [check] = customerApp(SICK)['healthChecks'] as readonly object[];
      await marathon.post(
        customerApp(SICK, {
          instances: 2,
          healthChecks: [{ ...check, maxConsecutiveFailures: 0 }] as never,
          labels: { HAPROXY_0_VHOST: SICK_HOST },
        }),
      );
      await until(
        `${SICK_HOST} is served by both`,
        async () => {
          if ((await stage.ask(SICK_HOST)) !== 200) return false;
          return (await answerers(stage, SICK_HOST, 20)).size === 2;
        },
        30_000,
      );
      await marathon.settled();
    },
    inject: async (stage) => {
      const { marathon } = stage;
      await marathon.fault('all', 'no-health', { as: 'null' });
      const [task] = marathon.tasks(SICK);
      ill = task?.id;
      task?.real?.setHealthy(false);
      await until('HAProxy finds it down', async () => !(await answerers(stage, SICK_HOST, 20)).has(ill ?? ''), 30_000);
    },
    during: async (stage) => {
      const reloads = stage.full ? 10 : 2;
      for (let turn = 1; turn <= reloads; turn += 1) {
        await reload(stage, turn);
        const answered = await answerers(stage, SICK_HOST, 40);
        if (answered.has(ill ?? '')) throw new Error(`a server that is down was asked after reload ${turn}`);
      }
      stage.says(`${reloads} reloads, nobody asked the server that is down`);
    },
    heal: async (stage) => {
      illTask(stage)?.real?.setHealthy(true);
      await stage.marathon.clearFaults();
    },
    after: async (stage) => {
      await until('it is asked again', async () => (await answerers(stage, SICK_HOST, 20)).size === 2, 30_000);
      return undefined;
    },
    tidy: (stage) => remove(stage, SICK, CHANGING),
  };
}

/** Tasks on the agents' ports move to others, and each time HAProxy is reloaded: it must ask where they are, not where they were. */
export function portsOverReloads(): Scenario {
  const model = [{ id: MOVING, vhost: MOVING_HOST }];
  /** The lines of the app that moves, of all that HAProxy holds. */
  const held = async ({ portolan }: Stage): Promise<string> =>
    (await heldText(portolan.stateDir))
      .split('\n')
      .filter((line) => line.includes(MOVING) || line.includes(MOVING_HOST))
      .join('\n');
  return {
    name: 'tasks move to other ports, and HAProxy is reloaded each time',
    rows: ['13', 'I9'],
    seconds: { full: 20, short: 2 },
    prepare: async (stage) => {
      const {
        container: _c,
        ipAddress: _i,
        ...app
      } = customerApp(MOVING, {
        instances: 2,
        labels: { HAPROXY_0_VHOST: MOVING_HOST },
      });
      await bringChanging(stage);
      await stage.marathon.post({ ...app, portDefinitions: [{ port: 0, protocol: 'tcp' }] });
      await until(`${MOVING_HOST} is served`, async () => (await stage.ask(MOVING_HOST)) === 200, 30_000);
      await stage.marathon.settled();
    },
    inject: async () => undefined,
    during: async (stage) => {
      const { marathon, portolan } = stage;
      const prober = startProber({ port: portolan.ports.http, host: MOVING_HOST, perSecond: 50 });
      const moved = async (turn: number): Promise<void> => {
        const before = wantedText(marathon, model);
        await marathon.restart(MOVING);
        await reload(stage, turn);
        await marathon.settled(MOVING);
        const follows = async (): Promise<boolean> => {
          const wanted = wantedText(marathon, model);
          return wanted !== undefined && wanted !== before && wanted === (await held(stage));
        };
        await until('HAProxy holds the new ports, and no old one', follows, 30_000);
      };
      let wrong: unknown;
      for (let turn = 1; turn <= (stage.full ? 5 : 1) && wrong === undefined; turn += 1)
        await moved(turn).catch((error: unknown) => {
          wrong = error;
        });
      const { ok, failed, failures } = await prober.stop();
      stage.says(`${ok + failed} more requests to what moved, ${failed} failed`);
      if (wrong !== undefined) throw wrong;
      if (failed > 0) throw new Error(failures.join('\n'));
    },
    heal: async () => undefined,
    tidy: (stage) => remove(stage, MOVING, CHANGING),
  };
}
