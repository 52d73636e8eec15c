import { expect, test } from 'vitest';
import type { TaskId } from '../../../src/core/app.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import { fail, ok, type Result } from '../../../src/core/result.ts';
import type { Left } from '../../../src/daemon/lane.ts';
import { createTakingOut } from '../../../src/daemon/taking-out.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { appId } from '../../support/tables.ts';

const LEAVING = [{ app: appId('/a'), task: 'a.1' as TaskId }];

/** What comes of a task that leaves, when so much is done about its servers. */
async function told(left: Result<Left, 'bug'>) {
  const events: DaemonEventBody[] = [];
  let hurried = 0;
  const clock = createManualClock();
  const takeOut = createTakingOut({
    leave: async () => {
      await clock.advance(7);
      return left;
    },
    hurry: () => {
      hurried += 1;
    },
    emit: (event) => events.push(event),
    clock,
  });
  await takeOut(LEAVING);
  return { events, hurried };
}

test('servers that were taken out are told of, with how long it took', async () => {
  const events = [{ type: 'taken-out', tasks: ['a.1'], servers: 2, ms: 7 }];
  expect(await told(ok({ servers: 2, last: false }))).toEqual({ events, hurried: 0 });
  expect(await told(ok({ servers: 2, last: true }))).toEqual({ events, hurried: 1 });
});

test('the last server of a backend stays, and hurries the next pass', async () => {
  expect(await told(ok({ servers: 0, last: true }))).toEqual({ events: [], hurried: 1 });
});

test('nothing comes of a task that has no server, nor of a bug', async () => {
  expect(await told(ok({ servers: 0, last: false }))).toEqual({ events: [], hurried: 0 });
  expect(await told(fail('bug'))).toEqual({ events: [], hurried: 0 });
});
