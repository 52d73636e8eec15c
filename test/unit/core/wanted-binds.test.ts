import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { RenderedConfig } from '../../../src/core/config.ts';
import { addressesOf, bindsText, listenedOn } from '../../../src/core/listened.ts';
import { createRenderer } from '../../../src/core/render.ts';
import type { RoutingTable, ServiceFrontend } from '../../../src/core/routing.ts';
import { formatBind, type Settings } from '../../../src/core/settings.ts';
import { listensNowhere, settingsWithout, wantedBinds, wantsTheSame } from '../../../src/core/wanted-binds.ts';
import { bindsHeldIn, unboundIn, withBinds, withoutBinds } from '../../../src/core/without-binds.ts';
import { backend, service, settings, table, templates } from '../../support/tables.ts';

const NODE = settings({
  httpBind: [
    { address: '*', port: 80 },
    { address: '::', port: 80 },
  ],
  statsBind: [{ address: '127.0.0.1', port: 9090 }],
});
const RANGE = { address: '*', from: 10_000, to: 10_004 };
const [WEB, MAIL] = [backend('web_10001'), backend('mail_10002')];
const inRange = (of: ServiceFrontend): ServiceFrontend => ({ ...of, inRange: true });
const any = (port: number) => ({ address: '*', port, options: [] });

function rendered(of: RoutingTable, by: Settings): RenderedConfig {
  const made = createRenderer(templates());
  if (!made.ok) throw new Error(made.failure.message);
  const config = made.value.render(of, by, NO_CERTIFICATES, { runtimeSocket: '/run/s', stateFile: '/run/f' });
  if (!config.ok) throw new Error(config.failure.message);
  return config.value;
}
const wanted = (services: readonly ServiceFrontend[], by: Settings) =>
  wantedBinds(services, by).map(({ bind, service: of, setting }) =>
    `${formatBind(bind)} ${setting ?? ''} ${of?.name ?? ''}`.trim(),
  );

describe('what should be listened on', () => {
  test('is what settings and services say, with who asks', () => {
    expect(wanted([service(WEB, [10_001]), service(MAIL, [10_002, 10_003])], NODE)).toEqual([
      '*:80 http-bind',
      '[::]:80 http-bind',
      '127.0.0.1:9090 stats-bind',
      '127.0.0.1:10001  web_10001',
      '127.0.0.1:10002  mail_10002',
      '127.0.0.1:10003  mail_10002',
    ]);
  });

  test('of a range is every port that no service has a frontend of its own for', () => {
    const services = [inRange(service(WEB, [any(10_001)])), service(MAIL, [10_002])];
    expect(wanted(services, settings({ servicePortRange: RANGE }))).toEqual([
      '127.0.0.1:10002  mail_10002',
      '*:10000 service-port-range',
      '*:10001 service-port-range web_10001',
      '*:10003 service-port-range',
      '*:10004 service-port-range',
    ]);
  });

  test('is the same as long as services come and go in the range only', () => {
    const [ranged, own] = [inRange(service(WEB, [any(10_001)])), service(MAIL, [10_002])];
    expect(wantsTheSame([own], [own, ranged])).toBe(true);
    expect(wantsTheSame([own, ranged], [own])).toBe(true);
    expect(wantsTheSame([ranged], [ranged, own])).toBe(false);
    expect(wantsTheSame([own], [])).toBe(false);
    expect(wantsTheSame([own], [{ ...own, inRange: true }])).toBe(false);
  });
});

describe('what a configuration listens on', () => {
  test('is read from its text: every wanted address is in what was rendered from it', () => {
    const by = { ...NODE, servicePortRange: RANGE };
    const services = [
      service(MAIL, [any(10_002)]),
      inRange(service(WEB, [any(10_001)])),
      service(backend('six_7'), [{ address: '::1', port: 7, options: [] }]),
    ];
    const listened = listenedOn(rendered(table({ services, backends: [WEB, MAIL, backend('six_7')] }), by));
    expect(wantedBinds(services, by).filter(({ bind }) => !listened.has(bind))).toEqual([]);
    expect(listened.all()).toHaveLength(wantedBinds(services, by).length);
    expect(listened.of('frontend mail_10002_in')).toEqual([{ address: '*', port: 10_002 }]);
    expect(listened.has({ address: '*', port: 10_005 })).toBe(false);
    expect(listened.has({ address: '127.0.0.1', port: 10_001 })).toBe(false);
    expect(listened.inTheWay({ address: '127.0.0.1', port: 10_001 })).toEqual({ address: '*', port: 10_001 });
    expect(listened.inTheWay({ address: '::1', port: 10_001 })).toBeUndefined();
  });

  test.each([
    [':80', ['*:80']],
    ['0.0.0.0:80', ['*:80']],
    ["'[::]:80'", ['[::]:80']],
    ['10.0.0.1:5-7', ['10.0.0.1:5', '10.0.0.1:6', '10.0.0.1:7']],
    ['*:1,10.0.0.1:2', ['*:1', '10.0.0.1:2']],
    ['/run/x.sock', []],
    ['unix@x', []],
    ['$X:80', []],
    ['*:7-5', []],
  ])('%s', (argument, binds) => {
    expect(addressesOf(argument).map(formatBind)).toEqual(binds);
  });
});

