import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { referenceTables } from '../support/reference-tables.ts';

const path = resolve(import.meta.dirname, '../../README.md');
const tables = await referenceTables();

/** The README with the tables of today between its markers. */
function renewed(readme: string): string {
  let text = readme;
  for (const [name, table] of tables) {
    const [start, end] = [`<!-- generated: ${name} -->`, `<!-- end: ${name} -->`];
    const [before, rest] = text.split(start);
    const after = rest?.split(end)[1];
    if (before === undefined || after === undefined) throw new Error(`README.md has no place for the table of ${name}`);
    text = `${before}${start}\n${table}\n${end}${after}`;
  }
  return text;
}

test('README’s reference tables say what the code does', async () => {
  const readme = await readFile(path, 'utf8');
  const wanted = renewed(readme);
  if (process.env['UPDATE'] === '1') await writeFile(path, wanted);
  expect(await readFile(path, 'utf8')).toBe(wanted);
});

test.each([...tables])('the table of %s has a row for everything', (_, table) => {
  expect(table.split('\n').length).toBeGreaterThan(10);
});
