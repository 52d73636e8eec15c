import { describe, expect, test } from 'vitest';
import { parseDiagnostics } from '../../../src/haproxy/diagnostics.ts';

describe('parseDiagnostics', () => {
  const single: readonly (readonly [string, string, ReturnType<typeof parseDiagnostics>])[] = [
    [
      'an unknown keyword (2.6, 3.0, 3.2)',
      "[ALERT]    (9319) : config : parsing [haproxy.cfg:18] : unknown keyword 'bogus' in 'frontend' section",
      [
        {
          severity: 'alert',
          line: 18,
          message: "parsing [haproxy.cfg:18] : unknown keyword 'bogus' in 'frontend' section",
        },
      ],
    ],
    [
      'a date before the pid (2.2)',
      '[WARNING] 123/101010 (42) : parsing [haproxy.cfg:7] : this will be ignored',
      [{ severity: 'warning', line: 7, message: 'parsing [haproxy.cfg:7] : this will be ignored' }],
    ],
    [
      'a path before the name',
      "[ALERT] (1) : config : [/var/lib/x/haproxy.cfg:20] : 'server b/s1' : unable to load SSL certificate",
      [
        {
          severity: 'alert',
          line: 20,
          message: "[/var/lib/x/haproxy.cfg:20] : 'server b/s1' : unable to load SSL certificate",
        },
      ],
    ],
    [
      'the second phase, which names sections',
      "[ALERT]    (77) : config : backend 'web_10000': unable to find required use_backend",
      [{ severity: 'alert', message: "backend 'web_10000': unable to find required use_backend" }],
    ],
    [
      'a bind that failed at a reload',
      '[ALERT]    (9) : Binding [haproxy.cfg:14] for frontend f: cannot bind socket (Address already in use) for [127.0.0.1:22051]',
      [
        {
          severity: 'alert',
          line: 14,
          message:
            'Binding [haproxy.cfg:14] for frontend f: cannot bind socket (Address already in use) for [127.0.0.1:22051]',
        },
      ],
    ],
    ['notices and other text', '[NOTICE]   (9319) : haproxy version is 2.6.12\nConfiguration file is valid', []],
    ['nothing', '', []],
  ];
  test.each(single)('reads %s', (_what, text, expected) => expect(parseDiagnostics(text)).toEqual(expected));

  test('joins what is indented below a message, and leaves sums out', () => {
    const text = [
      '[ALERT]    (5) : config : parsing [haproxy.cfg:3]: unmatched quote below:',
      '  acl a path "b',
      '             ^',
      '[ALERT]    (5) : config : parsing [haproxy.cfg:9] : unknown keyword',
      '[ALERT]    (5) : config : Error(s) found in configuration file : haproxy.cfg',
      '[ALERT]    (5) : config : Fatal errors found in configuration.',
    ].join('\n');
    expect(parseDiagnostics(text)).toEqual([
      {
        severity: 'alert',
        line: 3,
        message: 'parsing [haproxy.cfg:3]: unmatched quote below:\n  acl a path "b\n             ^',
      },
      { severity: 'alert', line: 9, message: 'parsing [haproxy.cfg:9] : unknown keyword' },
    ]);
  });

  test('keeps a sum that is all there is', () => {
    expect(parseDiagnostics('[ALERT]    (5) : config : Fatal errors found in configuration.')).toEqual([
      { severity: 'alert', message: 'Fatal errors found in configuration.' },
    ]);
  });
});
