import { expect, test } from 'vitest';
import type { AppId, TaskId } from '../../../src/core/app.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { fail, ok, type Result } from '../../../src/core/result.ts';
import type { Left } from '../../../src/daemon/lane.ts';
import { createTakingOut } from '../../../src/daemon/taking-out.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { appId } from '../../support/tables.ts';

const LEAVING = ['a.1', 'a.2'].map((task) => ({ app: appId('/a'), task: task as TaskId }));

/** What comes of a task that leaves, when so much is done about its servers. */
async function told(left: Result<Left, 'bug'>) {
  const events: DaemonEventBody[] = [];
  let hurried = 0;
  const looked: AppId[] = [];
  const clock = createManualClock();
  const takeOut = createTakingOut({
    leave: async () => {
      await clock.advance(7);
      return left;
    },
    hurry: () => {
      hurried += 1;
    },
    look: (apps) => looked.push(...apps),
    emit: (event) => events.push(event),
    clock,
  });
  await takeOut(LEAVING);
  return { events, hurried, looked };
}

test('servers that were taken out are told of, with how long it took, and need no look at their app', async () => {
  const events = [{ type: 'taken-out', tasks: ['a.1', 'a.2'], servers: 2, ms: 7 }];
  expect(await told(ok({ servers: 2, last: false, unsure: false }))).toEqual({ events, hurried: 0, looked: [] });
  const looked = ['/a'];
  expect(await told(ok({ servers: 2, last: true, unsure: false }))).toEqual({ events, hurried: 1, looked });
});

test('the last server of a backend stays, and hurries the next pass, which looks at its app', async () => {
  const looked = ['/a'];
  expect(await told(ok({ servers: 0, last: true, unsure: false }))).toEqual({ events: [], hurried: 1, looked });
});

test('nothing comes of a task that has no server', async () => {
  expect(await told(ok({ servers: 0, last: false, unsure: false }))).toEqual({ events: [], hurried: 0, looked: [] });
});

test('an app is looked at where it is not certain that its servers are out, and after a bug', async () => {
  const looked = ['/a'];
  expect(await told(ok({ servers: 0, last: false, unsure: true }))).toEqual({ events: [], hurried: 0, looked });
  expect(await told(fail('bug'))).toEqual({ events: [], hurried: 0, looked });
});
