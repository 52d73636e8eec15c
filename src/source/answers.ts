import type { AppId } from '../core/app.ts';
import { parseAppId } from '../core/identifiers.ts';
import { field, isRecord } from '../core/json.ts';
import { printable } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { RequestFailure } from './fetch-failures.ts';

/** A complete answer: status and text. */
export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** Says what an answer means; anything else than the expected is a failure by kind, never an empty cluster. */
export type Judge<T> = (answer: RawAnswer) => Result<T, RequestFailure>;

/** An answer to the list of apps that is none, by its status. */
export const judgeNoApps: Judge<never> = (answer) => {
  const json = parseAnswer(answer);
  return json.ok ? fail({ kind: 'http-status', detail: `status ${answer.status}` }) : json;
};

/** One app's raw JSON, or the certain knowledge that there is no such app. */
export type AppAnswer = { readonly gone: false; readonly app: unknown } | { readonly gone: true };

/**
 * `{"app":{…}}` with the id asked for. A 404 in Marathon's own words means that the app is gone; one in HTML, or in the JSON of a
 * gateway before it, comes from something else.
 */
export function judgeApp(id: AppId): Judge<AppAnswer> {
  return (answer) => {
    if (isMissing(answer) && messageOf(answer.text)?.includes(`'${id}'`)) return ok({ gone: true });
    const json = parseAnswer(answer);
    if (!json.ok) return json;
    const app = fieldOf(json.value, 'app');
    return parseAppId(fieldOf(app, 'id')) === id
      ? ok({ gone: false, app })
      : fail({ kind: 'not-apps', detail: `the answer has no app with the id ${printable(id)}` });
  };
}

/** The definition of one version; `undefined` when Marathon no longer has it. */
export const judgeDefinition: Judge<unknown> = (answer) => {
  if (isMissing(answer)) return ok(undefined);
  const json = parseAnswer(answer);
  if (!json.ok) return json;
  return typeof fieldOf(json.value, 'id') === 'string'
    ? json
    : fail({ kind: 'not-apps', detail: 'the answer is not an app definition' });
};

/** The versions of one app; `undefined` when there is no such app. */
export const judgeVersions: Judge<unknown> = (answer) => {
  if (isMissing(answer)) return ok(undefined);
  const json = parseAnswer(answer);
  if (!json.ok) return json;
  return Array.isArray(fieldOf(json.value, 'versions'))
    ? json
    : fail({ kind: 'not-apps', detail: 'the answer is no list of versions' });
};

/** Whatever JSON a good answer has. */
export const judgeJson: Judge<unknown> = (answer) => parseAnswer(answer);

function parseAnswer({ status, text }: RawAnswer): Result<unknown, RequestFailure> {
  if (status === 401 || status === 403) return fail({ kind: 'unauthorized', detail: `status ${status}` });
  if (status !== 200) {
    const said = messageOf(text) ?? text.trim().slice(0, 200);
    return fail({ kind: 'http-status', detail: printable(`status ${status}${said === '' ? '' : `: ${said}`}`, 300) });
  }
  return parseJson(text);
}

/** Parses a body; tells a cut one from one that never was JSON. */
export function parseJson(text: string): Result<unknown, RequestFailure> {
  if (text.trim() === '') return fail({ kind: 'not-json', detail: 'the body is blank' });
  try {
    return ok(JSON.parse(text));
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    const cut = /^\s*[{[]/.test(text) && /unexpected end|unterminated|after array element|after property/i.test(said);
    return fail({
      kind: cut ? 'truncated' : 'not-json',
      detail: printable(cut ? `the JSON ends early: ${said}` : `not JSON: ${text.slice(0, 100)}`, 300),
    });
  }
}

/** `{"message":"App '/x' does not exist"}`, with ` in version …` behind it where one was asked for (marathon-api 2.1). */
const isMissing = ({ status, text }: RawAnswer): boolean =>
  status === 404 && /^App .*does not exist/.test(messageOf(text) ?? '');

/** Marathon's `message` in a JSON error body; a body of anything else has none. */
function messageOf(text: string): string | undefined {
  const json = parseJson(text);
  const message = json.ok ? fieldOf(json.value, 'message') : undefined;
  return typeof message === 'string' ? message : undefined;
}

const fieldOf = (value: unknown, name: string): unknown => (isRecord(value) ? field(value, name) : undefined);
