import { describe, expect, test } from 'vitest';
import { blamedLabel, refusedTexts, withoutSecrets } from '../../../src/core/blame-label.ts';
import type { RenderedConfig } from '../../../src/core/config.ts';
import { app } from './table-rig.ts';

const labels = (given: Readonly<Record<string, string>>) => app('/a', { labels: given });
const CONFIG: RenderedConfig = {
  files: new Map([['haproxy.cfg', "global\nbackend a_1\n  http-request redirect location '/login' if { path / }\n"]]),
  owners: [],
  digest: '',
};

test('what was refused is HAProxy’s words and the lines that they name', () => {
  const said = [
    { severity: 'alert', line: 3, message: 'no' },
    { severity: 'warning', line: 1, message: 'hm' },
    { severity: 'alert', line: 99, message: 'beyond' },
  ] as const;
  expect(refusedTexts(said, CONFIG)).toEqual([
    'no',
    'beyond',
    "  http-request redirect location '/login' if { path / }",
    '',
  ]);
});

describe('the label to blame', () => {
  const HASH = '$5$sAlt$kDpXlWhbsLU';
  test.each([
    [
      'its value is in the words',
      { HAPROXY_0_BIND_OPTIONS: 'ciphers nonsense-here' },
      "unable to set 'nonsense-here'",
      'HAPROXY_0_BIND_OPTIONS',
      'ciphers nonsense-here',
    ],
    [
      'its value is in the line',
      { HAPROXY_0_HTTP_BACKEND_REDIR: '/login' },
      "location '/login' if",
      'HAPROXY_0_HTTP_BACKEND_REDIR',
      '/login',
    ],
    [
      'the longest part decides',
      { HAPROXY_0_PATH: '/log', HAPROXY_0_HTTP_BACKEND_REDIR: '/login' },
      "location '/login'",
      'HAPROXY_0_HTTP_BACKEND_REDIR',
      '/login',
    ],
    ['a secret is masked', { HAPROXY_0_AUTH: `realm:ops:${HASH}` }, "user 'ops'", 'HAPROXY_0_AUTH', '***'],
    [
      'what nobody knows is masked',
      { HAPROXY_0_AUHT: 'realm:operators:x' },
      "user 'operators'",
      'HAPROXY_0_AUHT',
      '***',
    ],
  ])('%s', (_, given, said, label, value) => {
    expect(blamedLabel(labels({ HAPROXY_GROUP: 'external', ...given }), undefined, [said])).toEqual({ label, value });
  });

  test('is one that changed, where one of these is in what was refused', () => {
    const good = labels({ HAPROXY_0_VHOST: 'a.example', HAPROXY_0_PATH: '/x' });
    const now = labels({ HAPROXY_0_VHOST: 'a.example', HAPROXY_0_PATH: '/xy' });
    expect(blamedLabel(now, good, ['a.example /xy'])?.label).toBe('HAPROXY_0_PATH');
  });

  test('is the only one that changed, whatever was said, and nobody where several did', () => {
    const good = labels({ HAPROXY_0_VHOST: 'a.example' });
    expect(blamedLabel(labels({ HAPROXY_0_VHOST: 'b.example' }), good, ['fatal errors'])?.value).toBe('b.example');
    const several = labels({ HAPROXY_0_VHOST: 'b.example', HAPROXY_0_PATH: '/x' });
    expect(blamedLabel(several, good, ['fatal errors'])).toBeUndefined();
  });

  test('is none that is no load balancer’s', () => {
    expect(blamedLabel(labels({ OWNER: 'somebody' }), undefined, ['somebody'])).toBeUndefined();
  });

  test('its secrets are in no words', () => {
    const secret = labels({ HAPROXY_0_AUTH: `realm:ops:${HASH}`, HAPROXY_0_VHOST: 'a.example' });
    expect(withoutSecrets(`user 'ops' has '${HASH}' on a.example`, secret)).toBe("user 'ops' has '***' on a.example");
  });
});
