import { expect, test } from 'vitest';
import { blameTemplate } from '../../../src/core/blame-template.ts';
import type { RenderedConfig } from '../../../src/core/config.ts';
import { scriptedTemplates } from '../../support/scripted-core.ts';

const before = scriptedTemplates('as it was');
const config: RenderedConfig = {
  files: new Map([['haproxy.cfg', 'global\n  log /dev/log local0\n  maxconn many\n']]),
  owners: [],
  digest: '',
};
const alert = (line?: number) =>
  ({ severity: 'alert', message: 'maxconn wants a number', ...(line === undefined ? {} : { line }) }) as const;

test('names the changed file that has the line which HAProxy refuses, and where', () => {
  const backend = { file: 'own/backend.hbs', text: 'backend x\n' };
  const global = { file: 'own/global.hbs', text: 'global\n  {{generationLine}}\n  maxconn many\n' };
  const after = { ...before, backend, global };
  const message = 'HAProxy refuses what it makes: maxconn wants a number';
  expect(blameTemplate([alert(3)], config, before, after)).toEqual({ file: 'own/global.hbs', line: 3, message });
  expect(blameTemplate([alert(2)], config, before, { ...before, backend })).toEqual({
    file: 'own/backend.hbs',
    message,
  });
  expect(blameTemplate([alert()], config, before, { ...before, backend })?.line).toBeUndefined();
});

test('names none where none changed', () => {
  expect(blameTemplate([alert(3)], config, before, scriptedTemplates('as it was'))).toBeUndefined();
});
