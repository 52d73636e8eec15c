import { describe, expect, test } from 'vitest';
import { listenersOverlap, parseIp, parseNetwork } from '../../../src/core/address.ts';
import { parseBalance } from '../../../src/core/balance.ts';
import { parseBindOptions } from '../../../src/core/bind-options.ts';
import {
  type Parser,
  parseAuth,
  parseBindAddresses,
  parseBoolean,
  parseDate,
  parseDeploymentGroup,
  parseEnabled,
  parseFilePath,
  parseInteger,
  parseNetworks,
  parsePathPrefixes,
  parseUrlPath,
  parseWord,
} from '../../../src/core/label-parsers.ts';
import { parseVhosts } from '../../../src/core/vhost.ts';

/** What each text is read as; `undefined` is a refusal, which must say why. */
function table<T>(name: string, parse: Parser<T>, rows: readonly (readonly [string, T | undefined])[]) {
  describe(name, () => {
    test.each(rows)('%j', (text, value) => {
      const parsed = parse(text);
      expect(parsed.value).toEqual(value);
      if (value === undefined) expect(parsed.faults).not.toEqual([]);
      else expect(parsed.faults).toEqual([]);
    });
  });
}

table('booleans', parseBoolean, [
  ['true', true],
  ['TRUE', true],
  [' t ', true],
  ['yes', true],
  ['Y', true],
  ['\u00a0true\u00a0', true],
  ['false', false],
  ['no', false],
  ['0', false],
  ['', false],
]);
test.each(['1', 'on', 'enabled', 'ture', 'true;'])('%j counts as false, and that is told', (text) => {
  expect(parseBoolean(text)).toMatchObject({ value: false, faults: [{ effect: 'notice' }] });
});

test.each(['1', 'on', 'enabled'])('%j as ENABLED costs the route', (text) => {
  expect(parseEnabled(text)).toMatchObject({
    value: false,
    faults: [{ effect: 'route-refused', says: expect.stringContaining('the port is not served') }],
  });
});
test.each([
  ['yes', true],
  ['no', false],
  ['', false],
])('%j as ENABLED is %s without complaint', (text, value) => {
  expect(parseEnabled(text)).toEqual({ value, faults: [] });
});

table('integers', parseInteger(-10, 65_535), [
  ['0', 0],
  ['-0', 0],
  ['+7', 7],
  [' 12 ', 12],
  ['-10', -10],
  ['65535', 65_535],
  ['65536', undefined],
  ['-11', undefined],
  ['1.5', undefined],
  ['0x10', undefined],
  ['1e3', undefined],
  ['1_000', undefined],
  ['9999999999999999999999', undefined],
  ['', undefined],
  ['80\nbind *:81', undefined],
]);

table('words', parseWord(['http', 'tcp']), [
  ['http', 'http'],
  [' TCP ', 'tcp'],
  ['https', undefined],
  ['', undefined],
]);

const host = (name: string) => ({ match: 'host', host: name }) as const;
table('virtual hosts', parseVhosts, [
  ['www.example.com', [host('www.example.com')]],
  ['WWW.Example.COM', [host('www.example.com')]],
  ['www.example.com.', [host('www.example.com')]],
  ['www.example.com:8080', [host('www.example.com')]],
  ['a.example, b.example', [host('a.example'), host('b.example')]],
  ['\u00a0a.example\u00a0', [host('a.example')]],
  ['b.example,a.example,B.example,', [host('b.example'), host('a.example')]],
  ['*.apps.example.com', [{ match: 'wildcard', host: '.apps.example.com' }]],
  ['my_app.example', [host('my_app.example')]],
  ['xn--mnchen-3ya.de', [host('xn--mnchen-3ya.de')]],
  ['10.0.0.1', [host('10.0.0.1')]],
  ['localhost', [host('localhost')]],
  [`${'a'.repeat(63)}.example`, [host(`${'a'.repeat(63)}.example`)]],
  ['', []],
  [',', undefined],
  ['  ', undefined],
]);
test.each([
  'münchen.de',
  'a b.example',
  '-a.example',
  'a-.example',
  'a..example',
  '.example',
  '*',
  '*.',
  'a.*.example',
  '*a.example',
  'http://a.example',
  'a.example/path',
  'a.example:http',
  'a"b.example',
  "a'b.example",
  'a.example\nbind',
  'a.example#',
  '%[src]',
  '[::1]',
  `${'a'.repeat(64)}.example`,
  `${'a.'.repeat(126)}example`,
])('%j is no virtual host, and costs only itself', (text) => {
  const parsed = parseVhosts(`good.example,${text},*.good.example`);
  expect(parsed.value).toEqual([host('good.example'), { match: 'wildcard', host: '.good.example' }]);
  expect(parsed.faults).toHaveLength(1);
});

