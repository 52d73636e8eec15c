import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { customerApp } from '../../support/platform.ts';
import { createPortolan, get, type PortolanProcess, until } from '../../support/portolan-process.ts';
import { faultSuite } from './runner.ts';
import type { Scenario, Stage, Status } from './scenario.ts';

const FIRST = 26_600;
const VHOST = 'contested.fault.example';
const PORT = FIRST + 110;
/** Asked for the name first, gave it up, and asks for it again: by its versions the older one. */
const LOSER = '/extra/first';
/** Got the name meanwhile. */
const OWNER = '/extra/second';
const claiming = (id: string, more: Readonly<Record<string, string>>) =>
  customerApp(id, { instances: 1, labels: { HAPROXY_0_VHOST: VHOST, ...more } });
/** The same service port for both. */
const ON_PORT = { HAPROXY_0_PORT: `${PORT}` };
/** Served by two edges on one machine: no service port, which only one of them could listen on. */
const ON_EDGES = { HAPROXY_GROUP: 'external,edges', HAPROXY_0_BIND_ADDR: 'nowhere' };

/** Which app answers on an edge: the first part of the task's id. */
async function answersAt(port: number): Promise<string> {
  const { status, headers } = await get(port, '/', { host: VHOST });
  const task = headers['x-task-id'];
  return status === 200 && typeof task === 'string'
    ? `/${task.split('.')[0]?.replaceAll('_', '/')}`
    : `status ${status}`;
}

/** Two apps want the same, and the younger one has it. */
const contest =
  (more: Readonly<Record<string, string>>) =>
  async ({ marathon, portolan }: Stage): Promise<void> => {
    await marathon.post(claiming(LOSER, more));
    await until('the first has the name', async () => (await answersAt(portolan.ports.http)) === LOSER, 30_000);
    await marathon.post(claiming(OWNER, more));
    await marathon.settled();
    await until('the second has lost', async () => (await problemOf(portolan, OWNER)) !== undefined);
    // An address that it had could not be taken away by one that nobody understands.
    const { HAPROXY_0_BIND_ADDR = '127.0.0.1' } = more;
    await marathon.put(LOSER, { labels: { HAPROXY_GROUP: 'external', HAPROXY_0_BIND_ADDR } });
    await until('the second is promoted', async () => (await answersAt(portolan.ports.http)) === OWNER, 30_000);
    await marathon.settled();
    await marathon.put(LOSER, { labels: claiming(LOSER, more)['labels'] as never });
    await marathon.settled();
    await until('the first has lost', async () => (await problemOf(portolan, LOSER)) !== undefined);
  };

/** What an app is told of the name that it does not get. */
async function problemOf(portolan: PortolanProcess, app: string): Promise<string | undefined> {
  const { problems = [] } = (await portolan.admin('/v1/problems')).body as {
    problems?: readonly { code: string; message: string }[];
  };
  return problems.find(({ code, message }) => code === 'HostnameConflict' && message.includes(` of ${app}:`))?.message;
}

/** The owner leaves: the loser is there by itself. */
async function ownerLeaves({ marathon, portolan }: Stage): Promise<void> {
  if (!(await marathon.tasks(OWNER)).length) return;
  await marathon.delete(OWNER);
  await until('the loser is promoted', async () => (await answersAt(portolan.ports.http)) === LOSER, 30_000);
}

async function tidy({ marathon }: Stage): Promise<void> {
  for (const id of [LOSER, OWNER]) if (marathon.tasks(id).length > 0) await marathon.delete(id);
  await marathon.settled();
}

/** Asks for the port and the name again and again: never may anybody else answer. */
async function neverAnother(ports: readonly number[], owner: string, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    for (const port of ports) {
      const answered = await answersAt(port);
      if (answered !== owner) throw new Error(`:${port} was answered by ${answered}, not by ${owner}`);
    }
  }
}

/** Portolan is killed, what it remembers is spoilt, and it starts again; HAProxy serves throughout. */
const forgets = (name: string, spoil: (file: string) => Promise<void>): Scenario => ({
  name,
  rows: ['7', '32', 'I5'],
  seconds: { full: 20, short: 3 },
  // It restarts by itself, and the runner, who does not know when, may see it starting; that it gets ready and stays so is seen below.
  restart: false,
  readyDips: true,
  prepare: contest(ON_PORT),
  async inject(stage) {
    const { portolan } = stage;
    await until('what it learned is on disk', async () =>
      (await readFile(join(portolan.stateDir, 'memory.json'), 'utf8')).includes(OWNER),
    );
    await portolan.crash();
    await spoil(join(portolan.stateDir, 'memory.json'));
    await portolan.start();
    await until('ready again', async () => (await portolan.admin('/readyz')).status === 200, 30_000);
    stage.says('the running owner kept it');
  },
  async during({ portolan, full }) {
    for (let looks = 0; looks < 10; looks += 1) {
      await neverAnother([portolan.ports.http, PORT], OWNER, full ? 50 : 15);
      const { status, text } = await portolan.admin('/readyz');
      if (status !== 200) throw new Error(`not ready any more: ${text}`);
    }
  },
  async heal(stage) {
    await ownerLeaves(stage);
    await tidy(stage);
  },
});

