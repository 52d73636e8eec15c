import type { HealthCheck, Port } from './app.ts';

/** For each port of an older definition, the index of the present port that it is; undefined where there is none any more. */
export type PortPairs = readonly (number | undefined)[];

/**
 * Pairs the ports of an older definition with the present ones: two of one service port are one, wherever they stand; any other
 * is the one at its place, unless that has found its own. So a port put in front of the others leads nobody who asks for it to
 * another port of an old task.
 */
export function pairPorts(older: readonly Port[], present: readonly Port[]): PortPairs {
  const [was, is] = [byServicePort(older), byServicePort(present)];
  const found = older.map(({ index, servicePort = 0 }) =>
    was.get(servicePort) === index ? is.get(servicePort) : undefined,
  );
  const taken = new Set(found);
  return older.map(({ index }) => found[index] ?? (index < present.length && !taken.has(index) ? index : undefined));
}

/** Things with a port index, by the present indexes; those of ports that are gone are left out. */
export function atPresentPorts<T extends { readonly portIndex: number }>(
  pairs: PortPairs,
  things: readonly T[],
): readonly T[] {
  const moved = things.flatMap((thing) => {
    const portIndex = pairs[thing.portIndex];
    return portIndex === undefined ? [] : [{ ...thing, portIndex }];
  });
  return moved.sort((a, b) => a.portIndex - b.portIndex);
}

/** An older definition's checks by the present indexes. One that names no port means port 0 (marathon-api 1.7). */
export function checksAtPresentPorts(pairs: PortPairs, checks: readonly HealthCheck[]): readonly HealthCheck[] {
  return checks.flatMap((check) => {
    if (check.port !== undefined) return [check];
    const portIndex = pairs[check.portIndex ?? 0];
    return portIndex === undefined ? [] : [{ ...check, portIndex }];
  });
}

/** Index by service port, of those that only one port has. */
function byServicePort(ports: readonly Port[]): ReadonlyMap<number, number> {
  const indexes = new Map<number, number>();
  const twice = new Set<number>();
  for (const { index, servicePort } of ports) {
    if (servicePort === undefined) continue;
    if (indexes.has(servicePort)) twice.add(servicePort);
    indexes.set(servicePort, index);
  }
  for (const port of twice) indexes.delete(port);
  return indexes;
}