const prefixes = (list: readonly string[], ignoreCase = false) => ({ ignoreCase, prefixes: list });
table('path prefixes', parsePathPrefixes, [
  ['/api', prefixes(['/api'])],
  ['/', prefixes(['/'])],
  [' /a  /b ', prefixes(['/a', '/b'])],
  ['-i /Api /v2', prefixes(['/Api', '/v2'], true)],
  ['/a%20b', prefixes(['/a%20b'])],
  ['/~user/a+b;c=1,2@x:y!(z)*&$', prefixes(['/~user/a+b;c=1,2@x:y!(z)*&$'])],
  ['', prefixes([])],
  ['  ', prefixes([])],
  ['-i', undefined],
  ['api', undefined],
  ['-m reg ^/x', undefined],
  ['-f /etc/passwd', undefined],
  ['/a"b', undefined],
  ["/a'b", undefined],
  ['/a\\b', undefined],
  ['/a#b', undefined],
  ['/a%zz', undefined],
  ['/a%[src]', undefined],
  ['/a?b=c', undefined],
  ['/é', undefined],
  [`/${'a'.repeat(512)}`, undefined],
]);
test('a bad prefix costs only itself', () => {
  expect(parsePathPrefixes('/a b /c')).toMatchObject({ value: prefixes(['/a', '/c']), faults: [{}] });
});

table('paths written into the configuration', parseUrlPath, [
  ['/app', '/app'],
  [' /app/v1.2/ ', '/app/v1.2/'],
  ['/', '/'],
  ['app', undefined],
  ['/a b', undefined],
  ['/a%20b', undefined],
  ['/%[src]', undefined],
  ['/a"b', undefined],
  ['/(a|b)', undefined],
  ['/a\\1', undefined],
  ['/a$b', undefined],
  ['http://evil.example/', undefined],
  ['', undefined],
]);

table('balance', parseBalance, [
  ['roundrobin', 'roundrobin'],
  [' LeastConn ', 'leastconn'],
  ['static-rr', 'static-rr'],
  ['first', 'first'],
  ['source', 'source'],
  ['uri', 'uri'],
  ['random', 'random'],
  ['random(2)', 'random(2)'],
  ['hdr(X-User)', 'hdr(X-User)'],
  ['url_param(user_id)', 'url_param(user_id)'],
  ['rdp-cookie', 'rdp-cookie(mstshash)'],
  ['rdp-cookie(name)', 'rdp-cookie(name)'],
  ['random(0)', undefined],
  ['random(x)', undefined],
  ['hdr', undefined],
  ['hdr()', undefined],
  ['hdr(a b)', undefined],
  ['roundrobin(1)', undefined],
  ['roundrobin\nserver x 1.1.1.1:1', undefined],
  ['weighted', undefined],
  ['', undefined],
]);

