import type { FaultParameters } from './faults.ts';
import { asList, asObject, type Json } from './json.ts';

/** Faults that leave an answer about apps well formed and change what it says. */
export type ListFault = 'half-list' | 'filtered' | 'no-tasks' | 'no-health';

/** What such a fault makes of an answer's JSON: a list of apps, or one app. Undefined where there is nothing to spoil. */
export function spoilList(answer: unknown, fault: ListFault, parameters: FaultParameters): Json | undefined {
  const body = asObject(answer);
  if (body === undefined) return undefined;
  const each = eachApp(fault, parameters);
  if (body['apps'] !== undefined) {
    const apps = chosen(asList(body['apps']), fault, parameters);
    return { ...body, apps: each === undefined ? apps : apps.map(each) };
  }
  if (body['app'] !== undefined && each !== undefined) return { ...body, app: each(body['app']) };
  return undefined;
}

/** Which apps of a list stay. */
function chosen(apps: readonly unknown[], fault: ListFault, parameters: FaultParameters): readonly unknown[] {
  if (fault === 'half-list') return apps.slice(0, Math.floor(apps.length / 2));
  if (fault !== 'filtered') return apps;
  // The same ones each time, as an authorisation that filters does.
  const share = parameters.share ?? 0.5;
  const sorted = apps.map((app) => String(asObject(app)?.['id'])).toSorted();
  const kept = new Set(sorted.slice(0, Math.round(sorted.length * (1 - share))));
  return apps.filter((app) => kept.has(String(asObject(app)?.['id'])));
}

function eachApp(fault: ListFault, { as = 'null' }: FaultParameters): ((app: unknown) => unknown) | undefined {
  if (fault === 'no-tasks')
    return (app) => {
      const { tasks: _tasks, ...rest } = asObject(app) ?? {};
      return rest;
    };
  if (fault !== 'no-health') return undefined;
  const task = (one: unknown): Json => {
    const { healthCheckResults: _results, ...rest } = asObject(one) ?? {};
    const values = { null: null, empty: [], 'of-null': [null] };
    return as === 'absent' ? rest : { ...rest, healthCheckResults: values[as] };
  };
  return (app) => {
    const known = asObject(app) ?? {};
    return known['tasks'] === undefined ? known : { ...known, tasks: asList(known['tasks']).map(task) };
  };
}
