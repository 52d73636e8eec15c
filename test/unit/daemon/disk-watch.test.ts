import { expect, test } from 'vitest';
import type { RenderedConfig } from '../../../src/core/config.ts';
import type { DaemonEventBody } from '../../../src/core/events.ts';
import type { ApplyResult, Haproxy, HaproxyFailure, ValidationFailure } from '../../../src/core/ports.ts';
import { fail, ok } from '../../../src/core/result.ts';
import { createDiskWatch } from '../../../src/daemon/disk-watch.ts';

const FULL = { kind: 'disk', detail: 'write generation 7: ENOSPC: no space left on device, write' } as const;
const CONFIG: RenderedConfig = { files: new Map(), owners: [], digest: 'a' };

/** A watch over a HAProxy whose disk does as told. */
function rig() {
  const events: DaemonEventBody[] = [];
  const watch = createDiskWatch((event) => events.push(event));
  const says: { write?: ValidationFailure; publish?: HaproxyFailure; load?: HaproxyFailure } = {};
  const candidate = { generation: 8 as never, warnings: [] };
  const haproxy = watch.over({
    validate: async () => (says.write === undefined ? ok(candidate) : fail(says.write)),
    publish: async () => (says.publish === undefined ? ok(undefined) : fail(says.publish)),
    apply: async (): Promise<ApplyResult> =>
      says.load === undefined
        ? { kind: 'applied', generation: 8 as never, via: 'reload', ms: 1 }
        : { kind: 'rejected', failure: says.load },
  } as unknown as Haproxy);
  const write = (when: 'now' | 'meanwhile') => haproxy.validate(CONFIG, 'test', new AbortController().signal, when);
  const said = (): string[] => events.splice(0).map((event) => `${event.type} ${'what' in event ? event.what : ''}`);
  return { watch, haproxy, says, write, said, publish: () => haproxy.publish(candidate, 7 as never), candidate };
}

test('tells of a failure once, of another reason again, and of the end', () => {
  const { watch, said } = rig();
  watch.worked('memory');
  expect(said()).toEqual([]);
  watch.failed('memory', 'ENOSPC');
  watch.failed('memory', 'ENOSPC');
  watch.failed('journal', 'ENOSPC');
  expect(said()).toEqual(['disk-failing memory', 'disk-failing journal']);
  watch.failed('memory', 'EROFS');
  expect(said()).toEqual(['disk-failing memory']);
  watch.worked('memory');
  watch.worked('memory');
  expect(said()).toEqual(['disk-recovered memory']);
});

test('the number of a generation makes no other failure', async () => {
  const { says, write, said } = rig();
  says.write = FULL;
  await write('now');
  says.write = { ...FULL, detail: FULL.detail.replace('7', '8') };
  await write('now');
  expect(said()).toEqual(['disk-failing generation']);
  delete says.write;
  await write('now');
  expect(said()).toEqual(['disk-recovered generation']);
});

test('a configuration that HAProxy refuses was written', async () => {
  const { says, write, said } = rig();
  says.write = FULL;
  await write('now');
  said();
  says.write = { kind: 'invalid', diagnostics: [] };
  await write('now');
  expect(said()).toEqual(['disk-recovered generation']);
});

test('a copy that can be written and not published is not the end of the failure', async () => {
  const { says, write, publish, said } = rig();
  says.publish = FULL;
  await write('meanwhile');
  await publish();
  expect(said()).toEqual(['disk-failing generation']);
  await write('meanwhile');
  expect(said()).toEqual([]);
  delete says.publish;
  await publish();
  expect(said()).toEqual(['disk-recovered generation']);
});

test('a reload ends what copies could not do', async () => {
  const { says, write, haproxy, candidate, said } = rig();
  says.write = FULL;
  await write('meanwhile');
  said();
  delete says.write;
  await write('now');
  expect(said()).toEqual([]);
  says.load = { kind: 'socket', detail: 'no answer' };
  await haproxy.apply(candidate);
  expect(said()).toEqual([]);
  delete says.load;
  await haproxy.apply(candidate);
  expect(said()).toEqual(['disk-recovered generation']);
});

test('a pass that has nothing left to write is over with what one before could not; one that failed is not', async () => {
  const { watch, says, write, said } = rig();
  says.write = FULL;
  watch.observe({ type: 'pass-started' });
  await write('now');
  watch.observe({ type: 'pass-finished', outcome: 'applied' });
  expect(said()).toEqual(['disk-failing generation']);
  watch.observe({ type: 'pass-started' });
  watch.observe({ type: 'pass-finished', outcome: 'failed' });
  expect(said()).toEqual([]);
  watch.observe({ type: 'pass-started' });
  watch.observe({ type: 'pass-finished', outcome: 'unchanged' });
  expect(said()).toEqual(['disk-recovered generation']);
});
