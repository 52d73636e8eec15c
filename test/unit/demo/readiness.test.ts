import { expect, test } from 'vitest';
import type { Json } from '../../../src/demo/json.ts';
import type { StandInMarathon } from '../../../src/demo/stand-in.ts';
import { call, marathonOf } from './rig.ts';

const READINESS: Json = { name: 'warm', path: '/ready', intervalSeconds: 1, timeoutSeconds: 50 };
const slow = (ms: number, more: Json = {}): Json => ({
  id: '/web',
  env: { TASK_READY_AFTER_MS: String(ms) },
  readinessChecks: [READINESS],
  ...more,
});

const shown = async ({ urls }: StandInMarathon): Promise<Json> => {
  const { json } = await call(`${urls[0]}/v2/apps/web?embed=apps.tasks&embed=apps.readiness`);
  return json['app'] as Json;
};
const results = async (marathon: StandInMarathon) =>
  (await shown(marathon))['readinessCheckResults'] as readonly Json[];

test('a deployment waits for its tasks to be ready, and says who is not', async () => {
  const marathon = await marathonOf({ servicePorts: { from: 27_780, to: 27_789 } });
  const began = Date.now();
  await marathon.post(slow(1_500, { readinessChecks: [{ ...READINESS, preserveLastResponse: true }] }));
  await marathon.until('/web', ([task]) => task?.state === 'TASK_RUNNING');
  let found = await results(marathon);
  while (found.length === 0) found = await results(marathon);
  const taskId = marathon.tasks('/web')[0]?.id;
  expect(found).toEqual([
    { name: 'warm', taskId, ready: false, lastResponse: expect.objectContaining({ status: 503 }) },
  ]);
  const { json } = await call(`${marathon.urls[0]}/v2/deployments`);
  expect(json).toMatchObject([
    { currentActions: [{ app: '/web', readinessCheckResults: [{ taskId, ready: false }] }] },
  ]);
  const [listens] = marathon.tasks('/web')[0]?.listens ?? [];
  expect((await fetch(`http://${listens?.address}:${listens?.port}/`)).status).toBe(503);
  expect((await fetch(`http://${listens?.address}:${listens?.port}/health`)).status).toBe(200);
  await marathon.settled('/web');
  expect(Date.now() - began).toBeGreaterThanOrEqual(1_500);
  expect(await results(marathon)).toEqual([]);
  expect((await fetch(`http://${listens?.address}:${listens?.port}/`)).status).toBe(200);
});

test('old tasks stay until new ones are ready; what is scaled up is asked, what was there is not', async () => {
  const marathon = await marathonOf({ tasks: 'paper', servicePorts: { from: 27_780, to: 27_789 } });
  await marathon.post(slow(0));
  await marathon.settled('/web');
  const [old] = marathon.tasks('/web');
  await marathon.put('/web', { env: { TASK_READY_AFTER_MS: '300' } });
  await marathon.until('/web', (tasks) => tasks.filter(({ state }) => state === 'TASK_RUNNING').length === 2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(marathon.tasks('/web').some(({ id }) => id === old?.id)).toBe(true);
  expect(await results(marathon)).toMatchObject([{ ready: false }]);
  await marathon.settled('/web');
  const [present] = marathon.tasks('/web');
  expect(present?.id).not.toBe(old?.id);
  await marathon.scale('/web', 2);
  await marathon.until('/web', (tasks) => tasks.filter(({ state }) => state === 'TASK_RUNNING').length === 2);
  const asked = (await results(marathon)).map(({ taskId }) => taskId);
  expect(asked).not.toContain(present?.id);
  await marathon.settled('/web');
});

test('another leader knows of no result, and asks again', async () => {
  const marathon = await marathonOf({
    tasks: 'paper',
    servicePorts: { from: 27_780, to: 27_789 },
    delays: { election: 20 },
  });
  // The second task keeps the deployment going.
  await marathon.post(slow(0, { instances: 1 }));
  await marathon.settled('/web');
  await marathon.put('/web', { instances: 2, env: { TASK_READY_AFTER_MS: '500' } });
  while ((await results(marathon)).length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const change = marathon.leaderChange();
  await change;
  await marathon.settled('/web');
  expect(marathon.tasks('/web')).toHaveLength(2);
});
