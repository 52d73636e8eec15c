import { describe, expect, test } from 'vitest';
import { readLabels } from '../../../src/core/label-reader.ts';
import { suggestLabel } from '../../../src/core/label-suggestions.ts';
import { LABELS, spellLabel, TEMPLATE_LABELS } from '../../../src/core/labels.ts';
import { app } from './table-rig.ts';

const read = (labels: Readonly<Record<string, string>>, ports = 2) =>
  readLabels(app('/web', { labels, ports: Array.from({ length: ports }, (_, index) => 10_000 + index) }));

describe('which label is meant', () => {
  test('an index chooses the port, none means port 0', () => {
    const { ports, problems } = read({
      HAPROXY_1_VHOST: 'b.example',
      HAPROXY_VHOST: 'a.example',
      HAPROXY_0_MODE: 'http',
    });
    expect(ports.get(0)).toMatchObject({ vhosts: { value: [{ host: 'a.example' }] }, mode: { value: 'http' } });
    expect(ports.get(1)).toMatchObject({ vhosts: { value: [{ host: 'b.example' }], label: 'HAPROXY_1_VHOST' } });
    expect(problems).toEqual([]);
  });

  test('the indexed form wins, and the other is told', () => {
    const { ports, problems } = read({ HAPROXY_0_VHOST: 'indexed.example', HAPROXY_VHOST: 'plain.example' });
    expect(ports.get(0)?.vhosts?.value).toEqual([{ match: 'host', host: 'indexed.example' }]);
    expect(problems).toMatchObject([
      { code: 'LabelWithoutEffect', effect: 'notice', origin: { label: 'HAPROXY_VHOST' } },
    ]);
  });

  test('GROUP without index belongs to the app, with index to the port', () => {
    const labels = read({ HAPROXY_GROUP: 'a, b', HAPROXY_1_GROUP: '' });
    expect(labels.app.appGroups?.value).toEqual(['a', 'b']);
    expect(labels.ports.get(0)).toBeUndefined();
    expect(labels.ports.get(1)?.groups?.value).toEqual([]);
  });

  test('labels that are not for a load balancer are not looked at', () => {
    expect(read({ traefik: 'x', VHOST: 'x', MY_HAPROXY_0_VHOST: 'x' })).toEqual({
      app: {},
      ports: new Map(),
      problems: [],
    });
  });

  test.each([
    ['HAPROXY_2_VHOST', 2],
    ['HAPROXY_99999_VHOST', 2],
    ['HAPROXY_VHOST', 0],
    ['HAPROXY_7_BACKEND_HEAD', 2],
  ])('%s of an app with %i ports is beyond them', (label, ports) => {
    const { problems, ports: read2 } = read({ [label]: 'www.example.com' }, ports);
    expect(problems).toMatchObject([{ code: 'LabelIndexOutOfRange', origin: { app: '/web', label } }]);
    expect(read2.size).toBe(0);
  });

  test('all 39 template overrides are known by name, with and without index', () => {
    expect(TEMPLATE_LABELS.size).toBe(39);
    for (const name of TEMPLATE_LABELS) {
      expect(read({ [spellLabel(name, 1)]: '{' }).problems, name).toMatchObject([{ code: 'LabelNotYetHonoured' }]);
      expect(read({ [spellLabel(name)]: '{' }).problems, name).toMatchObject([{ code: 'LabelNotYetHonoured' }]);
    }
  });

  test.each(['HAPROXY_DEPLOYMENT_ALT_PORT', 'HAPROXY_DEPLOYMENT_COLOUR', 'HAPROXY_APP_ID'])(
    'zdd’s %s is known',
    (label) => {
      expect(read({ [label]: 'anything "at\nall' }).problems).toEqual([]);
    },
  );
});

