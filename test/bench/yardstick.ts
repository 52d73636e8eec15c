import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostOf, PORTS, seededId } from './apps.ts';
import { type HaproxyAlone, startAlone } from './haproxy-alone.ts';
import { ask, findRow } from './haproxy-socket.ts';
import type { Target } from './load.ts';
import { pause } from './processes.ts';
import { fetchOnce } from './requests.ts';
import type { Stage } from './stage.ts';

/** The stage's own backends, servers and options, each backend reached by a bind of its own: finding it costs nothing. */
export interface Yardstick {
  readonly pid: number;
  /** Where the n-th vhost is reached. */
  target(n: number): Target;
  stop(): Promise<void>;
}

/** Lines of `global` that belong to the HAProxy under test alone. Its log is none of them: each request has a line in both. */
const NOT_SHARED = /^\s*(stats |server-state|setenv |mworker|master|daemon|pidfile|maxconn|expose)/;

/** Starts it from the configuration that is in force. */
export async function startYardstick(stage: Stage): Promise<Yardstick> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-y-'));
  await cp(join(stage.portolan.stateDir, 'current'), folder, { recursive: true, dereference: true });
  const sections = (await readFile(join(folder, 'haproxy.cfg'), 'utf8')).split(/^(?=[a-z])/m);
  const front = sections.find((section) => section.startsWith('frontend marathon_http_in')) ?? '';
  const [head = ''] = front.split('\n');
  const options = front.split('\n').filter((line) => /^\s+(mode|option|timeout|log|no) /.test(line));
  const limits = await reuseLimits(stage);
  const kept = sections
    .filter((section) => !/^(frontend|listen) /.test(section))
    .map((section) => (section.startsWith('global') ? asOwn(section, limits) : section));
  const backends = await backendsOf(stage);
  const frontends = backends.map((backend, n) =>
    [
      head.replace('marathon_http_in', `yardstick_${n}`),
      ...options,
      `  bind ${addressOf(n)}:${PORTS.yardstick}`,
      `  use_backend ${backend}`,
      '',
    ].join('\n'),
  );
  const file = join(folder, 'yardstick.cfg');
  await writeFile(file, [...kept, ...frontends].join('\n'));
  const haproxy: HaproxyAlone = await startAlone(file, folder, 'own');
  const target = (n: number): Target => ({ address: addressOf(n), port: PORTS.yardstick, host: hostOf(seededId(n)) });
  for (let tries = 0; (await fetchOnce(PORTS.yardstick, 'x', addressOf(0))).status !== 200; tries += 1) {
    if (tries > 1_000) throw new Error('the yardstick does not answer');
    await pause(20);
  }
  return {
    pid: haproxy.pid,
    target,
    async stop() {
      await haproxy.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const addressOf = (n: number): string => `127.3.${Math.floor(n / 250)}.${1 + (n % 250)}`;

/**
 * HAProxy keeps connections to servers for reuse as long as no more than 25 % of the files it may open are in use, and closes one
 * for each new one from 20 % on. The yardstick's binds are files too, and come on top.
 */
async function reuseLimits(stage: Stage): Promise<readonly string[]> {
  const most = Number(/^Maxsock: (\d+)/m.exec(await ask(stage.socket, 'show info'))?.[1]);
  const binds = Math.ceil((stage.apps / most) * 100);
  const ratio = (least: number): number => Math.min(100, least + binds);
  return [`  tune.pool-high-fd-ratio ${ratio(25)}`, `  tune.pool-low-fd-ratio ${ratio(20)}`];
}

const asOwn = (section: string, limits: readonly string[]): string =>
  section
    .split('\n')
    .flatMap((line) => (NOT_SHARED.test(line) ? [] : line === 'global' ? [line, ...limits] : [line]))
    .join('\n');

/** The backends of the vhosts in order. */
async function backendsOf(stage: Stage): Promise<readonly string[]> {
  const { map } = await findRow(stage.socket, hostOf(seededId(0)));
  const rows = new Map(
    (await ask(stage.socket, `show map ${map}`)).split('\n').map((line) => {
      const [, key = '', value = ''] = line.split(' ');
      return [key, value] as const;
    }),
  );
  return Array.from({ length: stage.apps }, (_, n) => {
    const backend = rows.get(hostOf(seededId(n)));
    if (backend === undefined) throw new Error(`${seededId(n)} has no backend`);
    return backend;
  });
}
