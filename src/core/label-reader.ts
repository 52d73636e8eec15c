import type { App, AppId } from './app.ts';
import { bad } from './label-parsers.ts';
import { suggestLabel } from './label-suggestions.ts';
import type { AppLabelKey, LabelKey, LabelSpec, LabelValue, PortLabelKey } from './labels.ts';
import { LABELS, spellLabel, TEMPLATE_LABELS } from './labels.ts';
import type { Origin, Problem, ProblemCode } from './problem.ts';
import { printable } from './problem.ts';

/** A label that is there. */
export interface ReadLabel<T> {
  /** Absent when the value cannot be used: what asked for protection must not be served without it. */
  readonly value?: T;
  readonly origin: Origin;
  /** As it is spelt on the app. */
  readonly label: string;
}

/** The labels of one port, by the keys of the table. */
export type PortLabels = { readonly [K in PortLabelKey]?: ReadLabel<LabelValue<K>> };
/** The labels of the app itself. */
type AppLabels = { readonly [K in AppLabelKey]?: ReadLabel<LabelValue<K>> };

/** Every label of an app, accounted for. */
export interface Labels {
  readonly app: AppLabels;
  /** By index; a port without labels has no entry. */
  readonly ports: ReadonlyMap<number, PortLabels>;
  readonly problems: readonly Problem[];
}

/** The labels of a port that has none. */
export const NO_PORT_LABELS: PortLabels = {};

/** Makes a problem with a label; `value` is shown, so it must be no secret. */
export function labelProblem(
  code: ProblemCode,
  effect: Problem['effect'],
  origin: { readonly app: AppId; readonly label: string },
  says: string,
  more: { readonly value?: string; readonly expected?: string; readonly example?: string } = {},
): Problem {
  const label = printable(origin.label);
  const expectation = more.expected === undefined ? '' : ` Expected ${more.expected}.`;
  return {
    code,
    effect,
    message: printable(
      `${label} of ${printable(origin.app)}: ${says}${says.endsWith('?') ? '' : '.'}${expectation}`,
      500,
    ),
    origin: { from: 'label', app: origin.app, label },
    ...(more.value === undefined ? {} : { value: printable(more.value) }),
    ...(more.expected === undefined ? {} : { expected: more.expected }),
    ...(more.example === undefined ? {} : { example: more.example }),
  };
}

const PORT_SPECS = byName('port');
const APP_SPECS = byName('app');

function byName(level: 'port' | 'app'): ReadonlyMap<string, readonly [LabelKey, LabelSpec<unknown>]> {
  const keys = Object.keys(LABELS).filter((key): key is LabelKey => Object.hasOwn(LABELS, key));
  return new Map(keys.flatMap((key) => (LABELS[key].level === level ? [[LABELS[key].name, [key, LABELS[key]]]] : [])));
}

/** Reads all labels of an app that are meant for a load balancer. Costs no more than each bad label itself. */
export function readLabels(app: App): Labels {
  const problems: Problem[] = [];
  let unknown = 0;
  const appLabels: Partial<Record<LabelKey, ReadLabel<unknown>>> = {};
  const ports = new Map<number, Partial<Record<LabelKey, ReadLabel<unknown>>>>();
  const indexes = new Set(app.ports.map((port) => port.index));
  for (const [label, text] of app.labels) {
    if (!/^\s*haproxy/i.test(label)) continue;
    const origin = { app: app.id, label };
    const found = findLabel(label);
    if (found === undefined) {
      problems.push(unknownLabel(origin, unknown++ < MAX_SUGGESTIONS));
    } else if (found.index !== undefined && !indexes.has(found.index)) {
      problems.push(outOfRange(origin, found.index, indexes.size));
    } else if (found.spec === undefined) {
      const says = 'template overrides are not honoured yet, the route works without it';
      problems.push(labelProblem('LabelNotYetHonoured', 'value-ignored', origin, says));
    } else if (found.unindexed && app.labels.has(spellLabel(found.spec.name, 0))) {
      const says = `${spellLabel(found.spec.name, 0)} means the same port and wins`;
      problems.push(labelProblem('LabelWithoutEffect', 'notice', origin, says));
    } else {
      const target = found.index === undefined ? appLabels : (ports.get(found.index) ?? {});
      if (found.index !== undefined) ports.set(found.index, target);
      target[found.key] = readLabel(found.spec, origin, text, problems);
    }
  }
  return { app: appLabels as AppLabels, ports: ports as ReadonlyMap<number, PortLabels>, problems };
}

