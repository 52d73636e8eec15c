import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../src/core/definition.ts';
import { resolveEndpoints, type TaskPlace } from '../../../src/core/endpoints.ts';

const PLACE: TaskPlace = {
  active: true,
  host: 'agent',
  hostAddress: '10.0.0.1',
  hostPorts: [31000, 31001],
  addresses: [{ ipAddress: '9.0.0.5' }],
};

/** `address:port` by port, or why there is none. */
function places(definition: object, place: Partial<TaskPlace> = {}): readonly string[] {
  const { endpoints, missing } = resolveEndpoints(parseDefinition({ ...definition }), { ...PLACE, ...place });
  const found = endpoints.map(({ portIndex, address, port }) => ({ portIndex, what: `${address} ${port}` }));
  const none = missing.map(({ portIndex, because }) => ({ portIndex, what: because }));
  return [...found, ...none].sort((a, b) => a.portIndex - b.portIndex).map(({ what }) => what);
}

const container = (portMappings: unknown, networks: unknown = [{ mode: 'container', name: 'a' }]) => ({
  networks,
  container: { portMappings },
});
const bridge = (portMappings: unknown) => container(portMappings, [{ mode: 'container/bridge' }]);
const docker = (network: string, portMappings?: unknown) => ({ container: { docker: { network, portMappings } } });

describe('the network of a definition', () => {
  test.each([
    [{}, 'host'],
    [{ networks: [] }, 'host'],
    [{ networks: [{ mode: 'host' }] }, 'host'],
    [{ networks: [{ mode: 'container/bridge' }] }, 'bridge'],
    [{ networks: [{ mode: 'container', name: 'a' }] }, 'container'],
    [{ networks: [{ mode: 'quantum' }] }, 'host'],
    [{ networks: 'host' }, 'host'],
    [docker('HOST'), 'host'],
    [docker('BRIDGE'), 'bridge'],
    [docker('USER'), 'container'],
    [docker('NONE'), 'container'],
    [{ ipAddress: {} }, 'container'],
    [{ ipAddress: null, container: { docker: { network: null } } }, 'host'],
    // Only Marathon ≤ 1.4 writes docker.network, so it is what that Marathon did.
    [{ ...docker('BRIDGE'), ipAddress: { discovery: { ports: [{ number: 80 }] } } }, 'bridge'],
    [{ ...docker('HOST'), networks: [{ mode: 'container/bridge' }] }, 'host'],
  ])('%j is %s', (definition, expected) => {
    expect(parseDefinition({ ...definition }).network).toBe(expected);
  });
});

describe('the ports of a definition', () => {
  test.each([
    [
      { port: 10000, name: 'http', protocol: 'tcp' },
      { name: 'http', protocol: 'tcp', servicePort: 10000 },
    ],
    [{ port: 0 }, { protocol: 'tcp' }],
    [{ port: 70_000, protocol: 'udp' }, { protocol: 'udp' }],
    [
      { port: 10000, protocol: 'udp,tcp' },
      { protocol: 'tcp', servicePort: 10000 },
    ],
    [
      { port: 10000, protocol: 'tcp, udp' },
      { protocol: 'tcp', servicePort: 10000 },
    ],
    [
      { port: 10000, protocol: 'UDP' },
      { protocol: 'udp', servicePort: 10000 },
    ],
    [
      { port: 10000, protocol: 7, name: 7 },
      { protocol: 'tcp', servicePort: 10000 },
    ],
    ['10000', { protocol: 'tcp' }],
    [null, { protocol: 'tcp' }],
  ])('%j', (entry, expected) => {
    expect(parseDefinition({ portDefinitions: [entry, { port: 10001 }] }).ports).toEqual([
      { index: 0, ...expected },
      { index: 1, protocol: 'tcp', servicePort: 10001 },
    ]);
  });

  test('the mappings come first, docker.portMappings after container.portMappings', () => {
    const mapping = [{ containerPort: 80, servicePort: 10000 }];
    const both = { networks: [{ mode: 'container/bridge' }], ports: [10009], portDefinitions: [{ port: 10008 }] };
    const ports = [{ index: 0, protocol: 'tcp', servicePort: 10000, containerPort: 80 }];
    expect(parseDefinition({ ...both, container: { portMappings: mapping } }).ports).toEqual(ports);
    expect(parseDefinition({ ...both, container: { docker: { portMappings: mapping } } }).ports).toEqual(ports);
    expect(parseDefinition({ ...both, container: { portMappings: [], docker: {} } }).ports).toEqual([
      { index: 0, protocol: 'tcp', servicePort: 10008 },
    ]);
  });
});

