import fc from 'fast-check';
import type { App } from '../../src/core/app.ts';
import { LABELS, spellLabel } from '../../src/core/labels.ts';
import { app, check, endpoint, task } from '../unit/core/table-rig.ts';

/** Draws apps with labels and health checks of every kind, among them those that would do harm if they could. */

/** Texts that would do harm wherever they got into the configuration as they are. */
export const HARMFUL: readonly string[] = [
  'x\nfrontend evil',
  'x\r\nbind *:1',
  '\n',
  '"; drop',
  "' or '",
  '%[env(PATH)]',
  '%[src]\n  server evil 10.0.0.9:80',
  '\r\n\r\nHTTP/1.1 200',
  '\\',
  '\\\n',
  '#',
  ' #',
  '\u0000',
  '\u00a0',
  '\u0085',
  '\u2028',
  '${HOME}',
  '{{servicePort:50000000}}',
  '🎉',
  '../../etc/shadow',
  ' a b c',
  ' if TRUE',
  ' } or { always_true',
  '__proto__',
  'A'.repeat(10_000),
];

const EXAMPLES = Object.values(LABELS).map(({ example }) => example);
const harmful = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...HARMFUL) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

/** A value that is right, with something harmful in it or behind it. */
const spoilt = (right: string): fc.Arbitrary<string> =>
  fc.tuple(fc.nat(right.length), harmful).map(([at, harm]) => right.slice(0, at) + harm + right.slice(at));

/** Values that mean something to one label or the other. */
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...EXAMPLES) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      'a.example',
      'a.example,b.example',
      '*.example',
      '/a',
      '/a /a/b',
      '-i /A',
      '/',
      '0',
      '-5',
      '7',
      '10000',
      '10001',
      '80',
      '10.0.0.1',
      '10.0.0.1,*',
      'http',
      'tcp',
      'true',
      'false',
      'web.pem',
      'verify required ca-file ca.pem',
      'hdr(X)',
      'shop',
    ),
  },
  { weight: 3, arbitrary: harmful },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom('a.example', '/a', 'r:u:'), fc.string({ maxLength: 8 })).map((p) => p.join('')),
  },
);
const SPELT = Object.values(LABELS).flatMap(({ name, example }) =>
  [0, 1, undefined].map((n) => [spellLabel(name, n), example] as const),
);
/** Names of labels, known ones and others. */
export const labelName = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...SPELT.map(([name]) => name)) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }).map((text) => `HAPROXY_${text}`) },
);
const label = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(labelName, value) },
  { weight: 2, arbitrary: fc.constantFrom(...SPELT) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(...SPELT).chain(([name, example]) => fc.tuple(fc.constant(name), spoilt(example))),
  },
);
/** Labels of every kind. */
export const hostileLabels = fc
  .array(label, { maxLength: 12 })
  .map((pairs): Record<string, string> => Object.fromEntries(pairs));
const checks = fc.array(
  fc.record({
    protocol: fc.constantFrom('HTTP', 'HTTPS', 'TCP', 'COMMAND', 'MESOS_HTTP'),
    path: fc.oneof(fc.constantFrom('/', '/health', 'x y', '/"\n'), fc.string({ unit: 'binary', maxLength: 12 })),
    portIndex: fc.nat(2),
    timeoutSeconds: fc.nat(100),
  }),
  { maxLength: 2 },
);

/** What is drawn of an app. */
export interface Drawn {
  readonly labels: Record<string, string>;
  readonly checks: readonly Record<string, unknown>[];
  readonly tasks: number;
  readonly age: number;
}
export const drawn: fc.Arbitrary<Drawn> = fc.record({
  labels: hostileLabels,
  checks,
  tasks: fc.nat(2),
  age: fc.nat(3),
});
/** The app of that id that was drawn. */
export const appOf = (id: string, { labels, checks, tasks, age }: Drawn): App => {
  const healthChecks = checks.map((input) => check(input));
  return app(id, {
    labels,
    healthChecks,
    version: `202${age}-01-01T00:00:00.000Z`,
    ports: [10_000, 10_001],
    tasks: Array.from({ length: tasks }, (_, index) =>
      task(`${id}.${index}`, { healthChecks, endpoints: [endpoint(0, 31_000 + index), endpoint(1, 32_000 + index)] }),
    ),
  });
};
/** Ids that get in each other's way. */
export const IDS = ['/a', '/b', '/a/b', '/a_b', '/shop'];
/** A cluster in which apps ask for the same things. */
export const apps: fc.Arbitrary<readonly App[]> = fc
  .array(drawn, { minLength: 1, maxLength: IDS.length })
  .map((list) => list.map((one, index) => appOf(IDS[index] ?? '/x', one)));