/** Another edge of the same cluster, without any memory. */
const edge = (marathon: Stage['marathon'], flags: readonly string[]): Promise<PortolanProcess> =>
  createPortolan(FIRST + 200, [...marathon.urls.flatMap((url) => ['--marathon', url]), '--group', 'edges', ...flags]);

let second: PortolanProcess | undefined;
const statusOf = async (portolan: PortolanProcess): Promise<Status | undefined> => {
  const { status, body } = await portolan.admin('/v1/status');
  return status === 200 ? (body as Status) : undefined;
};
async function leave(): Promise<void> {
  await second?.destroy();
  second = undefined;
}

const joins: Scenario = {
  name: 'an edge that knows nothing joins, and names are contested',
  rows: ['7', '32', 'I5'],
  seconds: { full: 20, short: 3 },
  prepare: contest(ON_EDGES),
  async inject(stage) {
    const { marathon, portolan } = stage;
    second = await edge(marathon, ['--peer', `http://127.0.0.1:${portolan.ports.admin}`]);
    await second.start();
    const { ports } = second;
    await until('the new edge serves', async () => (await answersAt(ports.http)) !== 'status 0', 30_000);
    await until('both edges serve the same app', async () => (await answersAt(ports.http)) === OWNER, 30_000);
    stage.says('both serve the same');
  },
  async heal(stage) {
    await ownerLeaves(stage);
    const { ports } = second ?? stage.portolan;
    await until('promoted on both', async () => (await answersAt(ports.http)) === LOSER, 30_000);
    await leave();
    await tidy(stage);
  },
};

const disagrees: Scenario = {
  name: 'an edge that could not ask the others serves somebody else',
  onlyFull: true,
  rows: ['19', '32', 'I5'],
  seconds: { full: 20, short: 3 },
  prepare: contest(ON_EDGES),
  async inject(stage) {
    const { marathon, portolan } = stage;
    const alone = await edge(marathon, []);
    second = alone;
    await alone.start();
    await until('the versions decide', async () => (await answersAt(alone.ports.http)) === LOSER, 30_000);
    await alone.stop();
    const { stateDir } = alone;
    const again = await edge(marathon, ['--peer', `http://127.0.0.1:${portolan.ports.admin}`, '--state-dir', stateDir]);
    second = { ...again, destroy: () => Promise.all([again.destroy(), alone.destroy()]).then(() => undefined) };
    await again.start();
    await until(
      'the disagreement is alarmed',
      async () => (await statusOf(again))?.degraded.includes('peers-disagree') === true,
      30_000,
    );
    if ((await answersAt(again.ports.http)) !== LOSER) throw new Error('an alarm changed what is served');
    stage.says('peers-disagree on the other edge');
  },
  during: ({ portolan }) => neverAnother([portolan.ports.http], OWNER, 50),
  async heal(stage) {
    const { marathon, portolan } = stage;
    await marathon.delete(OWNER);
    await until('the edges agree', async () => (await answersAt(portolan.ports.http)) === LOSER, 30_000);
    const other = second;
    if (other !== undefined)
      await until(
        'the alarm is over',
        async () => (await statusOf(other))?.degraded.includes('peers-disagree') === false,
        30_000,
      );
    await leave();
    await tidy(stage);
  },
};

const GREEDY = '/extra/greedy';

/** An app asks for the ports that Portolan and HAProxy serve everybody on, one after the other. */
const greedy: Scenario = {
  name: 'an app asks for the ports of Portolan and HAProxy themselves',
  rows: ['7', 'I5'],
  seconds: { full: 20, short: 2 },
  prepare: async ({ marathon }) => {
    await marathon.post(customerApp(GREEDY, { labels: { HAPROXY_0_VHOST: 'greedy.fault.example' } }));
    await marathon.settled(GREEDY);
  },
  inject: async () => undefined,
  during: async ({ marathon, portolan, says }) => {
    for (const [whose, port] of Object.entries(portolan.ports)) {
      const labels = { HAPROXY_GROUP: 'external', HAPROXY_0_BIND_ADDR: '*', HAPROXY_0_PORT: `${port}` };
      await marathon.put(GREEDY, { labels }, true);
      await until(
        `it is told that it cannot have the port ${whose}`,
        async () => {
          const { text } = await portolan.admin('/v1/problems');
          return (text.match(/PortConflict[^}]*greedy[^}]*/)?.[0] ?? '').includes(String(port));
        },
        30_000,
      );
      const status = await answersAt(portolan.ports.http);
      if (status === GREEDY) throw new Error(`it answers on ${whose}`);
    }
    says('PortConflict for each of them');
  },
  heal: async ({ marathon }) => {
    await marathon.delete(GREEDY);
    await marathon.settled(GREEDY);
  },
};

/** Says the loser's name where the owner's stood. */
async function changeLetter(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replaceAll(`"${OWNER}"`, `"${LOSER}"`));
  await rm(`${file}.1`, { force: true });
}

// The first one restarts by itself, so that the short form plays nothing twice.
faultSuite('Names have one owner', FIRST, {}, [
  forgets('the memory of who holds what is gone', (file) => rm(file).then(() => rm(`${file}.1`, { force: true }))),
  joins,
  greedy,
  { ...forgets('a letter of the memory has changed, and its copy is gone', changeLetter), onlyFull: true },
  disagrees,
]);