const auth = (realm: string, user: string, passwordHash: string) => ({ realm, user, passwordHash });
table('basic auth', parseAuth, [
  ['realm:bob:$5$salt1234$dVuGqLK9', auth('realm', 'bob', '$5$salt1234$dVuGqLK9')],
  ['My App:bob@x.org:$6$rounds=5000$s$abcdef.', auth('My App', 'bob@x.org', '$6$rounds=5000$s$abcdef.')],
  ['r:u:$y$j9T$abc$def:ghi', auth('r', 'u', '$y$j9T$abc$def:ghi')],
  ['Ask <ops@x.org> first!:u:abJnggxhB/yWI', auth('Ask <ops@x.org> first!', 'u', 'abJnggxhB/yWI')],
  [`${'r'.repeat(129)}:u:abJnggxhB/yWI`, undefined],
  ['a$b:u:abJnggxhB/yWI', undefined],
  ['a%[b]:u:abJnggxhB/yWI', undefined],
  ['r:u:abJnggxhB/yWI', auth('r', 'u', 'abJnggxhB/yWI')],
  ['r:u:plain-password', undefined],
  ['r:u:', undefined],
  [':u:$5$salt1234$dVuGqLK9', undefined],
  ['r::$5$salt1234$dVuGqLK9', undefined],
  ['u:$5$salt1234$dVuGqLK9', undefined],
  ['r"x:u:$5$salt1234$dVuGqLK9', undefined],
  ['r:u v:$5$salt1234$dVuGqLK9', undefined],
  ['r:u:$5$salt1234$dVu\nuser x', undefined],
  ['r\n:u:$5$salt1234$dVuGqLK9', undefined],
  ['', undefined],
]);

table('networks', parseNetworks, [
  ['127.0.0.1', ['127.0.0.1']],
  [' 10.0.0.0/8  192.168.1.0/24 ', ['10.0.0.0/8', '192.168.1.0/24']],
  ['10.0.0.1,10.0.0.1', ['10.0.0.1']],
  ['10.0.0.0/255.255.0.0', ['10.0.0.0/16']],
  ['0.0.0.0/0', ['0.0.0.0/0']],
  ['2001:DB8::/32 ::1', ['2001:db8::/32', '::1']],
  ['10.0.0.0/33', undefined],
  ['10.0.0.0/', undefined],
  ['10.0.0.0/08', undefined],
  ['10.0.0.0/255.0.255.0', undefined],
  ['10.0.0', undefined],
  ['010.0.0.1', undefined],
  ['10.0.0.256', undefined],
  ['example.com', undefined],
  ['10.0.0.1 nonsense', undefined],
  ['-f /etc/passwd', undefined],
  ['', undefined],
]);

table('bind addresses', parseBindAddresses, [
  ['*', ['*']],
  ['0.0.0.0', ['*']],
  ['10.0.0.1, [::1]', ['10.0.0.1', '::1']],
  ['10.0.0.1,*,::1', ['*', '::1']],
  ['::1,::,10.0.0.1', ['::', '10.0.0.1']],
  ['::', ['::']],
  ['10.0.0.1:81', undefined],
  ['eth0', undefined],
  ['unix@/tmp/x', undefined],
  ['', undefined],
]);
test('a bad bind address costs only itself', () => {
  expect(parseBindAddresses('10.0.0.1,nonsense')).toMatchObject({
    value: ['10.0.0.1'],
    faults: [{ effect: 'value-ignored' }],
  });
});

table('file paths', parseFilePath, [
  ['web.pem', 'web.pem'],
  ['/certs//web.pem', '/certs/web.pem'],
  ['./sub/./web.pem', 'sub/web.pem'],
  ['../etc/shadow', undefined],
  ['/certs/../etc/shadow', undefined],
  ['/certs/a b.pem', undefined],
  ['', undefined],
]);

table('dates', parseDate, [
  ['2024-05-01', Date.UTC(2024, 4, 1)],
  ['2024-05-01T12:30:15', Date.UTC(2024, 4, 1, 12, 30, 15)],
  ['2024-05-01 12:30:15.250000', Date.UTC(2024, 4, 1, 12, 30, 15, 250)],
  ['2024-05-01T12:00:00Z', Date.UTC(2024, 4, 1, 12)],
  ['2024-05-01T12:00:00+02:00', Date.UTC(2024, 4, 1, 10)],
  ['2024-05-01T12:00:00-0130', Date.UTC(2024, 4, 1, 13, 30)],
  ['2024-13-01', undefined],
  ['yesterday', undefined],
  ['', undefined],
]);

