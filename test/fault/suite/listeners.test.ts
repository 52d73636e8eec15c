import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HAPROXY } from '../../support/haproxy-rig.ts';
import { customerApp, echo } from '../../support/platform.ts';
import { until } from '../../support/portolan-process.ts';
import { faultSuite } from './runner.ts';
import { isWell, type Scenario, type Stage, type Status } from './scenario.ts';

/** Somebody who takes a port and gives it back. */
interface Thief {
  take(port: number): Promise<void>;
  giveBack(): Promise<void>;
}

function listener(address: string): Thief {
  let server: Server | undefined;
  return {
    take: (port) =>
      new Promise((done, failed) => {
        server = createServer((socket) => socket.destroy()).once('error', failed);
        server.listen(port, address, done);
      }),
    giveBack: async () => {
      const taken = server;
      server = undefined;
      if (taken !== undefined) await new Promise((done) => taken.close(done));
    },
  };
}

/** An HAProxy that nobody looks after: left by another supervisor, or started by hand. */
function strayHaproxy(): Thief {
  let child: ChildProcess | undefined;
  let folder: string | undefined;
  return {
    async take(port) {
      folder = await mkdtemp(join(tmpdir(), 'pts-'));
      const text = `defaults\n  mode http\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\nfrontend old\n  bind *:${port}\n  http-request return status 410\n`;
      await writeFile(join(folder, 'old.cfg'), text);
      child = spawn(HAPROXY, ['-f', join(folder, 'old.cfg')], { stdio: 'ignore' });
      await until('the stray HAProxy listens', async () => !('error' in (await greeting(port))));
    },
    async giveBack() {
      const stray = child;
      child = undefined;
      if (stray !== undefined && stray.exitCode === null) {
        const ended = new Promise((done) => stray.once('exit', done));
        stray.kill('SIGKILL');
        await ended;
      }
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whether somebody accepts connections. */
const greeting = (port: number): Promise<{ readonly error?: string }> =>
  new Promise((done) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (result: { readonly error?: string }): void => {
      socket.destroy();
      done(result);
    };
    socket.once('connect', () => end({}));
    socket.once('error', (error) => end({ error: error.message }));
  });

/** An app that echoes lines on a service port. */
const echoApp = (id: string, port: number) =>
  customerApp(id, {
    mode: 'tcp',
    labels: { HAPROXY_0_MODE: 'tcp', HAPROXY_0_PORT: String(port) },
    env: { TASK_KIND: 'tcp' },
  });
const echoes = async (port: number): Promise<boolean> => 'echoed' in (await echo(port, 'ping'));
/** Portolan names who has the port. */
const names =
  (port: number, who: string) =>
  ({ degraded, heldListeners = [] }: Status) =>
    degraded.includes('listener-held') && heldListeners.some(({ bind, why }) => bind.port === port && why.includes(who))
      ? `listener-held by ${who}`
      : undefined;

/** Deletes an app of a scenario's own; nobody has its port when this resolves. */
async function gone({ marathon }: Stage, id: string, port: number): Promise<undefined> {
  await marathon.delete(id);
  await marathon.settled();
  await until('the port is free', async () => (await greeting(port)).error !== undefined, 30_000);
  return undefined;
}

/** An app asks for a port that somebody has; once it is given back, the app is served without anybody's doing. */
function taken(name: string, rows: Scenario['rows'], thief: Thief, port: number, who: string): Scenario {
  const id = `/extra/port-${port}`;
  return {
    name,
    rows,
    seconds: { full: 30, short: 4 },
    async inject({ marathon }) {
      await thief.take(port);
      await marathon.post(echoApp(id, port));
    },
    heal: () => thief.giveBack(),
    shows: names(port, who),
    recovered: async (stage) => isWell(await stage.status()) && echoes(port),
    after: (stage) => gone(stage, id, port),
    patience: 75,
  };
}

/** A service moves to a port that it cannot have: it stays where it was. */
function moves(from: number, to: number): Scenario {
  const id = '/extra/moves';
  const thief = listener('127.0.0.1');
  let missed: string[] = [];
  const served = async (began: number): Promise<void> => {
    const answer = await echo(from, 'ping');
    if ('error' in answer) missed.push(`${answer.error} after ${Math.round(performance.now() - began)} ms`);
  };
  return {
    name: 'a service moves to a port that another process has',
    rows: ['6'],
    seconds: { full: 30, short: 4 },
    async prepare(stage) {
      missed = [];
      await stage.marathon.post(echoApp(id, from));
      await until('it echoes', () => echoes(from), 30_000);
      await stage.marathon.settled(id);
      await thief.take(to);
    },
    async inject({ marathon }) {
      await marathon.put(id, echoApp(id, to));
    },
    async during() {
      const began = performance.now();
      for (let n = 0; n < 20; n += 1) await served(began);
    },
    heal: () => thief.giveBack(),
    shows: names(to, '(pid '),
    recovered: async (stage) => isWell(await stage.status()) && echoes(to),
    async after(stage) {
      await gone(stage, id, to);
      return missed.length === 0 ? undefined : `the port that it had did not answer: ${missed.join(', ')}`;
    },
    patience: 75,
  };
}

/** The kernel gave the port to somebody's outgoing connection. */
function outgoing(): Scenario {
  const id = '/extra/outgoing';
  let server: Server | undefined;
  let socket: Socket | undefined;
  let port = 0;
  return {
    name: 'a port that an outgoing connection has',
    rows: ['6'],
    seconds: { full: 20, short: 3 },
    async inject({ marathon }) {
      server = createServer(() => undefined);
      await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
      const address = server.address();
      socket = connect({ host: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
      await new Promise((done) => socket?.once('connect', done));
      port = socket.localPort ?? 0;
      await marathon.post(echoApp(id, port));
    },
    // Such a port could be lost again at any time, so it stays held until the app asks for another one.
    async heal({ marathon }) {
      socket?.destroy();
      server?.close();
      await marathon.delete(id);
      await marathon.settled(id);
    },
    shows: (status) => names(port, 'outgoing connection')(status),
  };
}

/** An address that this machine does not have: HAProxy would stop everybody’s listeners for two seconds over it. */
function elsewhere(port: number): Scenario {
  const id = '/extra/elsewhere';
  return {
    name: 'a port on an address that this machine does not have',
    rows: ['6'],
    seconds: { full: 20, short: 2 },
    async inject({ marathon }) {
      const { labels, ...app } = echoApp(id, port);
      await marathon.post({ ...app, labels: { ...(labels as object), HAPROXY_0_BIND_ADDR: '192.0.2.77' } });
    },
    // The machine does not get it, so somebody has to give up.
    async heal({ marathon }) {
      await marathon.delete(id);
      await marathon.settled(id);
    },
    shows: names(port, 'not an address of this machine'),
  };
}

/** Wells of ports are the stage's `freePorts`, which begin 80 after the first. */
const FIRST = 25_900;
const free = (n: number): number => FIRST + 80 + n;

faultSuite('Somebody else has a port', FIRST, {}, [
  taken('a port that another process has', ['6', '5', 'I4'], listener('127.0.0.1'), free(0), '(pid '),
  {
    ...taken('a port that another process has on every address', ['6'], listener('0.0.0.0'), free(1), '(pid '),
    onlyFull: true,
  },
  taken('a port on which a stray HAProxy serves', ['9', 'I8'], strayHaproxy(), free(2), 'haproxy (pid '),
  { ...moves(free(3), free(4)), onlyFull: true },
  outgoing(),
  elsewhere(free(5)),
]);
