import { isFree } from './listener.ts';

/** The ports of the demo; everything is on 127.0.0.1. */
export interface DemoPorts {
  readonly http: number;
  readonly https: number;
  readonly appid: number;
  readonly stats: number;
  readonly admin: number;
  readonly marathon: number;
  readonly control: number;
  /** Service ports of the three sample apps; apps posted later get the ones above. */
  readonly site: number;
  readonly api: number;
  readonly echo: number;
}

/** Unprivileged, and outside the range that Linux gives to outgoing connections. */
export const DEMO_PORTS: DemoPorts = {
  http: 18080,
  https: 18443,
  appid: 18091,
  stats: 18090,
  admin: 18092,
  marathon: 18081,
  control: 18082,
  site: 18100,
  api: 18101,
  echo: 18102,
};

/** A port that was taken, and the one used instead. */
export interface MovedPort {
  readonly name: string;
  readonly wanted: number;
  readonly used: number;
}

/** The wanted ports where they are free, else the next free ones, each used once. Throws when there is none up to 65535. */
export async function choosePorts(
  wanted: DemoPorts,
): Promise<{ readonly ports: DemoPorts; readonly moved: readonly MovedPort[] }> {
  const used = new Set<number>();
  const moved: MovedPort[] = [];
  const choose = async (name: keyof DemoPorts): Promise<number> => {
    const kept = new Set(Object.entries(wanted).flatMap(([other, port]) => (other === name ? [] : [port])));
    for (let port = wanted[name]; port <= 65_535; port++) {
      const spoken = port !== wanted[name] && kept.has(port);
      if (spoken || used.has(port) || !(await isFree('127.0.0.1', port))) continue;
      used.add(port);
      if (port !== wanted[name]) moved.push({ name, wanted: wanted[name], used: port });
      return port;
    }
    throw new Error(`no free port for ${name} from ${wanted[name]} on`);
  };
  const ports: DemoPorts = {
    http: await choose('http'),
    https: await choose('https'),
    appid: await choose('appid'),
    stats: await choose('stats'),
    admin: await choose('admin'),
    marathon: await choose('marathon'),
    control: await choose('control'),
    site: await choose('site'),
    api: await choose('api'),
    echo: await choose('echo'),
  };
  return { ports, moved };
}
