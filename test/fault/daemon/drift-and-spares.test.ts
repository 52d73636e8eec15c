import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPlatform, customerApp, type Platform } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';

// All service ports are in the range, so that only spares can run out.
const FIRST = 31_500;
let platform: Platform;
beforeAll(async () => {
  platform = await createPlatform(FIRST, {
    marathon: { servicePorts: { from: FIRST + 20, to: FIRST + 59 } },
    // Three of the four are for HTTP checks, and one for TCP checks.
    flags: ['--service-port-range', `127.0.0.1:${FIRST + 20}-${FIRST + 59}`, '--spare-http', '4', '--spare-tcp', '0'],
  });
  await until('ready', async () => (await platform.portolan.admin('/readyz')).status === 200);
});
afterAll(() => platform?.destroy());

interface Spares {
  readonly kind: string;
  readonly check: string;
  readonly total: number;
  readonly used: number;
  readonly free: number;
}
interface Status {
  readonly converged: boolean;
  readonly haproxy: { readonly workerPid: number };
  readonly spares: readonly Spares[];
  readonly lastReload?: { readonly reason: string; readonly because: readonly string[] };
}
const status = async () => (await platform.portolan.admin('/v1/status')).body as Status;
const httpSpares = async () => {
  const found = (await status()).spares.find(({ kind, check }) => kind === 'http' && check === 'http');
  return found === undefined ? undefined : { total: found.total, used: found.used, free: found.free };
};
const metric = async (name: string): Promise<number> => {
  const { text } = await get(platform.portolan.ports.admin, '/metrics');
  return Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length + 1),
  );
};
const journal = async (event: string) =>
  (await readFile(`${platform.portolan.stateDir}/journal.ndjson`, 'utf8'))
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { event: string; message: string; [field: string]: unknown })
    .filter((entry) => entry.event === event);
const answers = async (host: string) => (await get(platform.portolan.ports.http, '/', { host })).status;
const serves = (host: string) => until(`${host} answers`, async () => (await answers(host)) === 200);
const bring = async (name: string) => {
  await platform.marathon.post(customerApp(`/spare/${name}`, { labels: { HAPROXY_0_VHOST: `${name}.spare.example` } }));
  await serves(`${name}.spare.example`);
};

/** Says something to HAProxy behind Portolan's back. */
function byHand(commands: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let reply = '';
    const socket = connect(`${platform.portolan.stateDir}/run/haproxy.sock`, () => socket.end(`${commands}\n`));
    socket.setEncoding('utf8').on('data', (chunk: string) => (reply += chunk));
    socket.on('error', reject).on('close', () => resolve(reply));
  });
}

test('spares are counted, warned about when few are left, and named by the reload when they run out', async () => {
  expect(await httpSpares()).toEqual({ total: 3, used: 0, free: 3 });
  await bring('one');
  await bring('two');
  await until('two in use', async () => (await httpSpares())?.used === 2);
  expect(await journal('spares-counted')).toEqual([]);
  await bring('three');
  const [warning] = await until('a warning', async () => {
    const warnings = await journal('spares-counted');
    return warnings.length > 0 && warnings;
  });
  expect(warning?.message).toContain('0 of 3 spare backends for http apps');
  expect(warning?.message).toContain('--spare-http');
  expect(await metric('portolan_spares{kind="http",check="http",state="free"}')).toBe(0);
  expect(await metric('portolan_reloads_total{reason="spares-exhausted",outcome="success"}')).toBe(0);

  await bring('four');
  expect(await metric('portolan_reloads_total{reason="spares-exhausted",outcome="success"}')).toBe(1);
  const { lastReload } = await status();
  expect(lastReload?.reason).toBe('spares-exhausted');
  expect(lastReload?.because).toEqual([expect.stringMatching(/^spares-exhausted spare_four_\d+$/)]);
  const told = await until('an entry', async () =>
    (await journal('applied')).find(({ via, reason }) => via === 'reload' && reason === 'spares-exhausted'),
  );
  expect(told.reasons).toEqual(lastReload?.because);
});

test('the reload has refilled them, and given every app a backend of its own', async () => {
  expect(await httpSpares()).toEqual({ total: 3, used: 0, free: 3 });
  expect(await byHand('show servers state')).not.toContain('portolan_spare');
  await bring('five');
  await until('one in use', async () => (await httpSpares())?.used === 1);
});

test('a spare that an app has left is free again once it was seen empty', async () => {
  await platform.marathon.delete('/spare/five');
  await until('gone', async () => (await answers('five.spare.example')) === 503);
  // The comparison that finds it empty comes by itself.
  await until('free again', async () => (await httpSpares())?.free === 3, 60_000);
});

test('what somebody changes in HAProxy is found and put right while Marathon is away, without a reload', async () => {
  const before = await status();
  const host = 'one.spare.example';
  const [, backend = '', server = ''] = /\d+ (spare_one_\d+) \d+ (\S+) /.exec(await byHand('show servers state')) ?? [];
  await platform.marathon.fault('all', 'refuse');
  const drift = await metric('portolan_drift_total');
  await byHand(`set server ${backend}/${server} state maint`);
  await byHand('del map maps/hosts.map two.spare.example');
  await byHand(`add map maps/hosts.map stray.spare.example ${backend}`);
  await until('503 of both', async () => (await answers(host)) === 503 && (await answers('two.spare.example')) === 503);
  // Within the distance of two comparisons, and nobody asks.
  await until('found', async () => (await metric('portolan_drift_total')) === drift + 3, 45_000);
  await serves(host);
  await serves('two.spare.example');
  await until('the stray row is gone', async () => !(await byHand('show map maps/hosts.map')).includes('stray'));
  const [found] = await until('an entry', async () => {
    const entries = (await journal('drift')).slice(-1);
    return entries.length > 0 && entries;
  });
  expect(found?.['differences']).toEqual([
    `server-admission ${backend}/${server}`,
    expect.stringMatching(/^row-missing maps\/hosts.map two.spare.example spare_two_\d+$/),
    `row-extra maps/hosts.map stray.spare.example (is ${backend})`,
  ]);
  const after = await status();
  expect(after.haproxy.workerPid).toBe(before.haproxy.workerPid);
  await platform.marathon.clearFaults();
  expect(await metric('portolan_drift_total')).toBe(drift + 3);
});
