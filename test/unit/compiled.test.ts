import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { codePath, loadProgram } from '../../src/compiled.ts';
import { temporaryFolder } from './cli/rig.ts';

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A folder with a program that says where it thinks that it is, and what it can have. */
function folderWith(code?: Buffer): string {
  const folder = join(temporaryFolder(cleanups), 'dist');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'portolan.js'),
    '(function (exports, require, module, __filename, __dirname) { const path = require("node:path"); function said(text) { return path.basename(text); }\nglobalThis.told = [said(__dirname), said(__filename), typeof module.exports]; })',
  );
  if (code !== undefined) writeFileSync(codePath(folder), code);
  return folder;
}

const told = (): unknown => Reflect.get(globalThis, 'told');
const ALL = ['dist', 'portolan.js', 'object'];

test('a program runs as a module of its folder, with bytecode or without, and twice', () => {
  const first = loadProgram(folderWith());
  expect(first.isTaken).toBe(false);
  first.run();
  expect(told()).toEqual(ALL);
  Reflect.deleteProperty(globalThis, 'told');
  const second = loadProgram(folderWith(first.code()));
  expect(second.isTaken).toBe(true);
  second.run();
  expect(told()).toEqual(ALL);
});

test.each([
  ['is cut off', (code: Buffer) => code.subarray(0, code.length >> 1)],
  ['is empty', () => Buffer.alloc(0)],
  ['is something else', () => Buffer.from('x'.repeat(1000))],
])('bytecode that %s is as good as none', (_, spoilt) => {
  const program = loadProgram(folderWith(spoilt(loadProgram(folderWith()).code())));
  expect(program.isTaken).toBe(false);
  program.run();
  expect(told()).toEqual(ALL);
});

test('bytecode of another program is not taken for its own', () => {
  const folder = folderWith(loadProgram(folderWith()).code());
  const path = join(folder, 'portolan.js');
  const other = readFileSync(path, 'utf8').replace('said(__dirname)', '"other" + 1 + 2');
  expect(other).toHaveLength(readFileSync(path, 'utf8').length);
  writeFileSync(path, other);
  const program = loadProgram(folder);
  expect(program.isTaken).toBe(false);
  program.run();
  expect(told()).toEqual(['other12', ...ALL.slice(1)]);
});
