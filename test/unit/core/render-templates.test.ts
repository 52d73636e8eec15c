import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { TEMPLATE_NAMES, type TemplateFailure, type TemplateName } from '../../../src/core/config.ts';
import { createRenderer } from '../../../src/core/render.ts';
import { backend, server, settings, table, templates } from '../../support/tables.ts';

function refusal(name: TemplateName, text: string): TemplateFailure {
  const made = createRenderer(templates({ [name]: text }));
  if (made.ok) throw new Error('was accepted');
  return made.failure;
}

test('the templates that ship are accepted', () => {
  expect(createRenderer(templates()).ok).toBe(true);
});

describe('a broken override is refused with file and line', () => {
  const file = 'templates/backend.hbs';
  test.each([
    ['a block that is not closed', 'backend {{name}}\n{{#if auth}}\n  x\n', 4],
    ['a mustache that is not closed', 'backend {{name}\n', 1],
    ['an unknown name', 'backend {{name}}\n\n  {{nmae}}\n', 3],
    ['an unknown name as an argument', 'backend {{name}}\n  {{quote nmae}}\n', 2],
    ['an unknown name in a condition', 'backend {{name}}\n{{#if nmae}}\n{{/if}}\n', 2],
    ['an unknown name in a loop', 'backend {{name}}\n{{#each srevers}}\n{{/each}}\n', 2],
    ['an unknown name within a loop', 'backend {{name}}\n{{#each servers}}\n  {{quote nmae}}\n{{/each}}\n', 3],
    ['an unknown helper', 'backend {{name}}\n  {{shout name}}\n', 2],
    ['the helper log', 'backend {{name}}\n{{log name}}\n', 2],
    ['the helper lookup', 'backend {{lookup this "name"}}\n', 1],
    ['a partial', 'backend {{name}}\n{{#if auth}}\n{{> other}}\n{{/if}}\n', 3],
    ['a list where a text belongs', 'backend {{quote servers}}\n', 1],
  ])('%s', (_, text, line) => {
    const failure = refusal('backend', text);
    expect(failure).toMatchObject({ file, line });
    expect(failure.message).not.toBe('');
  });

  test.each(TEMPLATE_NAMES)('%s is among those tried', (name) => {
    expect(refusal(name, 'x\n{{noSuchName}}\n')).toMatchObject({ file: `templates/${name}.hbs`, line: 2 });
  });
});

describe('an override of global cannot take away what Portolan drives HAProxy by', () => {
  const needed = ['global', '  {{generationLine}}', '  stats socket {{quote runtimeSocket}} mode 600 level admin'];
  const withLines = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

  test('with both it is accepted', () => {
    expect(createRenderer(templates({ global: withLines(needed) })).ok).toBe(true);
  });
  test.each([
    ['the generation', needed.filter((line) => !line.includes('generation')), /generationLine/],
    ['the socket', needed.filter((line) => !line.includes('socket')), /stats socket/],
    ['its supervision', [...needed, '  daemon'], /daemon/],
  ])('%s', (_, lines, message) => {
    const failure = refusal('global', withLines(lines));
    expect(failure.file).toBe('templates/global.hbs');
    expect(failure.message).toMatch(message);
  });
});

describe('an accepted override', () => {
  test('is used as it is; blank lines and line ends of another system cost no line of anybody else', () => {
    const made = createRenderer(
      templates({ backend: 'backend {{quote name}} from {{quote profile}}\r\n\r\n  # mine\r\n\n\n  retries 7' }),
    );
    if (!made.ok) throw new Error(made.failure.message);
    const config = made.value.render(
      table({ backends: [backend('a_1', { servers: [server(1)] }), backend('b_2')] }),
      settings(),
      NO_CERTIFICATES,
      { runtimeSocket: 'run.sock', stateFile: 'state' },
    );
    if (!config.ok) throw new Error(config.failure.message);
    const lines = (config.value.files.get('haproxy.cfg') ?? '').split('\n');
    const bodies = config.value.owners
      .filter(({ section }) => section.startsWith('backend'))
      .map(({ from, to }) => lines.slice(from - 1, to));
    expect(bodies).toEqual([
      ['backend a_1 from P_http_roundrobin_0_none_2', '  # mine', '  retries 7', ''],
      ['backend b_2 from P_http_roundrobin_0_none_2', '  # mine', '  retries 7', ''],
    ]);
  });

  test('that breaks on a value the trial did not have is a failure, not an exception', () => {
    const made = createRenderer(templates({ backend: 'backend x\n{{#if maybe}}{{/if}}' }));
    expect(made.ok).toBe(false);
    const lazy = createRenderer(
      templates({ userlist: 'userlist {{quote userlist}}\n{{#unless user}}\n{{nobody}}\n{{/unless}}\n' }),
    );
    if (!lazy.ok) throw new Error(lazy.failure.message);
    const odd = backend('a_1', {
      auth: { value: { realm: 'r', user: '', passwordHash: 'x' }, origin: { from: 'default' } },
    });
    const config = lazy.value.render(table({ backends: [odd] }), settings(), NO_CERTIFICATES, {
      runtimeSocket: '/s',
      stateFile: '/t',
    });
    expect(config).toMatchObject({ ok: false, failure: { file: 'templates/userlist.hbs', line: 3 } });
  });
});
