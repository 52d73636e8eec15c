import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AppId, Snapshot } from '../../../src/core/app.ts';
import { type BuiltTable, createBuilder, type TableBuilder } from '../../../src/core/build.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import { packagedRenderer, renderedBy, strangeLines, strangeRows } from '../../support/config-grammar.ts';
import { createPlayedMarathon, type Move, SEQUENCE_IDS, sequence } from '../../support/sequences.ts';
import { build, CERTIFICATES, SETTINGS } from './table-rig.ts';

interface Step {
  readonly snapshot: Snapshot;
  readonly built: BuiltTable;
}

/** The table after each step. */
function* played(steps: readonly (readonly Move[])[]): Generator<Step> {
  const marathon = createPlayedMarathon();
  let builder: TableBuilder = createBuilder();
  let memory = NO_MEMORY;
  for (const moves of steps) {
    if (marathon.play(moves)) builder = createBuilder();
    const snapshot = marathon.snapshot();
    const built = builder(snapshot, SETTINGS, CERTIFICATES, memory);
    memory = built.memory;
    yield { snapshot, built };
  }
}

describe('whatever Marathon says, one thing after the other', () => {
  test('every configuration of ten thousand sequences is one that the grammar knows', () => {
    const renderer = packagedRenderer();
    fc.assert(
      fc.property(sequence, (steps) => {
        for (const { built } of played(steps)) {
          const config = renderedBy(renderer, built.value);
          expect(strangeLines(config)).toEqual([]);
          expect(strangeRows(config)).toEqual([]);
        }
      }),
      { numRuns: 10_000, endOnFailure: true },
    );
  }, 300_000);

  test('one app changes another’s routing only where both want the same, or are of one group', () => {
    fc.assert(
      fc.property(sequence, fc.nat(SEQUENCE_IDS.length - 1), (steps, one) => {
        const without = steps.map((moves) => moves.filter((move) => !('app' in move) || move.app !== one));
        const [all, others] = [[...played(steps)], [...played(without)]];
        const apart = strangersTo(SEQUENCE_IDS[one] ?? '', all);
        const grouped = new Set(groupLinks(all).flat());
        const wanted = new Set<string>();
        for (const [index, { snapshot, built }] of all.entries()) {
          for (const place of wantedBy(SEQUENCE_IDS[one] ?? '', snapshot)) wanted.add(place);
          const alone = others[index]?.built ?? built;
          expect(rowsOf(built, apart, wanted)).toEqual(rowsOf(alone, apart, wanted));
          // Whether something leads to a backend may hang on a host that both want; what it is does not.
          const named = new Map(alone.value.backends.map((backend) => [backend.name, backend]));
          for (const backend of built.value.backends) {
            if (!apart.has(backend.app) || wanted.has(`backend ${backend.name}`)) continue;
            expect(backend).toEqual(named.get(backend.name) ?? backend);
          }
          const free = [...apart].filter(
            (id) => !grouped.has(id) && !wantedBy(id, snapshot).some((place) => wanted.has(place)),
          );
          expect(leadingTo(built, free)).toEqual(leadingTo(alone, free));
        }
      }),
      { numRuns: 600 },
    );
  }, 120_000);

  test('what two want belongs to who had it, while that one wants it; else to the oldest of them, then the first by id', () => {
    fc.assert(
      fc.property(sequence, (steps) => {
        let before: BuiltTable | undefined;
        for (const { snapshot, built } of played(steps)) {
          for (const [place, wants] of wantedPlaces(snapshot)) {
            const owner = built.memory.claims.get(place);
            const had = before?.memory.claims.get(place);
            const held = wants.find(({ id }) => id === had);
            const [oldest] = wants.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
            expect([place, owner]).toEqual([place, (held ?? oldest)?.id]);
          }
          before = built;
        }
      }),
      { numRuns: 600 },
    );
  }, 120_000);
});

/** Hosts, ports and names that an app asks for when it is alone, without what tells several rows of one place apart. */
function wantedBy(id: string, { apps }: Snapshot): readonly string[] {
  const app = apps.find((candidate) => candidate.id === id);
  return app === undefined ? [] : [...build([app], { certificates: CERTIFICATES }).memory.claims.keys()].map(placeOf);
}

