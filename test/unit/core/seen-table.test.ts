import { describe, expect, test } from 'vitest';
import type { BackendName, Server, ServerName } from '../../../src/core/routing.ts';
import { seenTable } from '../../../src/core/seen-table.ts';
import { backend, server, table } from '../../support/tables.ts';

const CHECK = { tls: false, interMs: 5_000, fall: 3 };

/** A backend whose only server is in maintenance, and was given `words` before it left. */
function seen(words: Server | undefined, wanted: Server) {
  const name = 'web_1' as BackendName;
  const { name: serverName, endpoint } = wanted;
  const { address, port } = endpoint;
  const live = { name: serverName, id: 7, address, port, admission: 'maint', up: false } as const;
  const left = { id: 7, ...(words === undefined ? {} : { server: words }) };
  return seenTable({
    observed: { generation: 1 as never, backends: new Map([[name, [live]]]), maps: new Map() },
    asked: { backends: 'all', maps: [] },
    before: undefined,
    after: table({ backends: [backend(name, { servers: [wanted] })] }),
    leftovers: new Map([[name, new Map([[serverName as ServerName, left]])]]),
    pathMatch: 'prefix',
  });
}

describe('a server that left, and is wanted again', () => {
  test('is the wanted one with the same words, or where nobody remembers them', () => {
    for (const words of [server(1), undefined]) {
      const { running, leftovers } = seen(words, server(1));
      expect(running.backends[0]?.servers).toEqual([{ ...server(1), id: 7, admission: 'maint' }]);
      expect(leftovers.size).toBe(0);
    }
  });

  test('stays a leftover with other words: HAProxy cannot give it new ones', () => {
    const { running, leftovers } = seen(server(1), server(1, { check: CHECK }));
    expect(running.backends.flatMap(({ servers }) => servers)).toEqual([]);
    expect([...(leftovers.get('web_1' as BackendName)?.values() ?? [])]).toEqual([{ id: 7, server: server(1) }]);
  });
});
