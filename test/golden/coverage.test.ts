import { describe, expect, test } from 'vitest';
import type { NetworkMode, TaskState } from '../../src/core/app.ts';
import { LABELS, type LabelKey, spellLabel, TEMPLATE_LABELS } from '../../src/core/labels.ts';
import { MAP_FILES } from '../../src/core/maps.ts';
import type { Problem, ProblemCode } from '../../src/core/problem.ts';
import { CaseInput } from '../support/golden-case.ts';
import { goldenCases } from '../support/golden-cases.ts';

// What the golden cases must show, so that a new label, network mode or problem without a case fails here.
const cases = await goldenCases();
const problems: readonly Problem[] = cases.flatMap(({ result }) => result.problems);
const rawApps: readonly unknown[] = cases.flatMap(({ input }) => CaseInput.parse(input).apps);

/** The labels of every app of every case, each with whether its value was complained about. */
const labels = cases.flatMap(({ result }) => {
  const wrong = new Set(
    result.problems.flatMap(({ code, origin }) =>
      code === 'LabelInvalid' && origin.from === 'label' ? [`${origin.app} ${origin.label}`] : [],
    ),
  );
  return result.snapshot.apps.flatMap((app) =>
    [...app.labels.keys()].map((label) => ({ label, good: !wrong.has(`${app.id} ${label}`) })),
  );
});

const keys = Object.keys(LABELS).filter((key): key is LabelKey => Object.hasOwn(LABELS, key));
/** Labels whose every value is right: names that are only compared, and what only zdd reads. */
const NEVER_BAD: ReadonlySet<LabelKey> = new Set<LabelKey>([
  'appGroups',
  'groups',
  'deploymentAltPort',
  'deploymentColour',
  'originalAppId',
]);

/** How often a label occurs with its index, by whether its value was right. */
function occurrences(key: LabelKey, good: boolean): number {
  const { name, level } = LABELS[key];
  const spelt = new RegExp(`^${level === 'app' ? spellLabel(name) : spellLabel(name, '\\d+')}$`);
  return labels.filter((found) => found.good === good && spelt.test(found.label)).length;
}

test.each(keys)('the label %s occurs with a good value', (key) => {
  expect(occurrences(key, true)).toBeGreaterThan(0);
});

test.each(keys)('the label %s occurs with a bad value, if it has any', (key) => {
  expect(occurrences(key, false) > 0).toBe(!NEVER_BAD.has(key));
});

test('labels occur without index, and as template overrides', () => {
  const spelt = new Set(labels.map(({ label }) => label));
  expect([...spelt].filter((label) => label === spellLabel(LABELS.vhosts.name))).toHaveLength(1);
  expect([...TEMPLATE_LABELS].filter((name) => spelt.has(spellLabel(name, 0)))).not.toEqual([]);
});

test('every network mode and task state occurs', () => {
  const modes: Record<NetworkMode, true> = { host: true, bridge: true, container: true };
  const states: Record<TaskState, true> = {
    staging: true,
    starting: true,
    running: true,
    killing: true,
    unreachable: true,
    lost: true,
    terminal: true,
    other: true,
  };
  const apps = cases.flatMap(({ result }) => result.snapshot.apps);
  expect(distinct(apps.map(({ network }) => network))).toEqual(Object.keys(modes).sort());
  expect(distinct(apps.flatMap(({ tasks }) => tasks.map(({ state }) => state)))).toEqual(Object.keys(states).sort());
});

describe('every dialect of Marathon occurs', () => {
  test.each<readonly [string, RegExp]>([
    ['host, bare ports', /^(?!.*"(?:portDefinitions|docker|networks)").*"ports":\[10/],
    ['host, port definitions up to 1.4', /^(?!.*"networks").*"portDefinitions":\[\{"port":/],
    ['host, Docker', /"network":"HOST"/],
    ['host, 1.5 and later', /"networks":\[\{"mode":"host"\}\]/],
    ['bridge up to 1.4', /"network":"BRIDGE"/],
    ['bridge, 1.5 and later', /"networks":\[\{"mode":"container\/bridge"\}\]/],
    ['USER network up to 1.4', /"network":"USER".*?"networkName":/],
    ['container network, 1.5 and later', /"networks":\[\{"mode":"container","name":"\w+"\}\]/],
    ['several container networks', /"networks":\[\{"mode":"container".*?\},\{"mode":"container"/],
    ['IP per task with discovery ports', /"discovery":\{"ports":\[\{"number":/],
    ['Docker without network', /"network":"NONE"/],
    ['0.8: tasks without state, no versionInfo', /^(?!.*"versionInfo").*"tasks":\[\{(?!.*"state":)/],
    ['IPv6', /"protocol":"IPv6"/],
  ])('%s', (_, shape) => {
    expect(rawApps.filter((app) => shape.test(JSON.stringify(app)))).not.toEqual([]);
  });
});

test('every map has rows in some case, and every file is always there', () => {
  for (const file of MAP_FILES) {
    const texts = cases.map(({ result }) => result.files.get(file));
    expect(texts, file).not.toContain(undefined);
    expect(texts.filter(Boolean), file).not.toEqual([]);
  }
});

describe('problems', () => {
  /** What each code can cost. The other ones are made by a running daemon only. */
  const COSTS: Record<Exclude<ProblemCode, 'Quarantined' | 'ListenerHeld'>, readonly Problem['effect'][]> = {
    AppMalformed: ['app-excluded', 'notice', 'value-ignored'],
    TaskMalformed: ['notice', 'value-ignored'],
    NoAddress: ['notice'],
    HostUnresolvable: ['notice'],
    DefinitionUnknown: ['notice'],
    LabelInvalid: ['notice', 'route-refused', 'value-ignored'],
    LabelUnknown: ['value-ignored'],
    LabelIndexOutOfRange: ['value-ignored'],
    LabelNotYetHonoured: ['value-ignored'],
    LabelWithoutEffect: ['notice', 'route-refused'],
    UdpNotProxied: ['notice'],
    NoServicePort: ['route-refused'],
    HostnameConflict: ['notice', 'route-refused'],
    PortConflict: ['route-refused'],
    BackendNameConflict: ['route-refused'],
    RouteShadowed: ['route-refused'],
    CertificateUnusable: ['route-refused'],
    CheckInvalid: ['value-ignored'],
    DeploymentGroupInvalid: ['value-ignored'],
  };

  test('every code occurs with every cost that it can have, and with no other', () => {
    const possible = Object.entries(COSTS).flatMap(([code, effects]) => effects.map((effect) => `${code} ${effect}`));
    expect(distinct(problems.map(({ code, effect }) => `${code} ${effect}`))).toEqual(possible.sort());
  });

  test('a value that cannot be used is named with what was expected and an example', () => {
    const told = problems.filter(({ code }) => ['LabelInvalid', 'CertificateUnusable', 'CheckInvalid'].includes(code));
    expect(told.length).toBeGreaterThan(50);
    expect(
      told.filter(({ value, expected, example }) => [value, expected, example].some((part) => part === undefined)),
    ).toEqual([]);
  });

  test('every message is one printable sentence of at most 500 characters that names the app or the entry', () => {
    for (const { message, origin } of problems) {
      expect(message).toMatch(/^[^\p{Cc}]{1,499}[.?…]$/u);
      if (origin.from === 'app' || origin.from === 'label') expect(message).toContain(origin.app);
    }
  });
});

function distinct<T extends string>(values: readonly T[]): readonly T[] {
  return [...new Set(values)].sort();
}
