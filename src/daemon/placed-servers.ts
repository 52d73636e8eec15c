import type { Haproxy } from '../core/ports.ts';
import type { BackendName } from '../core/routing.ts';

/**
 * HAProxy's servers under the names of the backends that they serve: an app that came without a reload sits on a spare, which has
 * a name of its own until the next one.
 */
export function placedServers(
  haproxy: Pick<Haproxy, 'servers'>,
  places: () => ReadonlyMap<BackendName, BackendName>,
): Haproxy['servers'] {
  return async (backend) => {
    const at = places();
    const found = await haproxy.servers(
      backend === undefined ? undefined : (at.get(backend as BackendName) ?? backend),
    );
    if (!found.ok || at.size === 0) return found;
    const owners = new Map<string, string>([...at].map(([name, spare]) => [spare, name]));
    return {
      ok: true,
      value: found.value.map((server) => ({ ...server, backend: owners.get(server.backend) ?? server.backend })),
    };
  };
}
