import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { App, Instant, Port, Task } from '../../src/core/app.ts';
import { isRecord, type JsonRecord } from '../../src/core/json.ts';
import type { Problem } from '../../src/core/problem.ts';
import { type Lookups, parseApp, parseSnapshot } from '../../src/core/snapshot.ts';

// The tables say what each payload must give. They were worked out from the description of Marathon's API, not by this parser.
//   ports: "service port/protocol>container port" in label order; "-" where there is no service port
//   tasks: "state health", then for each port "index=address:port", or "index!why there is none"

interface AppTable {
  readonly mode: App['network'];
  readonly ports: readonly string[];
  readonly tasks?: Readonly<Record<string, string>>;
}

type Reference = { readonly $from: string };

interface Entry {
  /** The apps that must come out. */
  readonly apps?: Readonly<Record<string, AppTable>>;
  /** The same for payloads of a thousand definitions: mode and ports in one line. */
  readonly compact?: Readonly<Record<string, string>>;
  /** Codes of the problems that must be reported. */
  readonly problems?: readonly string[];
  /** For lists of tasks, which carry no definitions: those they are read with. */
  readonly definitions?: Readonly<Record<string, JsonRecord | Reference>>;
  /** Older definitions that are known, by `app@version`. */
  readonly lookups?: Readonly<Record<string, Reference>>;
  /** Why there is no table. */
  readonly none?: string;
  /** How reading the payload as an answer to `GET /v2/apps` must fail. */
  readonly fails?: 'not-apps';
}

const here = import.meta.dirname;
const COLLECTION = path.resolve(here, '../../../shared/fixtures/marathon');
const OWN = path.resolve(here, '../support/fixtures');
const present = existsSync(COLLECTION);

const TABLES = new Map<string, Entry>(
  readdirSync(path.join(here, 'fixture-tables')).flatMap((name) =>
    Object.entries(readJson(path.join(here, 'fixture-tables', name)) as Record<string, Entry>),
  ),
);

/** What the agents' names resolve to; the others do not. */
const ADDRESSES: ReadonlyMap<string, string> = new Map([
  ['localhost', '127.0.0.1'],
  ['srv7.hw.ca1.mesosphere.com', '192.0.2.7'],
  ['srv4.example.com', '192.0.2.4'],
  ['srv2.example.com', '2001:db8::2'],
  ['agent-1.example', '192.0.2.11'],
]);

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

function payloadsIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .sort();
}

/** The entry of a payload, or of the folder it is in. */
function entryOf(payload: string): Entry | undefined {
  const folder = [...TABLES.keys()].find((name) => name.endsWith('/') && payload.startsWith(name));
  return TABLES.get(payload) ?? (folder === undefined ? undefined : TABLES.get(folder));
}

/** Apps of a group and of the groups in it; pods stay behind. */
function appsOfGroup(group: JsonRecord): readonly unknown[] {
  const lists = { apps: group['apps'], groups: group['groups'] };
  const apps = Array.isArray(lists.apps) ? lists.apps : [];
  const groups = Array.isArray(lists.groups) ? lists.groups.filter(isRecord) : [];
  return [...apps, ...groups.flatMap(appsOfGroup)];
}

/** The body as the answer to `GET /v2/apps` that would carry the same apps. */
function asAnswer(json: unknown, entry: Entry, root: string): unknown {
  if (entry.definitions !== undefined && isRecord(json)) return withTasks(json, entry.definitions, root);
  if (!isRecord(json)) return json;
  if ('groups' in json) return { apps: appsOfGroup(json) };
  if ('apps' in json) return json;
  return { apps: ['app' in json ? json['app'] : json] };
}

function withTasks(json: JsonRecord, definitions: NonNullable<Entry['definitions']>, root: string): unknown {
  const tasks = (Array.isArray(json['tasks']) ? json['tasks'] : [json['task']]).filter(isRecord);
  const [first] = Object.keys(definitions);
  const apps = Object.entries(definitions).map(([id, definition]) => ({
    ...resolve(definition, root),
    id,
    tasks: tasks.filter((task) => (task['appId'] ?? first) === id),
  }));
  return { apps };
}

function resolve(definition: JsonRecord | Reference, root: string): JsonRecord {
  const from = '$from' in definition ? definition['$from'] : undefined;
  const json = typeof from === 'string' ? readJson(path.join(root, from)) : definition;
  const [first] = isRecord(json) ? appsOfGroup(json) : [];
  const found = first ?? json;
  return isRecord(found) ? found : {};
}

function lookupsOf(entry: Entry, root: string): Lookups {
  return {
    address: (host) => ADDRESSES.get(host),
    definition: (app, version) => {
      const reference = entry.lookups?.[`${app}@${version}`];
      return reference === undefined ? undefined : resolve(reference, root);
    },
  };
}

