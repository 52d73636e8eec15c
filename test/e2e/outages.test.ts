import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FaultKind, FaultParameters } from '../../src/demo/faults.ts';
import { createPlatform, customerApp, type Platform } from '../support/platform.ts';
import { get, until } from '../support/portolan-process.ts';
import { type Prober, startProber } from '../support/steady-prober.ts';

// The measure: what changed during an outage is live within one poll interval plus 2 s of the return.
const POLL_S = 6;
const RECOVERY_MS = (POLL_S + 2) * 1000;
const VHOSTS = ['a', 'b', 'c', 'd', 'e'].map((name) => `${name}.outage.example`);

let platform: Platform;
let probers: readonly Prober[] = [];
beforeAll(async () => {
  platform = await createPlatform(24_100, {
    flags: ['--poll-interval', `${POLL_S}s`],
    marathon: { servicePorts: { from: 24_120, to: 24_190 } },
  });
  for (const [n, vhost] of VHOSTS.entries()) {
    await platform.marathon.post(customerApp(`/outage/app-${n}`, { instances: 2, labels: { HAPROXY_0_VHOST: vhost } }));
  }
  for (const vhost of VHOSTS) expect((await platform.portolan.admin(`/v1/routes/${vhost}?wait=30s`)).status).toBe(200);
  await platform.marathon.settled();
});
afterAll(async () => {
  await Promise.all(probers.map((prober) => prober.stop()));
  await platform?.destroy();
});

const watch = () => {
  probers = VHOSTS.map((host) => startProber({ port: platform.portolan.ports.http, host, perSecond: 20 }));
};
/** Ends the probers: how much was asked, and everything that failed. */
const verdict = async () => {
  const seen = await Promise.all(probers.map((prober) => prober.stop()));
  probers = [];
  return {
    asked: seen.reduce((sum, one) => sum + one.ok + one.failed, 0),
    failures: seen.flatMap((one) => one.failures),
  };
};
interface Status {
  readonly ready: boolean;
  readonly degraded: readonly string[];
  readonly source: { readonly failing?: { readonly kind: string }; readonly mode: string };
  readonly stream: { readonly attached: boolean };
  readonly haproxy: {
    readonly masterPid: number;
    readonly workerPid: number;
    readonly generation: number;
    readonly reloads: number;
  };
}
const status = async () => (await platform.portolan.admin('/v1/status')).body as Status;
/** HAProxy as it is once two whole polls have changed nothing. */
const quiet = async () => {
  let last = (await status()).haproxy;
  let since = performance.now();
  await until(
    'nothing changes',
    async () => {
      const now = (await status()).haproxy;
      if (now.generation !== last.generation) since = performance.now();
      last = now;
      return performance.now() - since > 2 * POLL_S * 1000;
    },
    60_000,
  );
  return last;
};
const metric = async (name: string) =>
  Number(
    new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec((await platform.portolan.admin('/metrics')).text)?.[1] ??
      Number.NaN,
  );
const answers = async (host: string) => (await get(platform.portolan.ports.http, '/', { host })).status;

interface Outage {
  readonly name: string;
  readonly fault: FaultKind;
  readonly parameters?: FaultParameters;
  /** What /v1/status must say while it lasts. */
  readonly shows: (status: Status) => boolean;
  /** The change is seen although the fault lasts. */
  readonly seesThrough?: true;
}
const failing =
  (...kinds: readonly string[]) =>
  (seen: Status) =>
    seen.source.failing !== undefined &&
    kinds.includes(seen.source.failing.kind) &&
    seen.degraded.includes('source-unreachable');

const OUTAGES: readonly Outage[] = [
  { name: 'stopped: connections refused', fault: 'refuse', shows: failing('unreachable') },
  { name: 'answering 503 with an empty body', fault: 'unavailable', shows: failing('http-status') },
  {
    name: 'answering 503 with a web page',
    fault: 'unavailable',
    parameters: { body: 'html' },
    shows: failing('http-status'),
  },
  { name: 'answering a blank 200', fault: 'blank-200', shows: failing('not-json', 'truncated') },
  { name: 'answering JSON that is cut short', fault: 'cut-length', shows: failing('truncated', 'not-json') },
  { name: 'answering chunks without an end', fault: 'cut-chunked', shows: failing('truncated', 'not-json') },
  { name: 'hanging', fault: 'hang-headers', shows: failing('timeout') },
  {
    name: 'with a silent stream',
    fault: 'silent-stream',
    shows: (seen) => seen.source.failing === undefined,
    seesThrough: true,
  },
];

