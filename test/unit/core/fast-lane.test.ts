import { describe, expect, test } from 'vitest';
import type { TaskId } from '../../../src/core/app.ts';
import { createServing, createTakeOut } from '../../../src/core/fast-lane.ts';
import { type LeavingTask, leavingTasks } from '../../../src/core/leaving.ts';
import type { RoutingTable } from '../../../src/core/routing.ts';
import { appId, backend, server, table } from '../../support/tables.ts';

const running = table({
  backends: [
    backend('group_1', { app: appId('/group'), servers: [server(1, { task: 'member.1' as TaskId }), server(2)] }),
    backend('shop_2', { servers: [server(11), server(12), server(13, { admission: 'maint' })] }),
    backend('solo_3', { servers: [server(21)] }),
  ],
});
const takeOut = (of: RoutingTable, leaving: readonly LeavingTask[]) => createTakeOut()(of, leavingTasks(leaving));
const leaving = (app: string, task: string) => ({ app: appId(app), task: task as TaskId });
const told = (...given: Parameters<typeof takeOut>) =>
  takeOut(...given).commands.map((one) =>
    'server' in one && typeof one.server === 'string' ? `${one.backend}/${one.server}` : one.do,
  );

describe('an event alone', () => {
  test('takes a leaving task’s server out, and keeps the others as they are', () => {
    const { backends, commands } = takeOut(running, [leaving('/shop', 'task.11')]);
    expect(commands).toEqual([{ do: 'set-admission', backend: 'shop_2', server: '127_0_0_1_11', admission: 'maint' }]);
    expect(backends[1]?.servers.map(({ admission }) => admission)).toEqual(['maint', 'ready', 'maint']);
    expect(backends[0]).toBe(running.backends[0]);
    expect(backends[2]).toBe(running.backends[2]);
  });

  test('never takes the last server that serves', () => {
    expect(told(running, [leaving('/solo', 'task.21')])).toEqual([]);
    expect(told(running, [leaving('/shop', 'task.11'), leaving('/shop', 'task.12')])).toEqual([]);
  });

  test('tells where nobody would be left to serve', () => {
    const last = (...tasks: readonly LeavingTask[]) => takeOut(running, tasks).last;
    expect(last(leaving('/solo', 'task.21'))).toBe(true);
    expect(last(leaving('/shop', 'task.11'), leaving('/shop', 'task.12'))).toBe(true);
    expect(last(leaving('/shop', 'task.11'), leaving('/solo', 'task.21'))).toBe(true);
    expect(last(leaving('/shop', 'task.11'))).toBe(false);
    // Who serves no more is not waited for.
    expect(last(leaving('/shop', 'task.13'))).toBe(false);
    expect(last(leaving('/solo', 'task.99'))).toBe(false);
  });

  test('means every task of an instance, and no other that begins alike', () => {
    const of = (id: string) => server(31, { task: id as TaskId });
    const two = table({
      backends: [
        backend('app_9', {
          servers: [of('app.instance-a._app.1'), server(32, { task: 'app.instance-ab._app.1' as TaskId })],
        }),
      ],
    });
    expect(told(two, [leaving('/app', 'app.instance-a')])).toEqual(['app_9/127_0_0_1_31']);
  });

  test('reaches a member of a deployment group, whose backend goes by the group’s name', () => {
    expect(told(running, [leaving('/member', 'member.1')])).toEqual(['group_1/127_0_0_1_1']);
  });

  test('of a task that has no server changes nothing', () => {
    const { backends, commands } = takeOut(running, [leaving('/shop', 'task.99')]);
    expect(commands).toEqual([]);
    expect(backends).toBe(running.backends);
  });

  test('is answered by what runs now, whatever was asked before', () => {
    const remembering = createTakeOut();
    const names = (backends: typeof running.backends, app: string, task: string) =>
      remembering(table({ backends }), leavingTasks([leaving(app, task)])).commands.map(({ backend: of }) => of);
    const [group, shop, solo] = running.backends;
    if (group === undefined || shop === undefined || solo === undefined) throw new Error('three backends');
    expect(names([shop, solo], '/shop', 'task.11')).toEqual(['shop_2']);
    expect(names([group, solo], '/shop', 'task.11')).toEqual([]);
    expect(names([group, solo], '/member', 'member.1')).toEqual(['group_1']);
    const own = { ...group, servers: [server(2), server(3)] };
    expect(names([own, shop], '/member', 'task.2')).toEqual(['group_1']);
    expect(names([{ ...own, app: appId('/other') }, shop], '/group', 'task.2')).toEqual(['group_1']);
    expect(names([shop], '/group', 'task.2')).toEqual([]);
  });
});

describe('which backends serve an app', () => {
  const apps = ['/group', '/member', '/shop', '/solo'].map(appId);
  const lists = [[], [2], [0, 1], [0, 1, 2], [1, 2], [0, 2]].map((which) =>
    which.flatMap((at) => running.backends[at] ?? []),
  );

  const named = ({ own, shared }: ReturnType<ReturnType<typeof createServing>['of']>) =>
    [own, shared].map((those) => [...those].map(({ name }) => name).sort());

  test('can be learnt piece by piece, from any list to any other', () => {
    for (const before of lists) {
      for (const after of lists) {
        const [learnt, asked] = [createServing(), createServing()];
        learnt.of(before, []);
        let turns = 1;
        while (learnt.learn(after, 1)) turns += 1;
        expect(turns).toBe(Math.max(1, after.length - before.length));
        expect(named(learnt.of(after, apps))).toEqual(named(asked.of(after, apps)));
        const names = after.map(({ name }) => name).sort();
        expect(named(learnt.of(after, apps)).flat().sort()).toEqual(names);
      }
    }
  });

  test('is known whatever was learnt of another list before', () => {
    for (const before of lists) {
      for (const after of lists) {
        const [learnt, asked] = [createServing(), createServing()];
        learnt.learn(before, 1);
        expect(named(learnt.of(after, apps))).toEqual(named(asked.of(after, apps)));
        expect(learnt.learn(after, 1)).toBe(false);
      }
    }
  });
});