const showPort = (port: Port): string =>
  `${port.servicePort ?? '-'}/${port.protocol}${port.containerPort === undefined ? '' : `>${port.containerPort}`}`;

function showTask(task: Task, app: App, problems: readonly Problem[]): string {
  const found = task.endpoints.map(
    ({ portIndex, address, port }) =>
      [portIndex, `=${address.includes(':') ? `[${address}]` : address}:${port}`] as const,
  );
  const missing = task.missing.map(({ portIndex, because }) => [portIndex, `!${because}`] as const);
  const ports = [...found, ...missing].sort(([a], [b]) => a - b).map(([index, what]) => `${index}${what}`);
  const orphan = problems.some(
    ({ code, origin, value }) =>
      code === 'DefinitionUnknown' && origin.from === 'app' && origin.app === app.id && value === task.version,
  );
  return [task.state, task.health, ...ports, ...(orphan ? ['definition-unknown'] : [])].join(' ');
}

function showApp(app: App, problems: readonly Problem[]): AppTable {
  const tasks = Object.fromEntries(app.tasks.map((task) => [task.id, showTask(task, app, problems)]));
  return { mode: app.network, ports: app.ports.map(showPort), ...(app.tasks.length === 0 ? {} : { tasks }) };
}

function checkPayload(payload: string, root: string): void {
  const entry = entryOf(payload) ?? {};
  const json = readJson(path.join(root, payload));
  const lookups = lookupsOf(entry, root);
  const plain = parseSnapshot(json, 0 as Instant, lookups);
  if (entry.fails !== undefined) expect(plain).toMatchObject({ ok: false, failure: { kind: entry.fails } });
  if (entry.none !== undefined) return;

  const answer = parseSnapshot(asAnswer(json, entry, root), 0 as Instant, lookups);
  if (!answer.ok) throw new Error(`unreadable: ${answer.failure.detail}`);
  const { value, problems } = answer.value;
  const tables = Object.fromEntries(value.apps.map((app) => [app.id, showApp(app, problems)]));
  if (entry.compact === undefined) expect(tables).toEqual(entry.apps);
  else {
    const lines = Object.entries(tables).map(([id, app]) => [
      id,
      [app.mode, ...app.ports, ...Object.keys(app.tasks ?? {})].join(' '),
    ]);
    expect(Object.fromEntries(lines)).toEqual(entry.compact);
  }
  expect([...new Set(problems.map(({ code }) => code))].sort()).toEqual(entry.problems ?? []);
}

function describeFolder(title: string, root: string): void {
  describe(title, () => {
    const payloads = payloadsIn(root);
    test('every payload has its table, or says why it has none', () => {
      expect(payloads.filter((payload) => entryOf(payload) === undefined)).toEqual([]);
    });
    test.each(payloads.filter((payload) => TABLES.get(payload) !== undefined && payload.endsWith('.json')))(
      '%s',
      (payload) => {
        checkPayload(payload, root);
      },
    );
  });
}

describeFolder('own payloads and copies', OWN);

if (present) describeFolder('the collection of Marathon payloads', COLLECTION);
else {
  const own = new Set(payloadsIn(OWN));
  const unchecked = [...TABLES.keys()].filter((name) => name.endsWith('.json') && !own.has(name)).length;
  test(`the collection of Marathon payloads is not there: ${unchecked} tables NOT checked, ${own.size} own payloads checked`, () => {
    process.stderr.write(`${COLLECTION} is missing: ${unchecked} tables of Marathon payloads were not checked.\n`);
    expect(own.size).toBeGreaterThan(20);
  });
}

test('every table has its payload', () => {
  const known = new Set([...payloadsIn(OWN), ...(present ? payloadsIn(COLLECTION) : [])]);
  const tables = [...TABLES.keys()].filter((name) => name.endsWith('.json'));
  const stale = tables.filter(
    (name) => !known.has(name) && (present || name.startsWith('own/') || name.startsWith('derived/')),
  );
  expect(stale).toEqual([]);
});

test('the body of one app reads the same as the list it is from', () => {
  const list = readJson(path.join(OWN, 'derived/apps-1.10-network-modes.json'));
  const [first] = isRecord(list) ? appsOfGroup(list) : [];
  const lookups = lookupsOf({}, OWN);
  const all = parseSnapshot(list, 0 as Instant, lookups);
  const one = parseApp(first, lookups).value;
  expect(one?.id).toBe('/net/host-two-ports');
  expect(all.ok && all.value.value.apps.find((app) => app.id === one?.id)).toEqual(one);
});
