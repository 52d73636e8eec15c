import type { IncomingMessage, ServerResponse } from 'node:http';
import { FAULTS, type FaultParameters, isFaultKind } from './faults.ts';
import { choosePort, createListener } from './listener.ts';
import type { Random } from './random.ts';
import { containerError, json, type Reply, send } from './reply.ts';
import type { StandInMarathon } from './stand-in.ts';

/** The switches of a stand-in over HTTP, on a port of its own so that faults do not reach it. */
export interface Control {
  readonly url: string;
  close(): Promise<void>;
}

/** Used only where no port is asked for; outside Linux' range of outgoing ports. */
const BAND = { from: 29000, to: 29999 };

const HELP = `Switches of the stand-in Marathon. Masters are 0, 1, 2 or all.
  GET    /faults                            what can go wrong
  PUT    /faults/{master}/{fault}?param=..  switch a fault on
  DELETE /faults[/{master}[/{fault}]]       switch faults off
  POST   /leader-change                     elect another leader
  POST   /tasks/{task or app id}/crash      the process dies
  PUT    /health/{task or app id}?healthy=true|false
  POST   /agents/{host}/lose?how=dead|partitioned
  POST   /agents/{host}/return
`;

/** Opens the switches; `port` 0 takes a free one. */
export async function openControl(
  marathon: StandInMarathon,
  address: string,
  port: number,
  random: Random,
): Promise<Control> {
  const chosen = port > 0 ? port : await choosePort(address, BAND, random);
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume();
    const url = new URL(request.url ?? '/', 'http://control');
    const reply = await answer(marathon, `${request.method} ${decodeURIComponent(url.pathname)}`, url.searchParams);
    await send(request, response, reply, { gzip: false, parameters: {} });
  };
  const listener = createListener(address, chosen, undefined, (request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await listener.open();
  return { url: `http://${address}:${chosen}`, close: listener.close };
}

async function answer(marathon: StandInMarathon, line: string, query: URLSearchParams): Promise<Reply> {
  const done = json({ ok: true });
  if (line === 'GET /faults') return json(FAULTS);
  const fault = /^PUT \/faults\/(all|\d+)\/([a-z0-9-]+)$/.exec(line);
  if (fault !== null) {
    const kind = fault[2] ?? '';
    if (!isFaultKind(kind)) return json({ message: `no fault is called ${kind}`, known: Object.keys(FAULTS) }, 404);
    await marathon.fault(masterOf(fault[1]), kind, parametersOf(query));
    return done;
  }
  const cleared = /^DELETE \/faults(?:\/(all|\d+)(?:\/([a-z0-9-]+))?)?$/.exec(line);
  if (cleared !== null) {
    const kind = cleared[2];
    await marathon.clearFaults(masterOf(cleared[1]), kind !== undefined && isFaultKind(kind) ? kind : undefined);
    return done;
  }
  if (line === 'POST /leader-change') {
    await marathon.leaderChange();
    return done;
  }
  const crash = /^POST \/tasks\/(.+)\/crash$/.exec(line)?.[1];
  if (crash !== undefined) {
    marathon.crashTask(crash);
    return done;
  }
  const health = /^PUT \/health\/(.+)$/.exec(line)?.[1];
  if (health !== undefined) {
    marathon.setHealth(health, query.get('healthy') !== 'false');
    return done;
  }
  const agent = /^POST \/agents\/([^/]+)\/(lose|return)$/.exec(line);
  if (agent?.[2] === 'lose') {
    marathon.loseAgent(agent[1] ?? '', query.get('how') === 'partitioned' ? 'partitioned' : 'dead');
    return done;
  }
  if (agent?.[2] === 'return') {
    marathon.returnAgent(agent[1] ?? '');
    return done;
  }
  if (line === 'GET /') return { status: 200, headers: { 'Content-Type': 'text/plain' }, body: HELP };
  return containerError(404, 'Not Found', true);
}

function masterOf(text: string | undefined): number | 'all' {
  return text === undefined || text === 'all' ? 'all' : Number(text);
}

function parametersOf(query: URLSearchParams): FaultParameters {
  const number = (name: 'status' | 'ms' | 'share' | 'perSecond') =>
    query.has(name) ? { [name]: Number(query.get(name)) } : {};
  const text = (name: 'location' | 'path') => (query.has(name) ? { [name]: query.get(name) ?? '' } : {});
  return {
    ...number('status'),
    ...number('ms'),
    ...number('share'),
    ...number('perSecond'),
    ...text('location'),
    ...text('path'),
    ...asOf(query.get('as')),
    ...(query.get('body') === 'html' ? { body: 'html' as const } : {}),
  };
}

function asOf(text: string | null): Pick<FaultParameters, 'as'> {
  return text === 'null' || text === 'empty' || text === 'of-null' || text === 'absent' ? { as: text } : {};
}
