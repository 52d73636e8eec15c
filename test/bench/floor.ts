import { hostOf, PORTS, seededId } from './apps.ts';
import { ask, findRow } from './haproxy-socket.ts';
import { median } from './measurement.ts';
import { untilAnswered } from './requests.ts';
import type { Stage } from './stage.ts';

/** What the same would take without Portolan, in milliseconds, medians: by hand on the same HAProxy. */
export interface Floor {
  /** Add a server and a row, and the first answer; and fetch one app from the same Marathon. */
  readonly vhost: number;
  /** Add a server, and its first answer; and the fetch. */
  readonly task: number;
  /** Only the fetch. */
  readonly fetch: number;
}

const ROUNDS = 15;

/** Measures the floor. HAProxy is not as Portolan left it afterwards: the last thing to be done on a stage. */
export async function measureFloor(stage: Stage): Promise<Floor> {
  const { socket, httpPort, marathon } = stage;
  const { map, value: backend } = await findRow(socket, hostOf(seededId(0)));
  const vhosts: number[] = [];
  const tasks: number[] = [];
  const fetches: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const server = `floor${round}`;
    const address = `127.201.0.${round + 1}`;
    const add = [
      `add server ${backend}/${server} ${address}:${PORTS.answering}`,
      `set server ${backend}/${server} state ready`,
    ];
    const fetchMs = await timed(async () => {
      const answer = await fetch(`${marathon.urls[0]}/v2/apps${seededId(round % stage.apps)}?embed=apps.tasks`);
      await answer.json();
    });
    const host = `floor${round}.bench.example`;
    let since = performance.now();
    // The row comes with an own server for the one and the same backend, so that both are answered at once.
    await ask(socket, [...add, `add map ${map} ${host} ${backend}`].join(';'));
    vhosts.push((await untilAnswered(httpPort, host, ({ status }) => status === 200, since)) + fetchMs);
    await ask(socket, `set server ${backend}/${server} state maint`);
    since = performance.now();
    await ask(
      socket,
      [
        `add server ${backend}/t${server} ${address}:${PORTS.answering}`,
        `set server ${backend}/t${server} state ready`,
      ].join(';'),
    );
    tasks.push((await untilAnswered(httpPort, host, (got) => got.server === address, since)) + fetchMs);
    await ask(socket, `set server ${backend}/t${server} state maint;del map ${map} ${host}`);
    fetches.push(fetchMs);
  }
  return { vhost: median(vhosts), task: median(tasks), fetch: median(fetches) };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}
