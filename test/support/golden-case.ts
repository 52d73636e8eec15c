import { z } from 'zod';
import type { AppId, Instant, Snapshot, TaskId } from '../../src/core/app.ts';
import { type BuiltTable, buildRoutingTable } from '../../src/core/build.ts';
import type { CertificateSet } from '../../src/core/certificates.ts';
import type { Memory } from '../../src/core/memory.ts';
import type { Problem } from '../../src/core/problem.ts';
import { createRenderer } from '../../src/core/render.ts';
import type { Result } from '../../src/core/result.ts';
import type { Settings } from '../../src/core/settings.ts';
import { formatSettingError, mergeSettings } from '../../src/core/settings-merge.ts';
import { settingRows } from '../../src/core/settings-rows.ts';
import { parseSnapshot } from '../../src/core/snapshot.ts';
import { createSpares } from '../../src/core/spares.ts';
import { templates } from './tables.ts';

/** `input.json` of a golden case: what Marathon says, and how the node is set up. Everything but `about` and `apps` may be left out. */
export const CaseInput = z.strictObject({
  /** What a user expects here. */
  about: z.string().min(20),
  /** As under `apps` in an answer to `GET /v2/apps?embed=apps.tasks`. */
  apps: z.array(z.unknown()),
  /** Settings by their names in portolan.yaml, over the defaults and `group: external`. */
  settings: z.record(z.string(), z.unknown()).default({}),
  /** Without it, the node has nothing but the self-signed certificate. */
  certificates: z
    .strictObject({
      folders: z.array(z.string()).default([]),
      usable: z.array(z.string()).default([]),
      refused: z.array(z.strictObject({ path: z.string(), reason: z.string() })).default([]),
      authorities: z.array(z.string()).default([]),
    })
    .default({ folders: [], usable: ['/certificates/self-signed.pem'], refused: [], authorities: [] }),
  /** Addresses of agents by the names that Marathon gives them. */
  addresses: z.record(z.string(), z.string()).default({}),
  /** As for a HAProxy of this tier, with what is held ready for new apps. Without it, nothing is. */
  tier: z.enum(['A', 'B', 'C']).optional(),
  /** Older definitions, by app and version. */
  definitions: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  /** What the pass before left. */
  memory: z
    .strictObject({
      claims: z.record(z.string(), z.string()).default({}),
      health: z.record(z.string(), z.enum(['healthy', 'unhealthy'])).default({}),
      readiness: z.record(z.string(), z.enum(['ready', 'waiting'])).default({}),
      autoPorts: z.record(z.string(), z.number()).default({}),
    })
    .default({ claims: {}, health: {}, readiness: {}, autoPorts: {} }),
});

/** Few enough to be read. */
const SPARES = { http: 2, sticky: 2, tcp: 1 };

/** What a golden case comes to. */
export interface CaseResult {
  readonly snapshot: Snapshot;
  readonly built: BuiltTable;
  /** Of all stages, in the order in which the daemon tells them. */
  readonly problems: readonly Problem[];
  /** Every rendered file, and `problems.json`. */
  readonly files: ReadonlyMap<string, string>;
}

/** Compiling the templates costs more than a case does. */
const renderers = {
  named: valueOrThrow(createRenderer(templates(), 'named')),
  computed: valueOrThrow(createRenderer(templates(), 'computed')),
};

/** Runs a case through the whole core. Throws on an input that is no case: that is a mistake in the test itself. */
export function runCase(json: unknown): CaseResult {
  const input = CaseInput.parse(json);
  const settings = settingsOf(input.settings);
  const certificates = certificatesOf(input.certificates);
  const lookups = {
    definition: (app: string, version: string) => input.definitions[app]?.[version],
    address: (host: string) => input.addresses[host],
  };
  const snapshot = valueOrThrow(parseSnapshot({ apps: input.apps }, 0 as Instant, lookups));
  const built = buildRoutingTable(snapshot.value, settings, certificates, memoryOf(input.memory));
  const place = { runtimeSocket: '/var/lib/portolan/run/haproxy.sock', stateFile: '/var/lib/portolan/server-state' };
  const { tier } = input;
  const renderer = renderers[tier === 'C' ? 'computed' : 'named'];
  const reserves = tier === undefined ? [] : createSpares(SPARES, tier);
  const rendered = valueOrThrow(renderer.render(built.value, settings, certificates, place, reserves));
  const problems = [...snapshot.problems, ...built.problems];
  return {
    snapshot: snapshot.value,
    built,
    problems,
    files: new Map([
      ...rendered.files,
      ['problems.json', `${JSON.stringify(problems.map(withSortedKeys), null, 2)}\n`],
    ]),
  };
}

/** The files that a case is expected to give, by name. */
export const renderCase = (json: unknown): ReadonlyMap<string, string> => runCase(json).files;

function settingsOf(given: z.infer<typeof CaseInput>['settings']): Settings {
  const known = new Set(settingRows('render').map(({ flag }) => flag));
  const unknown = Object.keys(given).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`not a setting of the routing: ${unknown.join(', ')}`);
  const entries = Object.entries({ group: 'external', ...given });
  const file = new Map(entries.map(([flag, value]) => [flag, { value, at: `input.json: ${flag}` }]));
  const merged = mergeSettings({ flags: new Map(), env: new Map(), file });
  if (!merged.ok) throw new Error(merged.failure.map(formatSettingError).join('\n'));
  return merged.value;
}

function certificatesOf({ usable, ...rest }: z.infer<typeof CaseInput>['certificates']): CertificateSet {
  return { ...rest, usable: usable.map((path) => ({ path, names: [], notAfter: '2099-01-01T00:00:00.000Z' })) };
}

function memoryOf({ claims, health, readiness, autoPorts }: z.infer<typeof CaseInput>['memory']): Memory {
  return {
    claims: new Map(Object.entries(claims).map(([claim, app]) => [claim, app as AppId])),
    health: new Map(Object.entries(health).map(([task, verdict]) => [task as TaskId, verdict])),
    readiness: new Map(Object.entries(readiness).map(([task, ready]) => [task as TaskId, ready])),
    autoPorts: new Map(Object.entries(autoPorts)),
    outOfTouch: new Map(),
  };
}

function valueOrThrow<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return result.value;
}

/** A problem and its origin with keys in alphabetical order, so that the order in which the code sets them is no difference. */
function withSortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, withSortedKeys(inner)]));
}