describe('unknown labels', () => {
  test.each([
    ['HAPROXY_0_VHOSTS', 'HAPROXY_0_VHOST'],
    ['HAPROXY_{0}_VHOST', 'HAPROXY_0_VHOST'],
    ['HAPROXY_{1}_VHOST', 'HAPROXY_1_VHOST'],
    ['HAPROXY_0_VHOST_', 'HAPROXY_0_VHOST'],
    ['HAPROXY_0_VHOST ', 'HAPROXY_0_VHOST'],
    [' HAPROXY_0_VHOST', 'HAPROXY_0_VHOST'],
    ['haproxy_0_vhost', 'HAPROXY_0_VHOST'],
    ['HAPROXY-1-VHOST', 'HAPROXY_1_VHOST'],
    ['HAPROXY_01_VHOST', 'HAPROXY_1_VHOST'],
    ['HAPROXY0_VHOST', 'HAPROXY_0_VHOST'],
    ['HAPROXY_0_VHSOT', 'HAPROXY_0_VHOST'],
    ['HAPROXY_0_REDIRECT_TO_HTTP', 'HAPROXY_0_REDIRECT_TO_HTTPS'],
    ['HAPROXY_0_STICKYY', 'HAPROXY_0_STICKY'],
    ['HAPROXY_GRUOP', 'HAPROXY_GROUP'],
    ['HAPROXY_1_GRUOP', 'HAPROXY_1_GROUP'],
    ['HAPROXY_VHOSTS', 'HAPROXY_0_VHOST'],
    ['HAPROXY_0_DEPLOYMENT_GROUP', 'HAPROXY_DEPLOYMENT_GROUP'],
    ['HAPROXY_DEPLOYMENT_COLOR', 'HAPROXY_DEPLOYMENT_COLOUR'],
    ['HAPROXY_0_BACKEND_HTTP_OPTION', 'HAPROXY_0_BACKEND_HTTP_OPTIONS'],
  ])('%j: did you mean %s?', (label, suggestion) => {
    const { problems } = read({ [label]: 'x' });
    expect(problems).toMatchObject([{ code: 'LabelUnknown', example: suggestion, effect: 'value-ignored' }]);
    expect(problems[0]?.message).toContain(`did you mean ${suggestion}?`);
  });

  test.each(['HAPROXY_0_COMPRESSION_LEVEL_OF_ALL', 'HAPROXY_', 'HAPROXY', 'HAPROXY_0_'])(
    '%j is near to nothing',
    (label) => {
      expect(suggestLabel(label)).toBeUndefined();
      expect(read({ [label]: 'x' }).problems).toMatchObject([{ code: 'LabelUnknown' }]);
    },
  );

  test('a label’s name may be anything; it is shown in one short line', () => {
    const { problems } = read({ [`HAPROXY_0_${'x\n"'.repeat(400)}`]: 'secret' });
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(/^[^\n]{1,500}$/);
    expect(problems[0]?.origin).toMatchObject({ label: expect.stringMatching(/^[^\n]{1,120}$/) });
  });
});

describe('bad values', () => {
  test('name label, app, value, expectation and a right value', () => {
    expect(read({ HAPROXY_0_PORT: '99999' }).problems).toEqual([
      {
        code: 'LabelInvalid',
        effect: 'value-ignored',
        message: 'HAPROXY_0_PORT of /web: "99999" is out of range. Expected a whole number from 1 to 65535.',
        origin: { from: 'label', app: '/web', label: 'HAPROXY_0_PORT' },
        value: '99999',
        expected: 'a whole number from 1 to 65535',
        example: '9000',
      },
    ]);
  });

  test('a value that is far too long is not even read', () => {
    const { problems, ports } = read({ HAPROXY_0_VHOST: `${'a.example,'.repeat(2_000)}a.example` });
    expect(problems).toMatchObject([{ code: 'LabelInvalid', message: expect.stringContaining('too long') }]);
    expect(ports.get(0)?.vhosts).not.toHaveProperty('value');
  });

  test('each of very many unknown labels is told, but only the first ones get a suggestion', () => {
    const labels = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`HAPROXY_0_BACKEND_WEIGHT${index}`, 'x']),
    );
    const { problems } = read(labels);
    expect(problems).toHaveLength(100);
    expect(problems.filter(({ example }) => example !== undefined)).toHaveLength(20);
  });

  test('a secret is in no problem, also where its label is misspelt or beyond the ports', () => {
    const secret = '$5$topsecret$hashhashhash';
    const { problems } = read({
      HAPROXY_0_AUTH: `bob:${secret}`,
      HAPROXY_0_AUTHS: `r:bob:${secret}`,
      HAPROXY_9_AUTH: `r:bob:${secret}`,
      HAPROXY_AUTH: `r:bob:${secret}`,
      HAPROXY_1_AUTH: `r:b ob:${secret}`,
    });
    expect(problems.map(({ code }) => code).sort()).toEqual([
      'LabelIndexOutOfRange',
      'LabelInvalid',
      'LabelInvalid',
      'LabelUnknown',
      'LabelWithoutEffect',
    ]);
    expect(JSON.stringify(problems)).not.toContain('topsecret');
    expect(problems.filter(({ code }) => code === 'LabelInvalid')).toMatchObject([{ value: '***' }, { value: '***' }]);
  });
});

test('every row of the table has words for people, and an example that its own parser takes', () => {
  for (const spec of Object.values(LABELS)) {
    expect(spec.doc, spec.name).toMatch(/^[A-Z].*\.$/);
    expect(spec.values, spec.name).not.toBe('');
    expect(spec.default, spec.name).not.toBe('');
    const parsed = spec.parse(spec.example);
    expect(parsed.faults, spec.name).toEqual([]);
    expect(parsed.value, spec.name).toBeDefined();
  }
});