describe('settings without addresses that are held', () => {
  test('lack these and nothing else', () => {
    const by = settingsWithout(NODE, [
      { address: '*', port: 80 },
      { address: '10.0.0.1', port: 9090 },
    ]);
    expect(by).toEqual({ ...NODE, httpBind: [{ address: '::', port: 80 }] });
  });

  test('cut the port of a service out of the range, which would listen on it in its place', () => {
    const held = [{ address: '127.0.0.1', port: 10_002 }];
    const by = settingsWithout(settings({ servicePortRange: RANGE }), held);
    const binds = listenedOn(rendered(table(), by))
      .all()
      .map(({ port }) => port);
    expect(binds).toEqual([10_000, 10_001, 10_003, 10_004]);
  });

  test('may leave nothing to listen on', () => {
    const all = [...NODE.httpBind, ...NODE.statsBind];
    expect(listensNowhere([], settingsWithout(NODE, all))).toBe(true);
    expect(listensNowhere([], settingsWithout(NODE, all.slice(1)))).toBe(false);
    expect(listensNowhere([service(WEB, [10_001])], settingsWithout(NODE, all))).toBe(false);
    expect(listensNowhere([inRange(service(WEB, [any(10_001)]))], settings())).toBe(true);
    expect(listensNowhere([], settings({ servicePortRange: RANGE }))).toBe(false);
  });
});

describe('a configuration whose addresses somebody has taken', () => {
  const says = (message: string) => ({ severity: 'alert' as const, message });
  test.each([
    [
      'Binding [haproxy.cfg:12] for frontend a: cannot bind socket (Address already in use) for [127.0.0.1:25831]',
      '127.0.0.1:25831',
    ],
    [
      'Binding [haproxy.cfg:12] for frontend a: protocol tcpv4: cannot bind socket (Address already in use) for [0.0.0.0:80].',
      '*:80',
    ],
    [
      'Binding [haproxy.cfg:12] for frontend a: protocol tcpv6: cannot bind socket (Cannot assign requested address) for [::1:80].',
      '[::1]:80',
    ],
  ])('is told by HAProxy: %s', (message, address) => {
    expect(unboundIn([says(message)]).map(formatBind)).toEqual([address]);
  });

  test('goes on without them, line by line', () => {
    const services = [service(MAIL, [10_002, 10_003])];
    const config = rendered(table({ services, backends: [MAIL] }), {
      ...NODE,
      servicePortRange: { ...RANGE, to: 10_009 },
    });
    const reduced = withoutBinds(config, [
      { address: '127.0.0.1', port: 10_002 },
      { address: '*', port: 10_005 },
    ]);
    if (reduced === undefined) throw new Error('nothing left');
    const [before, after] = [config, reduced].map(({ files }) => (files.get('haproxy.cfg') ?? '').split('\n'));
    expect(after).toHaveLength(before?.length ?? 0);
    expect(after?.filter((line, at) => line !== before?.[at])).toEqual([
      '  bind *:10004,*:10006-10009 # held by somebody else: *:10005',
      '  # held by somebody else: bind 127.0.0.1:10002',
    ]);
    expect(reduced.digest).not.toBe(config.digest);
    expect(reduced.owners).toEqual(config.owners);
  });

  test('says what it lacks, and has it again as it is free', () => {
    const services = [service(MAIL, [10_002, 10_003])];
    const config = rendered(table({ services, backends: [MAIL] }), {
      ...NODE,
      servicePortRange: { ...RANGE, to: 10_009 },
    });
    const [own, first, second] = [
      { address: '127.0.0.1', port: 10_002 },
      { address: '*', port: 10_005 },
      { address: '*', port: 10_006 },
    ];
    const once = withoutBinds(config, [own, first]);
    const twice = once === undefined ? undefined : withoutBinds(once, [second]);
    if (twice === undefined) throw new Error('nothing left');
    expect(bindsHeldIn(config)).toEqual([]);
    expect(bindsHeldIn(twice).map(formatBind).sort()).toEqual([own, first, second].map(formatBind).sort());
    const binds = (of: RenderedConfig | undefined) =>
      of === undefined
        ? 'none'
        : bindsText(
            listenedOn(of)
              .all()
              .toSorted((a, b) => a.port - b.port),
          );
    const partly = withBinds(twice, [first]);
    expect(partly === undefined ? [] : bindsHeldIn(partly).map(formatBind).sort()).toEqual(
      [own, second].map(formatBind).sort(),
    );
    const whole = partly === undefined ? undefined : withBinds(partly, [own, second]);
    expect(binds(whole)).toBe(binds(config));
    expect(whole === undefined ? undefined : withBinds(whole, [own])).toBeUndefined();
    expect(whole?.owners).toEqual(config.owners);
  });

  test('is none without anything left, or with nothing taken', () => {
    const config = rendered(table(), settings({ statsBind: [{ address: '*', port: 9090 }] }));
    expect(withoutBinds(config, [{ address: '*', port: 9090 }])).toBeUndefined();
    expect(withoutBinds(config, [{ address: '*', port: 1 }])).toBeUndefined();
  });
});
