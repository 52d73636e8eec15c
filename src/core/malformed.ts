import type { AppId } from './app.ts';
import { field, isRecord, type JsonRecord } from './json.ts';
import { type Problem, printable } from './problem.ts';

/** An entry of Marathon's list that is no app, for want of an id. */
export function appWithoutId(json: unknown): Problem {
  const id = isRecord(json) ? field(json, 'id') : json;
  return {
    code: 'AppMalformed',
    effect: 'app-excluded',
    message: `An app without a usable id was left out: ${show(id)}.`,
    origin: { from: 'default' },
    value: show(id),
    expected: 'a path of letters, digits, dots, dashes and underscores, at most 255 characters',
    example: '/prod/web',
  };
}

/** An app that the list holds more than once. */
export function appListedTwice(app: AppId): Problem {
  return {
    code: 'AppMalformed',
    effect: 'notice',
    message: `The app ${app} is listed more than once; the newest version counts, the others are left out.`,
    origin: { from: 'app', app },
  };
}

/** A task that cannot be told from another. */
export function taskWithoutId(app: AppId, json: unknown): Problem {
  const id = isRecord(json) ? field(json, 'id') : json;
  return {
    code: 'TaskMalformed',
    effect: 'value-ignored',
    message: `A task of ${app} without a usable id was left out: ${show(id)}.`,
    origin: { from: 'app', app },
    value: show(id),
    expected: 'a text without blanks, at most 255 characters',
    example: 'prod_web.instance-6513270e-269e-1d37-b2a7-4de452e6b438._app.1',
  };
}

/** A task that its app holds more than once. */
export function taskListedTwice(app: AppId, id: string): Problem {
  return {
    code: 'TaskMalformed',
    effect: 'notice',
    message: `The task ${printable(id)} of ${app} is listed more than once; one of them counts.`,
    origin: { from: 'app', app },
    value: printable(id),
  };
}

/** Tasks whose own definition Marathon no longer has. */
export function definitionUnknown(app: AppId, version: string, tasks: number): Problem {
  return {
    code: 'DefinitionUnknown',
    effect: 'notice',
    message: `Marathon does not show version ${version} of ${app} any more; the tasks that run it (${tasks}) are served by the app's present ports, without a HAProxy check.`,
    origin: { from: 'app', app },
    value: version,
  };
}

/** What the top level of an app must be, where it is given at all. */
const SHAPES: readonly (readonly [name: string, kind: 'object' | 'list', example: string])[] = [
  ['labels', 'object', '{"HAPROXY_GROUP": "external"}'],
  ['container', 'object', '{"type": "DOCKER", "portMappings": []}'],
  ['networks', 'list', '[{"mode": "container/bridge"}]'],
  ['ports', 'list', '[10000]'],
  ['portDefinitions', 'list', '[{"port": 10000, "protocol": "tcp"}]'],
  ['healthChecks', 'list', '[{"protocol": "HTTP", "path": "/"}]'],
  ['tasks', 'list', '[]'],
  ['deployments', 'list', '[]'],
];

/** Parts of an app that are there, but are not what they should be; they count as absent. */
export function misshapen(app: AppId, json: JsonRecord): readonly Problem[] {
  return SHAPES.filter(([name, kind]) => !hasShape(field(json, name), kind)).map(([name, kind, example]) => {
    const value = field(json, name);
    const expected = kind === 'list' ? 'a list' : 'an object';
    return {
      code: 'AppMalformed',
      effect: 'value-ignored',
      message: `${name} of ${app} is not ${expected}; it counts as absent.`,
      origin: { from: 'app', app },
      value: show(value),
      expected,
      example,
    };
  });
}

function hasShape(value: unknown, kind: 'object' | 'list'): boolean {
  return value === undefined || (kind === 'list' ? Array.isArray(value) : isRecord(value));
}

/** A label whose value is neither text nor something with one obvious spelling. */
export function labelNotText(app: AppId, name: string, value: unknown): Problem {
  const label = printable(name);
  return {
    code: 'LabelInvalid',
    effect: 'value-ignored',
    message: `The label ${label} of ${app} is not a text; it is ignored.`,
    origin: { from: 'label', app, label },
    value: show(value),
    expected: 'a text',
    example: '"true"',
  };
}

/** A foreign value in at most 120 characters, without turning a huge or deep one into text first. */
function show(value: unknown): string {
  if (value === undefined || value === null) return 'nothing';
  if (typeof value === 'string') return printable(`"${value.slice(0, 200)}"`);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  return printable(String(value));
}
