import { absoluteId, accept, merge } from './accept.ts';
import { type Change, changeTo, restartOf } from './changes.ts';
import type { Cluster, Deployment } from './cluster.ts';
import type { Definition } from './definition.ts';
import type { Deployments, Posted } from './deployments.ts';
import { editableJson } from './dialect-app.ts';
import type { Invalid } from './invalid.ts';
import { asObject, asText, type Json } from './json.ts';
import { assignServicePorts, type Reserved } from './service-ports.ts';

/** How a write ended. */
export type Written =
  | { readonly ok: true; readonly deployment: Deployment; readonly created: boolean }
  | { readonly ok: false; readonly why: 'locked'; readonly deployments: readonly string[] }
  | { readonly ok: false; readonly why: 'invalid'; readonly invalid: readonly Invalid[] }
  | { readonly ok: false; readonly why: 'exists' | 'missing'; readonly app: string };

/** What can be written. One write at a time, as the group manager does it. */
export interface Writes {
  create(json: unknown, posted: Posted): Promise<Written>;
  /** PUT and PATCH of one app: partial ones keep what they do not name; `{"version": v}` alone goes back to that version. */
  update(id: string, json: unknown, partial: boolean, posted: Posted): Promise<Written>;
  /** Several apps in one deployment. */
  updateAll(apps: readonly unknown[], posted: Posted): Promise<Written>;
  remove(ids: readonly string[], posted: Posted): Promise<Written>;
  restart(id: string, posted: Posted): Promise<Written>;
  /** Undoes a deployment by a new one with the old definitions. */
  rollBack(deployment: Deployment): Promise<Written>;
}

/** The writing side of the API. */
export function createWrites(cluster: Cluster, deployments: Deployments): Writes {
  let last: Promise<unknown> = Promise.resolve();
  const exclusive = (write: () => Promise<Written>): Promise<Written> => {
    const done = last.then(write);
    last = done.catch(() => undefined);
    return done;
  };
  const submit = async (changes: readonly Change[], posted: Posted): Promise<Written> => {
    const submitted = await deployments.submit(changes, posted);
    if (!submitted.ok) return { ok: false, why: 'locked', deployments: submitted.locked };
    return { ok: true, deployment: submitted.deployment, created: changes.some(({ kind }) => kind === 'create') };
  };
  const write = (apps: readonly unknown[], posted: Posted): Promise<Written> => {
    const reserved: Reserved = new Map();
    const invalid: Invalid[] = [];
    const changes: Change[] = [];
    for (const json of apps) {
      const accepted = accept(json);
      if (!accepted.ok) {
        invalid.push(...accepted.invalid);
        continue;
      }
      const present = cluster.apps.get(accepted.value.id)?.definition;
      const wanted = assignServicePorts(cluster, accepted.value, present, reserved, invalid);
      if (invalid.length === 0) changes.push(changeTo(cluster, wanted));
    }
    return invalid.length > 0 ? Promise.resolve({ ok: false, why: 'invalid', invalid }) : submit(changes, posted);
  };
  /** The whole definition that an update asks for. */
  const whole = (json: unknown, id: string, partial: boolean): unknown => {
    const update: Json = { ...(asObject(json) ?? {}), id };
    const app = cluster.apps.get(id);
    if (app === undefined || !partial) return update;
    const version = asText(update['version']);
    const old = app.versions.find((definition) => definition.version === version);
    if (old !== undefined && Object.keys(update).length === 2) return editableJson(old);
    return merge(editableJson(app.definition), update);
  };

  return {
    create: (json, posted) =>
      exclusive(async () => {
        const id = absoluteId(asText(asObject(json)?.['id']) ?? '');
        return cluster.apps.has(id) ? { ok: false, why: 'exists', app: id } : write([json], posted);
      }),
    update: (id, json, partial, posted) => exclusive(() => write([whole(json, id, partial)], posted)),
    updateAll: (apps, posted) =>
      exclusive(() =>
        write(
          apps.map((json) => whole(json, absoluteId(asText(asObject(json)?.['id']) ?? ''), true)),
          posted,
        ),
      ),
    remove: (ids, posted) =>
      exclusive(async () => {
        const missing = ids.find((id) => !cluster.apps.has(id));
        if (missing !== undefined) return { ok: false, why: 'missing', app: missing };
        return submit(
          ids.map((app): Change => ({ kind: 'delete', app })),
          posted,
        );
      }),
    restart: (id, posted) =>
      exclusive(async () => {
        const app = cluster.apps.get(id);
        return app === undefined
          ? { ok: false, why: 'missing', app: id }
          : submit([restartOf(cluster, app.definition)], posted);
      }),
    rollBack: (deployment) =>
      exclusive(() =>
        submit(
          [...deployment.originals].flatMap(([app, original]) => undo(cluster, app, original)),
          { force: true },
        ),
      ),
  };
}

function undo(cluster: Cluster, app: string, original: Definition | undefined): readonly Change[] {
  if (original !== undefined) return [changeTo(cluster, original)];
  return cluster.apps.has(app) ? [{ kind: 'delete', app }] : [];
}
