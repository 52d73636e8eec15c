import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Settings } from '../core/settings.ts';
import { SITE, sampleApps } from './demo-apps.ts';
import { choosePorts, DEMO_PORTS, type DemoPorts } from './demo-ports.ts';
import { guideText, movedText } from './demo-text.ts';
import { createMarathon } from './marathon.ts';
import type { StandInMarathon } from './stand-in.ts';

/** What the demo decides of Portolan's settings; everything else stays at its default. */
export type DemoSettings = Pick<
  Settings,
  'marathon' | 'group' | 'httpBind' | 'httpsBind' | 'appidBind' | 'statsBind' | 'adminBind' | 'stateDir' | 'onStop'
>;

/** A running Portolan with its HAProxy, as the demo sees it. */
interface DemoPortolan {
  /** Resolves when neither Portolan nor HAProxy runs any more. */
  stop(): Promise<void>;
  /** Calls back with one line per change of the routing. */
  onChange(tell: (line: string) => void): void;
  /** Settles when Portolan ends by itself; the demo then ends too, with 1, instead of waiting for answers. */
  readonly ended?: Promise<unknown>;
}

/** What the demo is given. */
export interface DemoOptions {
  readonly stdout: { write(text: string): unknown };
  /** Ends the demo. */
  readonly signal: AbortSignal;
  startPortolan(settings: DemoSettings): Promise<DemoPortolan>;
  /** Ports that differ from `DEMO_PORTS`; taken ones move to the next free one. */
  readonly ports?: Partial<DemoPorts>;
  /** Milliseconds until the sample routes must answer. Default 60 s. */
  readonly patienceMs?: number;
}

/** How often the sample routes are asked until they answer. */
const ASK_AGAIN_MS = 100;

/**
 * The demo: a stand-in Marathon with sample apps and real tasks, and Portolan with HAProxy in front, until the signal.
 * Answers the exit code: 0, or 1 when something did not start. Nothing runs on afterwards.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  const say = (text: string): void => {
    options.stdout.write(text);
  };
  const stateDir = await mkdtemp(join(tmpdir(), 'portolan-demo-'));
  let marathon: StandInMarathon | undefined;
  let portolan: DemoPortolan | undefined;
  try {
    const { ports, moved } = await choosePorts({ ...DEMO_PORTS, ...options.ports });
    say(movedText(moved));
    say('Starting a stand-in Marathon with three sample apps …\n');
    marathon = await startCluster(ports);
    say('Starting Portolan and HAProxy …\n');
    portolan = await options.startPortolan(settingsOf(ports, marathon, stateDir));
    portolan.onChange((line) => say(`${line.trimEnd()}\n`));
    const died = new AbortController();
    const fell = (): void => died.abort();
    portolan.ended?.then(fell, fell);
    const over = AbortSignal.any([options.signal, died.signal]);
    const answer = await firstAnswers(ports, over, options.patienceMs ?? 60_000);
    if (answer !== undefined) say(`\n$ curl http://${SITE}:${ports.http}/\n${answer}`);
    else if (!over.aborted) {
      say('The sample routes do not answer; errors above, if any, say why.\n');
      return 1;
    }
    if (!over.aborted) {
      say(guideText(ports, marathon.urls[0] ?? '', marathon.controlUrl));
      say('Changes appear below, one line each. Ctrl-C ends the demo.\n');
      await aborted(over);
    }
    if (options.signal.aborted) return 0;
    say('Portolan has ended by itself.\n');
    return 1;
  } catch (error) {
    say(`The demo could not start: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    say('\nStopping; open connections may finish, for 30 s at most. Ctrl-C again cuts them.\n');
    await portolan?.stop();
    await marathon?.stop();
    await rm(stateDir, { recursive: true, force: true });
    say('Everything is stopped.\n');
  }
}

async function startCluster(ports: DemoPorts): Promise<StandInMarathon> {
  const last = Math.max(ports.site, ports.api, ports.echo);
  const marathon = await createMarathon({
    ports: [ports.marathon],
    controlPort: ports.control,
    servicePorts: { from: last + 1, to: last + 800 },
    // Slow enough to be seen, fast enough to be pleasant.
    delays: { offer: 100, staging: 200, starting: 200 },
  });
  for (const app of sampleApps(ports)) {
    const written = await marathon.post(app);
    if (!written.ok) throw new Error(`the stand-in refused ${String(app['id'])}: ${JSON.stringify(written)}`);
  }
  return marathon;
}

function settingsOf(ports: DemoPorts, marathon: StandInMarathon, stateDir: string): DemoSettings {
  const on = (port: number) => ({ address: '127.0.0.1', port });
  return {
    marathon: marathon.urls,
    group: ['external'],
    httpBind: [on(ports.http)],
    httpsBind: [on(ports.https)],
    appidBind: [on(ports.appid)],
    statsBind: [on(ports.stats)],
    adminBind: on(ports.admin),
    stateDir,
    onStop: 'drain',
  };
}

/** Waits until the site and the API answer; the site's answer, or undefined when the signal or the time came first. */
async function firstAnswers(ports: DemoPorts, signal: AbortSignal, patienceMs: number): Promise<string | undefined> {
  const until = Date.now() + patienceMs;
  while (!signal.aborted && Date.now() < until) {
    const [site, api] = await Promise.all([ask(ports.http, '/'), ask(ports.http, '/api')]);
    if (site !== undefined && api !== undefined) return site;
    await pause(ASK_AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}

function ask(port: number, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const asking = request(
      { host: '127.0.0.1', port, path, agent: false, timeout: 5_000, headers: { Host: `${SITE}:${port}` } },
      (answer) => {
        const parts: Buffer[] = [];
        answer.on('data', (part: Buffer) => parts.push(part));
        answer.on('end', () => resolve(answer.statusCode === 200 ? Buffer.concat(parts).toString() : undefined));
        answer.on('error', () => resolve(undefined));
      },
    );
    asking.on('timeout', () => asking.destroy());
    asking.on('error', () => resolve(undefined));
    asking.end();
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
