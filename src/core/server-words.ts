import type { Server } from './routing.ts';
import type { Cookies } from './template-views.ts';

/**
 * Everything that HAProxy is told of a server behind its address, in the order of the template that ships, without its
 * admission. `add server` must say what the configuration's line says. Where HAProxy computes cookies none is said.
 */
export function serverWords({ id, check, cookie }: Server, cookies: Cookies = 'named'): string {
  const words = [`id ${id}`];
  if (check !== undefined) {
    words.push(`check inter ${check.interMs}ms fall ${check.fall}`);
    if (check.port !== undefined) words.push(`port ${check.port}`);
    if (check.tls) words.push('check-ssl verify none');
  }
  if (cookie !== undefined && cookies === 'named') words.push(`cookie ${cookie}`);
  return words.join(' ');
}

/**
 * Whether one server can become the other by nothing but its admission and map rows: same address and words. Ids may differ, as
 * nothing but HAProxy's own bookkeeping knows them.
 */
export function sameWords(a: Server, b: Server): boolean {
  return (
    a === b ||
    (a.endpoint.address === b.endpoint.address &&
      a.endpoint.port === b.endpoint.port &&
      serverWords({ ...a, id: 0 }) === serverWords({ ...b, id: 0 }))
  );
}