describe.each(OUTAGES)('Marathon $name', ({ name, fault, parameters, shows, seesThrough }) => {
  test('fails no request, is visible, and heals by itself', async () => {
    const { marathon } = platform;
    const vhost = `new-${OUTAGES.findIndex((one) => one.name === name)}.outage.example`;
    watch();
    await marathon.fault('all', fault, parameters ?? {});
    await marathon.post(customerApp(`/outage/new-${vhost.split('.')[0]}`, { labels: { HAPROXY_0_VHOST: vhost } }));
    await until('visible in /v1/status', async () => shows(await status()), 30_000);
    expect((await status()).ready).toBe(true);
    if (seesThrough === undefined) {
      expect(await metric('portolan_marathon_up')).toBe(0);
      const age = await metric('portolan_snapshot_age_seconds');
      await until('the snapshot’s age grows', async () => (await metric('portolan_snapshot_age_seconds')) > age);
      expect(await answers(vhost)).toBe(503);
    }
    await marathon.settled();
    const back = performance.now();
    if (seesThrough === undefined) await marathon.clearFaults();
    await until('the change made meanwhile is live', async () => (await answers(vhost)) === 200, 40_000);
    const tookMs = performance.now() - back;
    await marathon.clearFaults();
    await until('no failure is shown any more', async () => (await status()).source.failing === undefined);
    const { asked, failures } = await verdict();
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(50);
    expect(tookMs).toBeLessThan(RECOVERY_MS);
  });
});

describe('with Marathon gone for good', () => {
  test('Portolan killed and started again fails no request and reloads nothing', async () => {
    const { marathon, portolan } = platform;
    await until('the stream is attached again', async () => (await status()).stream.attached, 40_000);
    const before = await quiet();
    watch();
    await marathon.fault('all', 'refuse');
    await portolan.crash();
    for (const prober of probers) await prober.rounds(20);
    await portolan.start();
    await until('adopted', async () => (await portolan.admin('/readyz')).status === 200);
    await until('Marathon is tried', async () => (await status()).source.failing !== undefined);
    for (const prober of probers) await prober.rounds(20);
    const { asked, failures } = await verdict();
    expect(failures).toEqual([]);
    expect(asked).toBeGreaterThan(200);
    const { masterPid, workerPid, generation, reloads } = (await status()).haproxy;
    expect({ masterPid, workerPid, generation, reloads }).toEqual({
      masterPid: before.masterPid,
      workerPid: before.workerPid,
      generation: before.generation,
      reloads: before.reloads,
    });
    // It still knows what it serves.
    expect((await portolan.admin(`/v1/routes/${VHOSTS[0]}`)).status).toBe(200);
  });

  test.each([
    { victim: 'worker', withinMs: 2_000 },
    { victim: 'master', withinMs: 5_000 },
  ] as const)(
    'HAProxy’s $victim killed is back within $withinMs ms from the last good generation',
    async ({ victim, withinMs }) => {
      const { haproxy } = await status();
      process.kill(victim === 'worker' ? haproxy.workerPid : haproxy.masterPid, 'SIGKILL');
      const killed = performance.now();
      // A new worker must be there: a connection that the old one still accepted proves nothing.
      await until('all hosts answer again', async () => {
        const seen = await Promise.all(VHOSTS.map(answers));
        return seen.every((one) => one === 200) && performance.now() - killed > 50;
      });
      const tookMs = performance.now() - killed;
      await until('another worker is in charge', async () => {
        const now = (await status()).haproxy;
        return now !== undefined && now.workerPid !== haproxy.workerPid && now.generation === haproxy.generation;
      });
      expect((await Promise.all(VHOSTS.map(answers))).every((one) => one === 200)).toBe(true);
      expect(tookMs).toBeLessThan(withinMs);
    },
  );

  test('once Marathon is back, nothing is reloaded for nothing', async () => {
    const { marathon } = platform;
    const { reloads, generation } = (await status()).haproxy;
    await marathon.clearFaults();
    await until('read again', async () => (await status()).source.failing === undefined, RECOVERY_MS + 15_000);
    await until('the stream is attached', async () => (await status()).stream.attached, 30_000);
    expect((await status()).haproxy).toMatchObject({ reloads, generation });
  });
});
