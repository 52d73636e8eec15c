import { expect, onTestFinished, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import { createMarathon } from '../../../src/demo/marathon.ts';
import { app, json, never, startFake, startSource, text } from './rig.ts';

const ID = '/web' as AppId;
const WAITING = { ...app(ID), deployments: [{ id: 'd' }], readinessChecks: [{}], readinessCheckResults: [] };

/** A Marathon whose deployments are at work on these apps; undefined: it does not say. */
async function deploying(...at: readonly (string | undefined)[]) {
  const fake = await startFake((request, response) => {
    const path = request.url?.split('?')[0];
    if (path === '/v2/apps') return json({ apps: [app('/other'), WAITING] })(request, response);
    if (path === '/v2/apps/web') return json({ app: WAITING })(request, response);
    if (at[0] === undefined) return text(500, '')(request, response);
    return json([{ id: 'd', currentActions: at.map((id) => ({ action: 'ScaleApplication', app: id })) }])(
      request,
      response,
    );
  });
  const { source } = startSource([fake.url]);
  const read = async (scope: 'all' | readonly AppId[]) => {
    const answer = await source.snapshot(scope, never());
    if (!answer.ok) throw new Error(answer.failure.detail);
    return answer.value.value.apps.find(({ id }) => id === ID);
  };
  return { fake, read };
}

test('while a step is at work on the app its task waits', async () => {
  const { read } = await deploying('/other', ID);
  expect((await read('all'))?.tasks[0]?.readiness).toBe('waiting');
  expect((await read([ID]))?.tasks[0]?.readiness).toBe('waiting');
});

test('where the deployment has gone on to other apps it is ready, and stays the same app', async () => {
  const { read } = await deploying('/other');
  const first = await read('all');
  expect(first?.tasks[0]?.readiness).toBe('ready');
  expect(await read([ID])).toBe(first);
  expect(await read('all')).toBe(first);
});

test('a Marathon that does not say is waited for', async () => {
  const { read } = await deploying(undefined);
  expect((await read('all'))?.tasks[0]?.readiness).toBe('waiting');
});

test('deployments are asked for only while somebody waits', async () => {
  const fake = await startFake(json({ apps: [app('/other'), { ...WAITING, deployments: [] }] }));
  const { source } = startSource([fake.url]);
  await source.snapshot('all', never());
  expect(fake.seen.map(({ url }) => url.split('?')[0])).toEqual(['/v2/apps']);
});

test('of a group, the app that is ready serves while the next one is deployed', async () => {
  const marathon = await createMarathon({ tasks: 'paper', secondMs: 20, servicePorts: { from: 27_790, to: 27_799 } });
  onTestFinished(() => marathon.stop());
  const readinessChecks = [{ name: 'r', intervalSeconds: 1 }];
  const put = await fetch(`${marathon.urls[0]}/v2/groups/shop`, {
    method: 'PUT',
    body: JSON.stringify({
      id: '/shop',
      apps: [
        { id: '/shop/a', cmd: 'x', readinessChecks },
        { id: '/shop/b', cmd: 'x', dependencies: ['/shop/a'], readinessChecks, env: { TASK_READY_AFTER_MS: '600000' } },
      ],
    }),
  });
  expect(put.status).toBeLessThan(300);
  await marathon.until('/shop/b', ([task]) => task?.state === 'TASK_RUNNING');
  const { source } = startSource(marathon.urls);
  const answer = await source.snapshot('all', never());
  const shown = answer.ok ? answer.value.value.apps.map(({ id, tasks }) => [id, tasks[0]?.readiness]) : [];
  expect(shown).toContainEqual(['/shop/b', 'waiting']);
  expect(shown).toContainEqual(['/shop/a', 'ready']);
});
