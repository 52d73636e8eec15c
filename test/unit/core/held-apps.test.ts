import { expect, test } from 'vitest';
import type { App, AppId } from '../../../src/core/app.ts';
import { withHeld, withoutTaken } from '../../../src/core/held-apps.ts';
import type { Checked, Problem } from '../../../src/core/problem.ts';
import { scriptedApp, snapshotOf } from '../../support/scripted-core.ts';

const byId = (...apps: App[]): ReadonlyMap<AppId, App> => new Map(apps.map((app) => [app.id, app]));
const problem = (app: string): Problem => ({
  code: 'LabelInvalid',
  effect: 'notice',
  message: `of ${app}`,
  origin: { from: 'label', app: app as AppId, label: 'HAPROXY_0_MODE' },
});
const answer = (apps: readonly App[], ...of: string[]) => ({ value: snapshotOf(apps, 7), problems: of.map(problem) });
const [a, b, c] = ['/a', '/b', '/c'].map((id) => scriptedApp(id)) as [App, App, App];

test('what an answer lacks is put back where it was, as the same object, with its problems', () => {
  const before: Checked<ReturnType<typeof snapshotOf>> = answer([a, b, c], '/a', '/b');
  const whole = withHeld(answer([a, c], '/a', '/c'), byId(b), before);
  expect(whole.value.apps).toEqual([a, b, c]);
  expect(whole.value.apps[1]).toBe(b);
  expect(whole.value.takenAt).toBe(7);
  expect(whole.problems.map(({ message }) => message)).toEqual(['of /a', 'of /c', 'of /b']);
});

test('an app without a task is replaced, one with tasks is newer than what is held', () => {
  const newer = scriptedApp('/a', 2);
  const whole = withHeld(answer([newer, { ...b, tasks: [] }]), byId(a, b), undefined);
  expect(whole.value.apps).toEqual([newer, b]);
  const same = answer([newer]);
  expect(withHeld(same, byId(a), undefined)).toBe(same);
});

test('a held task whose port somebody else has now gets no more requests', () => {
  const two = scriptedApp('/two', 2);
  const left = withoutTaken(byId(two), [a]);
  expect(left.get(two.id)?.tasks).toEqual(two.tasks.slice(1));
  const other = {
    ...a,
    tasks: a.tasks.map((task) => ({ ...task, endpoints: [{ portIndex: 0, address: '10.0.0.2', port: 31_000 }] })),
  };
  expect(withoutTaken(byId(two), [other]).get(two.id)).toBe(two);
  // It is listed itself, read by itself meanwhile.
  expect(withoutTaken(byId(two), [two]).get(two.id)).toBe(two);
});