type Found = { readonly index: number | undefined; readonly unindexed: boolean } & (
  | { readonly key: LabelKey; readonly spec: LabelSpec<unknown> }
  | { readonly key?: undefined; readonly spec?: undefined }
);

/** The table's row for a label as it is spelt. Without an index, an app's label goes before a port's of the same name. */
function findLabel(label: string): Found | undefined {
  const match = /^HAPROXY_(?:(0|[1-9]\d{0,4})_)?([A-Z_]+)$/.exec(label);
  if (match === null) return undefined;
  const [, digits, name = ''] = match;
  const appSpec = digits === undefined ? APP_SPECS.get(name) : undefined;
  if (appSpec !== undefined) return { index: undefined, unindexed: false, key: appSpec[0], spec: appSpec[1] };
  const place = { index: Number(digits ?? 0), unindexed: digits === undefined };
  const portSpec = PORT_SPECS.get(name);
  if (portSpec !== undefined) return { ...place, key: portSpec[0], spec: portSpec[1] };
  return TEMPLATE_LABELS.has(name) ? place : undefined;
}

/** Whether a label's value is a secret; undefined where nobody knows what it is, so that it had better not be shown either. */
export const isSecretLabel = (label: string): boolean | undefined => findLabel(label)?.spec?.secret;

/** No label that makes sense is longer, and nobody's label may keep the others waiting. */
const MAX_LENGTH = 16_384;
const TOO_LONG = bad('the value is too long', `at most ${MAX_LENGTH} characters`);
/** Bad entries of one value that are told one by one. */
const MAX_FAULTS = 5;
/** How many unknown labels of an app are compared with all known ones. */
const MAX_SUGGESTIONS = 20;

/** One label of an app by itself, and what it is; undefined: no label of this name exists. */
export function readOneLabel(app: AppId, label: string, text: string) {
  const found = findLabel(label);
  if (found?.spec === undefined) return undefined;
  const problems: Problem[] = [];
  const { value } = readLabel(found.spec, { app, label }, text, problems);
  return { key: found.key, spec: found.spec, value, problems };
}

function readLabel(
  spec: LabelSpec<unknown>,
  origin: { readonly app: AppId; readonly label: string },
  text: string,
  problems: Problem[],
): ReadLabel<unknown> {
  const { value, faults } = text.length > MAX_LENGTH ? TOO_LONG : spec.parse(text);
  const { example, badCosts } = spec;
  const shown = spec.secret ? '***' : text;
  for (const { says, expected, effect = badCosts } of faults.slice(0, MAX_FAULTS)) {
    problems.push(labelProblem('LabelInvalid', effect, origin, says, { value: shown, expected, example }));
  }
  const [next] = faults.slice(MAX_FAULTS);
  if (next !== undefined) {
    const says = `${faults.length - MAX_FAULTS} more of its entries cannot be used`;
    const more = { value: shown, expected: next.expected, example };
    problems.push(labelProblem('LabelInvalid', next.effect ?? badCosts, origin, says, more));
  }
  return { ...(value === undefined ? {} : { value }), origin: { from: 'label', ...origin }, label: origin.label };
}

/** No value is shown: a misspelt AUTH holds a secret. */
function unknownLabel(origin: { readonly app: AppId; readonly label: string }, suggest: boolean): Problem {
  const suggestion = suggest ? suggestLabel(origin.label) : undefined;
  const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
  const more = suggestion === undefined ? {} : { example: suggestion };
  const says = `no label of this name exists${hint}`;
  return labelProblem('LabelUnknown', 'value-ignored', origin, says, more);
}

function outOfRange(origin: { readonly app: AppId; readonly label: string }, index: number, count: number): Problem {
  const has = count === 0 ? 'has no ports' : `has ${count} ${count === 1 ? 'port' : 'ports'}, counted from 0`;
  const says = `the app has no port with index ${index}, it ${has}`;
  return labelProblem('LabelIndexOutOfRange', 'value-ignored', origin, says);
}
