import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { App } from '../../../src/core/app.ts';
import { appOf } from '../../../src/core/problem.ts';
import { linesOf, packagedRenderer, renderedBy, strangeLines, strangeRows } from '../../support/config-grammar.ts';
import { wordsOf } from '../../support/haproxy-words.ts';
import { apps } from '../../support/hostile-apps.ts';
import { build, CERTIFICATES } from './table-rig.ts';

const renderer = packagedRenderer();
const rendered = (list: readonly App[]) => {
  const table = build(list, { certificates: CERTIFICATES }).value;
  return { table, config: renderedBy(renderer, table) };
};

describe('whatever labels say', () => {
  test('every line is one of those that an app can have, every value one word of it', () => {
    fc.assert(
      fc.property(apps, (list) => {
        expect(strangeLines(rendered(list).config)).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });

  test('an app owns no more than its own sections, one for each thing it got', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const { table, config } = rendered(list);
        const lines = linesOf(config);
        const owned = config.owners.filter(
          ({ origin, section }) => appOf(origin) !== undefined && !/^defaults /.test(section),
        );
        const withPassword = table.backends.filter(({ auth }) => auth !== undefined);
        expect(owned).toHaveLength(table.services.length + table.backends.length + withPassword.length);
        for (const { from, to, section } of owned) {
          expect(
            wordsOf(lines[from - 1] ?? '')
              .slice(0, 2)
              .join(' '),
          ).toBe(section);
          const headings = lines.slice(from, to).filter((line) => /^\S/.test(line));
          expect(headings).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
  });

  test('every row of a map is a key and a value, and there is one for each thing that leads somewhere', () => {
    fc.assert(
      fc.property(apps, (list) => {
        const { table, config } = rendered(list);
        const rows = (file: string): readonly string[] =>
          (config.files.get(`maps/${file}`) ?? '').split('\n').slice(0, -1);
        expect(strangeRows(config)).toEqual([]);
        const routed = ['paths.map', 'paths-nocase.map', 'hosts.map', 'wildcards.map'].flatMap(rows);
        expect(routed).toHaveLength(table.routes.length);
        expect(new Set(routed.map((row) => row.split(' ')[1]))).toEqual(
          new Set(table.routes.map(({ backend }) => backend)),
        );
        expect(rows('app-ids.map')).toHaveLength(table.appIds.length);
      }),
      { numRuns: 150 },
    );
  });
});
