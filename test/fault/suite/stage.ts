import type { MarathonOverrides } from '../../../src/demo/options.ts';
import { type ManyProbers, startManyProbers } from '../../support/many-probers.ts';
import { createPlatform, customerApp, type Platform } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';
import { createSmallDisk, type SmallDisk } from '../../support/small-disk.ts';
import type { Stage, Status } from './scenario.ts';

/** What a file's scenarios share. */
export interface StageOptions {
  /** Further flags of Portolan. A `--poll-interval` of 3 s is there already. */
  readonly flags?: readonly string[];
  /** Of the stand-in. Three masters and seconds of 500 ms are there already. */
  readonly marathon?: MarathonOverrides;
  /** Portolan's state is on a disk of so many MB, which can be filled. */
  readonly diskMegabytes?: number;
  /** Asked at a time per second and vhost. Default 20. */
  readonly perSecond?: number;
}

/** A stage with what only the runner uses. */
export interface RunnersStage extends Stage {
  readonly probers: ManyProbers;
  /** What `says` got since the last time. */
  said(): readonly string[];
  destroy(): Promise<void>;
}

const VHOSTS = 20;
const TASKS = 2;

/** True when durations are not scaled down. */
export const FULL: boolean = process.env['PORTOLAN_FAULTS'] === 'full';

/**
 * Starts the cluster, Portolan and the requests. Ports from `firstPort` on: 5 of Portolan's, service ports from
 * `firstPort + 20` on, `freePorts` from `firstPort + 80` on.
 */
export async function createStage(firstPort: number, options: StageOptions = {}): Promise<RunnersStage> {
  let disk: SmallDisk | undefined;
  const { diskMegabytes } = options;
  const within = async (stateDir: string): Promise<readonly string[]> => {
    disk = await createSmallDisk(stateDir, diskMegabytes ?? 0);
    return disk.command;
  };
  const platform = await createPlatform(firstPort, {
    flags: ['--poll-interval', '3s', ...(options.flags ?? [])],
    marathon: { masters: 3, ...options.marathon },
    ...(diskMegabytes === undefined ? {} : { within }),
  });
  const apps = Array.from({ length: VHOSTS }, (_none, n) => ({
    id: `/fault/app-${n}`,
    vhost: `app-${n}.fault.example`,
  }));
  try {
    for (const { id, vhost } of apps)
      await platform.marathon.post(customerApp(id, { instances: TASKS, labels: { HAPROXY_0_VHOST: vhost } }));
    const { portolan } = platform;
    for (const { vhost } of apps)
      await until(
        `${vhost} is routed`,
        async () => (await portolan.admin(`/v1/routes/${vhost}?wait=30s`)).status === 200,
        40_000,
      );
    await platform.marathon.settled();
  } catch (error) {
    await platform.destroy();
    disk?.end();
    throw error;
  }
  return stageOf(platform, firstPort, apps, options.perSecond ?? 20, disk);
}

function stageOf(
  platform: Platform,
  firstPort: number,
  apps: Stage['apps'],
  perSecond: number,
  disk: SmallDisk | undefined,
): RunnersStage {
  const { marathon, portolan } = platform;
  const hosts = apps.map(({ id, vhost }) => ({ host: vhost, app: id }));
  const probers = startManyProbers(portolan.ports.http, perSecond, hosts);
  let words: string[] = [];
  const look = async (): Promise<Status | undefined> => {
    const answer = await portolan.admin('/v1/status');
    return answer.status === 200 ? (answer.body as Status) : undefined;
  };
  const ask: Stage['request'] = (vhost, path = '/') => get(portolan.ports.http, path, { host: vhost });
  const status = (): Promise<Status> => until('/v1/status answers', look, 20_000);
  return {
    marathon,
    portolan,
    apps,
    freePorts: Array.from({ length: 20 }, (_none, n) => firstPort + 80 + n),
    full: FULL,
    ...(disk === undefined ? {} : { disk }),
    probers,
    look,
    status,
    ask: async (vhost, path) => (await ask(vhost, path)).status,
    request: ask,
    restartPortolan: async () => {
      await portolan.crash();
      await portolan.start();
      await until('ready again', async () => (await portolan.admin('/readyz')).status === 200, 30_000);
    },
    says: (text) => {
      words.push(text);
    },
    said: () => {
      const all = words;
      words = [];
      return all;
    },
    destroy: async () => {
      probers.stop();
      await platform.destroy();
      disk?.end();
    },
  };
}