table('deployment groups', parseDeploymentGroup, [
  ['shop', '/shop' as never],
  ['/prod/shop', '/prod/shop' as never],
  ['', undefined],
  ['/', undefined],
  ['a b', undefined],
  ['a//b', undefined],
]);

describe('bind options', () => {
  const CA = 'verify required ca-file /certs/ca.pem';
  test.each([
    ['', []],
    ['tfo accept-proxy', ['accept-proxy', 'tfo']],
    ['alpn h2,http/1.1 defer-accept strict-sni', ['alpn h2,http/1.1', 'strict-sni', 'defer-accept']],
    ['ssl-max-ver TLSv1.3 ssl-min-ver TLSv1.2', ['ssl-min-ver TLSv1.2', 'ssl-max-ver TLSv1.3']],
    ['ciphers ECDHE+AESGCM:!aNULL', ['ciphers ECDHE+AESGCM:!aNULL']],
    [
      'ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384',
      ['ciphersuites TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384'],
    ],
    [CA, ['ca-file /certs/ca.pem', 'verify required']],
    ['verify none', ['verify none']],
  ])('%j', (text, options) => {
    const { value, faults } = parseBindOptions(text);
    const shown = value?.options.map((option) =>
      'argument' in option ? `${option.option} ${option.argument}` : option.option,
    );
    expect(shown).toEqual(options);
    expect(faults).toEqual([]);
    expect(value?.unsafe).toBe(false);
  });

  test.each([
    ['no-sslv3 tfo', ['tfo'], false],
    ['maxconn 100 tfo', ['tfo'], false],
    ['id 7', [], false],
    ['alpn h2"x tfo', ['tfo'], false],
    ['tfo extra', ['tfo'], false],
    ['alpn', [], false],
    ['ssl crt /tmp/x.pem', [], true],
    ['interface eth0', [], true],
    ['no-tlsv12', [], true],
    ['no-sslv3', [], false],
    ['verify maybe', [], true],
    ['verify required', ['verify required'], true],
    ['ca-file ../x', [], true],
    ['ssl-min-ver SSLv3', [], true],
    ['ciphers a b', ['ciphers a'], false],
    ['ssl-min-ver TLSv1.3 ssl-max-ver TLSv1.2', ['ssl-min-ver TLSv1.3', 'ssl-max-ver TLSv1.2'], true],
    ['ciphersuites TLS_FOO', [], true],
  ])('%j is told of', (text, options, unsafe) => {
    const { value, faults } = parseBindOptions(text);
    const shown = value?.options.map((option) =>
      'argument' in option ? `${option.option} ${option.argument}` : option.option,
    );
    expect(shown).toEqual(options);
    expect(faults.length).toBeGreaterThan(0);
    expect(value?.unsafe).toBe(unsafe);
  });
});

describe('addresses', () => {
  test.each([
    ['1.2.3.4', '1.2.3.4'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['FE80:0:0:0:0:0:0:1', 'fe80::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ])('%s is %s', (text, canonical) => {
    expect(parseIp(text)?.text).toBe(canonical);
  });

  test.each([
    '',
    '1.2.3',
    '1.2.3.4.',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.400',
    ' 1.2.3.4',
    '1.2.3.4\n',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '::ffff:1.2.3.4',
    '::ffff:102:304',
    '0x7f.1',
    '2130706433',
  ])('%j is no address', (text) => {
    expect(parseIp(text)).toBeUndefined();
    expect(parseNetwork(text)).toBeUndefined();
  });

  test.each([
    ['*', '10.0.0.1', true],
    ['*', '*', true],
    ['0.0.0.0', '10.0.0.1', true],
    ['0.0.0.0', '*', true],
    ['0.0.0.0', '::1', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.2', false],
    ['*', '::', false],
    ['*', '::1', false],
    ['::', '::1', true],
  ])('%s and %s overlap: %s', (a, b, overlap) => {
    expect(listenersOverlap(a, b)).toBe(overlap);
    expect(listenersOverlap(b, a)).toBe(overlap);
  });
});
