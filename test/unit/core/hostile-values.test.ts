import { describe, expect, test } from 'vitest';
import { LABELS, spellLabel } from '../../../src/core/labels.ts';
import { linesOf, packagedRenderer, renderedBy, strangeLines, strangeRows } from '../../support/config-grammar.ts';
import { HARMFUL } from '../../support/hostile-apps.ts';
import { app, build, CERTIFICATES } from './table-rig.ts';

const renderer = packagedRenderer();
/** A victim that must not notice, and an app that says this of itself beside what gives its labels a meaning. */
function rendered(labels: Readonly<Record<string, string>>) {
  const apps = [
    app('/evil', { labels: { HAPROXY_0_VHOST: 'evil.example', ...labels }, ports: [10_000, 10_001] }),
    app('/victim', { labels: { HAPROXY_0_VHOST: 'victim.example' }, ports: [10_002] }),
  ];
  return renderedBy(renderer, build(apps, { certificates: CERTIFICATES }).value);
}
/** Headings, but for the names in them: a group gives its sections its own. */
const sectionsOf = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => /^\S/.test(line)).map((line) => line.replace(/ [A-Za-z0-9._-]+_(?=1000\d)/, ' '));

/** Whatever the value: alone, in the middle of what is right, behind it, and where a list goes on. */
const spoilt = (right: string, harm: string): readonly string[] => {
  const middle = right.length >> 1;
  return [harm, `${right.slice(0, middle)}${harm}${right.slice(middle)}`, `${right}${harm}`, `${right},${harm}`];
};

describe('a value adds no line, no section and no word to what its label is for', () => {
  const labels = Object.values(LABELS).flatMap(({ name, example }) =>
    [...new Set([spellLabel(name, 0), spellLabel(name)])].map((label) => [label, example] as const),
  );
  // A host of which nothing is left is no host: the port then speaks TCP.
  const without = [{}, { HAPROXY_0_VHOST: '' }].map((none) => linesOf(rendered(none)));
  test.each(labels)('%s', (label, example) => {
    const right = linesOf(rendered({ [label]: example }));
    const known = new Set([...sectionsOf(right), ...without.flatMap(sectionsOf)]);
    const most = Math.max(...[right, ...without].map(({ length }) => length));
    for (const value of HARMFUL.flatMap((harm) => spoilt(example, harm))) {
      const config = rendered({ [label]: value });
      const lines = linesOf(config);
      expect([value, strangeLines(config), strangeRows(config)]).toEqual([value, [], []]);
      expect([value, sectionsOf(lines).filter((line) => !known.has(line))]).toEqual([value, []]);
      expect([value, lines.length <= most]).toEqual([value, true]);
    }
  });
});
