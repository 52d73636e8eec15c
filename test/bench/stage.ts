import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Json } from '../../src/demo/json.ts';
import { createMarathon } from '../../src/demo/marathon.ts';
import type { MarathonOverrides } from '../../src/demo/options.ts';
import type { StandInMarathon } from '../../src/demo/stand-in.ts';
import { createPortolan, type PortolanProcess } from '../support/portolan-process.ts';
import { type CheckedBy, hostOf, PORTS, SERVICE_PORTS, seededId, vhostApp } from './apps.ts';
import { type HaproxyAlone, startAnswering } from './haproxy-alone.ts';
import type { BenchOptions } from './options.ts';
import { haproxiesOf, pause, untilQuiet } from './processes.ts';
import { fetchOnce } from './requests.ts';

/** A cluster of `apps` vhosts with three tasks each, and a Portolan with its HAProxy in front of it. */
export interface Stage {
  readonly options: BenchOptions;
  readonly apps: number;
  readonly marathon: StandInMarathon;
  readonly portolan: PortolanProcess;
  readonly httpPort: number;
  readonly socket: string;
  /** An app as the cluster's others are, with a service port of its own. */
  vhost(id: string, tasks: number): Json;
  pid(): number;
  /** Starts Portolan. Gives the milliseconds until the vhosts are answered. */
  start(): Promise<number>;
  /** Ends Portolan and HAProxy as a power cut would. */
  crashAll(): Promise<void>;
  destroy(): Promise<void>;
}

/** What a stage may have otherwise. */
export interface StageOptions {
  readonly marathon?: MarathonOverrides;
  readonly flags?: readonly string[];
  /** What its apps have otherwise. */
  readonly app?: Json;
  /** Name of its CPU profile. */
  readonly name: string;
}

const TASKS = 3;

/** Builds the cluster; Portolan is not started. */
export async function createStage(options: BenchOptions, apps: number, more: StageOptions): Promise<Stage> {
  const answering: HaproxyAlone = await startAnswering(PORTS.answering);
  const marathon = await createMarathon({
    tasks: 'paper',
    servicePorts: SERVICE_PORTS,
    killGraceSeconds: 1,
    // As far apart as with containers: that a task runs is news to an idle Portolan, not the end of a burst.
    delays: { staging: 300, starting: 300 },
    maxVersions: 2,
    seed: 7,
    ...more.marathon,
  });
  let port = SERVICE_PORTS.from;
  const checkedBy = await whoChecks(apps * TASKS);
  const vhost = (id: string, tasks: number) => vhostApp(id, port++, tasks, checkedBy, more.app);
  for (let n = 0; n < apps; n += 1) {
    const posted = await marathon.post(vhost(seededId(n), TASKS));
    if (!posted.ok) throw new Error(`not posted: ${JSON.stringify(posted)}`);
  }
  await marathon.settled();
  if (options.profile) await mkdir(options.results, { recursive: true });
  const profile = `--cpu-prof --cpu-prof-dir=${join(options.results, `profile-${more.name}`)}`;
  const portolan = await createPortolan(
    PORTS.portolan,
    // The clock must not ask for full reads while single changes are measured.
    [
      '--marathon',
      marathon.urls[0] ?? '',
      '--group',
      'external',
      '--poll-interval',
      '3600s',
      '--log-level',
      'warn',
      ...(more.flags ?? []),
    ],
    {
      launcher: resolve(import.meta.dirname, '../../bin/portolan'),
      ...(options.profile ? { env: { NODE_OPTIONS: profile } } : {}),
    },
  );
  const pid = () => {
    if (portolan.pid === undefined) throw new Error(`Portolan does not run:\n${portolan.output().slice(-2_000)}`);
    return portolan.pid;
  };
  return {
    options,
    apps,
    marathon,
    portolan,
    httpPort: portolan.ports.http,
    socket: join(portolan.stateDir, 'run', 'haproxy.sock'),
    vhost,
    pid,
    async start() {
      const began = performance.now();
      await portolan.start();
      for (const n of [0, apps >> 1, apps - 1]) {
        while ((await fetchOnce(portolan.ports.http, hostOf(seededId(n)))).status !== 200) {
          if (performance.now() - began > 120_000) throw new Error(`no answer:\n${portolan.output().slice(-2_000)}`);
          await pause(5);
        }
      }
      const ms = performance.now() - began;
      await untilQuiet(pid(), 500);
      return ms;
    },
    async crashAll() {
      await portolan.crash();
      for (const each of await haproxiesOf(portolan.stateDir)) process.kill(each, 'SIGKILL');
      while ((await haproxiesOf(portolan.stateDir)).length > 0) await pause(10);
    },
    async destroy() {
      // A profile is written at a proper end only.
      if (options.profile) await portolan.stop();
      await portolan.destroy();
      await marathon.stop();
      await answering.stop();
    },
  };
}

/**
 * HAProxy sets a file aside for every server it checks, and takes what is left for connections. Where the machine does not
 * allow so many, Marathon alone checks.
 */
async function whoChecks(servers: number): Promise<CheckedBy> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const most = Number(/^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (servers <= most / 2) return 'haproxy';
  console.error(`${servers} servers are not checked by HAProxy: the limit of open files is ${most}`);
  return 'marathon';
}