/** A claim's place: hosts count as a whole, as a weight may hide the paths below; ports on whatever address. */
function placeOf(claim: string): string {
  const [kind = '', what = ''] = claim.split(' ');
  if (kind === 'host') return `host ${what.split('/')[0] ?? ''}`;
  return kind === 'port' ? `port ${what.slice(what.lastIndexOf(':') + 1)}` : claim;
}

/** Apps with the groups that they ever named, in lower case. */
const groupLinks = (steps: readonly Step[]): readonly (readonly string[])[] =>
  steps.flatMap(({ snapshot }) =>
    snapshot.apps.flatMap(({ id, labels }) => {
      const group = labels.get('HAPROXY_DEPLOYMENT_GROUP');
      return group === undefined ? [] : [[id.toLowerCase(), `/${group.replace(/^\//, '')}`.toLowerCase()]];
    }),
  );

/** Apps that no deployment group, and no spelling of the id, binds to an app. */
function strangersTo(id: string, steps: readonly Step[]): ReadonlySet<string> {
  const links = groupLinks(steps);
  const bound = new Set([id.toLowerCase()]);
  for (let size = 0; size !== bound.size; ) {
    size = bound.size;
    for (const link of links) if (link.some((end) => bound.has(end))) for (const end of link) bound.add(end);
  }
  return new Set(SEQUENCE_IDS.filter((other) => !bound.has(other.toLowerCase())));
}

/** Hosts and ports of these apps, but for places that another app wanted. */
function rowsOf({ value }: BuiltTable, apps: ReadonlySet<string>, wanted: ReadonlySet<string>): readonly string[] {
  const named = (name: string): boolean => wanted.has(`backend ${name}`);
  return [
    ...value.routes.filter(({ app, host, backend }) => apps.has(app) && !wanted.has(`host ${host}`) && !named(backend)),
    ...value.services
      .filter(({ app, name }) => apps.has(app) && !named(name))
      .flatMap(({ name, binds }) =>
        binds.filter(({ port }) => !wanted.has(`port ${port}`)).map((bind) => [name, bind]),
      ),
  ].map((row) => JSON.stringify(row));
}

/** App ids that lead to these apps, and their backends. */
const leadingTo = ({ value }: BuiltTable, apps: readonly string[]): readonly unknown[] =>
  [...value.appIds, ...value.backends].filter(({ app }) => apps.includes(app));

interface Wants {
  readonly id: AppId;
  readonly configVersion: string;
}
const keyOf = ({ id, configVersion }: Wants): string => `${configVersion} ${id}`;

/** What apps that are in no group ask for, where nothing else is near: each place with all who want it. */
function wantedPlaces({ apps }: Snapshot): ReadonlyMap<string, readonly Wants[]> {
  const singles = apps.filter(({ labels }) => !labels.has('HAPROXY_DEPLOYMENT_GROUP'));
  if (singles.length !== apps.length) return new Map();
  const wants = new Map<string, Wants[]>();
  const near = new Map<string, Set<string>>();
  for (const app of apps) {
    for (const claim of build([app], { certificates: CERTIFICATES }).memory.claims.keys()) {
      wants.set(claim, [...(wants.get(claim) ?? []), app]);
      near.set(bucketOf(claim), (near.get(bucketOf(claim)) ?? new Set()).add(claim));
    }
  }
  // Two apps of one flattened name do not both take part.
  const named = [...wants].filter(([claim]) => claim.startsWith('backend '));
  if (named.some(([, of]) => of.length > 1)) return new Map(named);
  return new Map([...wants].filter(([claim]) => near.get(bucketOf(claim))?.size === 1));
}

function bucketOf(claim: string): string {
  const [kind, what = ''] = claim.split(' ');
  return kind === 'port' ? `port ${what.slice(what.lastIndexOf(':') + 1)}` : `${kind} ${what.toLowerCase()}`;
}