describe('host networking', () => {
  test.each([
    [
      [31000, 31001],
      ['10.0.0.1 31000', '10.0.0.1 31001'],
    ],
    [[31000], ['10.0.0.1 31000', 'no-task-port']],
    [[], ['no-task-port', 'no-task-port']],
    [
      [0, 65_536],
      ['port-out-of-range', 'port-out-of-range'],
    ],
    [
      ['31000', null],
      ['port-out-of-range', 'no-task-port'],
    ],
  ])('task ports %j', (hostPorts, expected) => {
    expect(places({ portDefinitions: [{ port: 10000 }, { port: 10001 }] }, { hostPorts })).toEqual(expected);
    expect(places({ ports: [10000, 10001] }, { hostPorts })).toEqual(expected);
  });

  test('never the address of a container', () => {
    expect(places({ ports: [10000] }, { hostAddress: undefined })).toEqual(['host-unresolvable']);
    expect(places({ ports: [10000] }, { host: '', hostAddress: undefined })).toEqual(['no-host']);
  });
});

describe('bridge networking', () => {
  test('every mapping takes the next host port, written down or not', () => {
    expect(places(bridge([{ containerPort: 80 }, { containerPort: 81, hostPort: 0 }]))).toEqual([
      '10.0.0.1 31000',
      '10.0.0.1 31001',
    ]);
    expect(places(docker('BRIDGE', [{ containerPort: 0, hostPort: null }]))).toEqual(['10.0.0.1 31000']);
  });

  test('a service port without mapping leads nowhere', () => {
    expect(places({ ...docker('BRIDGE'), ports: [10000] })).toEqual(['no-task-port']);
  });

  test('a mapping that cannot be read still takes its host port', () => {
    expect(places(bridge(['?', { containerPort: 81 }]))).toEqual(['10.0.0.1 31000', '10.0.0.1 31001']);
  });
});

describe('container networking', () => {
  test('only mappings with a host port take one', () => {
    const mappings = [
      { containerPort: 8080 },
      { containerPort: 8443, hostPort: 0 },
      { containerPort: 9090, hostPort: null },
      { containerPort: 0, hostPort: 7777 },
    ];
    const expected = ['9.0.0.5 8080', '10.0.0.1 31000', '9.0.0.5 9090', '10.0.0.1 31001'];
    expect(places(container(mappings))).toEqual(expected);
    expect(places(docker('USER', mappings))).toEqual(expected);
  });

  test.each([
    [{ containerPort: 0 }, 'no-task-port'],
    [{}, 'no-task-port'],
    [{ containerPort: 65_536 }, 'port-out-of-range'],
    [{ containerPort: '80' }, 'port-out-of-range'],
  ])('%j has no endpoint', (mapping, because) => {
    expect(places(container([mapping]))).toEqual([because]);
  });

  test.each([
    [[], 'no-ip-yet'],
    [[null], 'no-ip-yet'],
    [[{ ipAddress: 'soon' }], 'no-ip-yet'],
    [[{ ipAddress: '0.0.0.0' }], 'no-ip-yet'],
    [[{ ipAddress: '9.0.0.5' }, { ipAddress: 'fd00::5' }], '9.0.0.5 80'],
    [[{ ipAddress: 'FD00::5' }], 'fd00::5 80'],
    [[{ ipAddress: 7 }, { ipAddress: 'fd00::5' }], 'fd00::5 80'],
  ])('addresses %j', (addresses, expected) => {
    expect(places(container([{ containerPort: 80 }]), { addresses })).toEqual([expected]);
  });

  test('discovery ports (≤ 1.4) have container ports and no service ports', () => {
    const definition = { ipAddress: { discovery: { ports: [{ number: 8080, name: 'http', protocol: 'tcp' }] } } };
    expect(parseDefinition(definition).ports).toEqual([
      { index: 0, name: 'http', protocol: 'tcp', containerPort: 8080 },
    ]);
    expect(places(definition, { hostPorts: [] })).toEqual(['9.0.0.5 8080']);
  });

  describe('with two networks', () => {
    const networks = [
      { mode: 'container', name: 'front' },
      { mode: 'container', name: 'back' },
    ];
    const mappings = [
      { containerPort: 1, networkNames: ['back'] },
      { containerPort: 2, networkNames: ['front'] },
      { containerPort: 3 },
      { containerPort: 4, networkNames: ['nowhere', 'back'] },
    ];
    test.each([
      [
        ['9.0.0.1', '9.1.0.1'],
        ['9.1.0.1 1', '9.0.0.1 2', '9.0.0.1 3', '9.1.0.1 4'],
      ],
      [
        ['9.0.0.1', 'fd00::1', '9.1.0.1', 'fd01::1'],
        ['9.1.0.1 1', '9.0.0.1 2', '9.0.0.1 3', '9.1.0.1 4'],
      ],
      [['9.0.0.1'], ['no-ip-yet', '9.0.0.1 2', '9.0.0.1 3', 'no-ip-yet']],
    ])('addresses %j', (texts, expected) => {
      const addresses = texts.map((ipAddress) => ({ ipAddress }));
      expect(places(container(mappings, networks), { addresses })).toEqual(expected);
    });
  });
});

test('a task that has ended keeps nothing', () => {
  expect(places({ ports: [10000, 10001] }, { active: false })).toEqual(['not-active', 'not-active']);
});
