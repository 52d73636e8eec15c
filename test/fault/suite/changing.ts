import { join } from 'node:path';
import type { Json } from '../../../src/demo/json.ts';
import { findByMasterSocket } from '../../../src/haproxy/processes.ts';
import { customerApp } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import type { Stage, Status } from './scenario.ts';

/** An app whose labels change as only a reload can bring them. */
export const CHANGING = '/extra/changing';
const HOST = 'changing.fault.example';
const definition = (turn: number): Json =>
  customerApp(CHANGING, {
    healthChecks: [],
    labels: {
      HAPROXY_0_VHOST: HOST,
      HAPROXY_0_AUTH: `turn ${turn}:user:$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1`,
    },
  });

/** Posts it. Resolves when it is served. */
export async function bringChanging(stage: Stage): Promise<void> {
  await stage.marathon.post(definition(0));
  await until('the app that changes is served', async () => (await stage.ask(HOST)) === 401, 30_000);
  await stage.marathon.settled(CHANGING);
}

/** Changes what only a reload can bring: what it asks a password for. Does not wait for anything. */
export const relabel = ({ marathon }: Stage, turn: number) =>
  marathon.put(CHANGING, { labels: definition(turn)['labels'] as Json }, true);

/** The `turn` that is served: what a password is asked for. */
export async function servedTurn(stage: Stage): Promise<number> {
  const { headers } = await stage.request(HOST);
  return Number(/turn (\d+)/.exec(String(headers['www-authenticate']))?.[1]);
}

/** Changes it, and waits until HAProxy was reloaded for that. */
export async function reload(stage: Stage, turn: number): Promise<void> {
  await relabel(stage, turn);
  await until(`turn ${turn} is served`, async () => (await servedTurn(stage)) === turn, 30_000);
}

/** Changes it, and waits until HAProxy was reloaded, or may not be. Gives what Portolan says. */
export async function reloadOrHeld(stage: Stage, turn: number): Promise<Status> {
  await relabel(stage, turn);
  return until(
    'it is reloaded, or held',
    async () => {
      const status = await stage.status();
      return status.reloadHeld !== undefined || (await servedTurn(stage)) === turn ? status : undefined;
    },
    20_000,
  );
}

/** Deletes apps of a scenario's own; they are gone when this resolves. */
export async function remove({ marathon }: Stage, ...ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    await marathon.delete(id).catch(() => undefined);
    await marathon.settled(id);
  }
}

/** Every process of the stage's HAProxy. */
export const processesOf = ({ portolan }: Stage) => findByMasterSocket(join(portolan.stateDir, 'run', 'master.sock'));
