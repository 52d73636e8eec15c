import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import { app, type Fake, follow, json, never, startFake, startSource, text, until } from './rig.ts';

const ids = (...apps: string[]): readonly AppId[] => apps as AppId[];
const MISSING = ids('/a', '/b', '/c');
const notFound: Fake['answer'] = (request, response) =>
  text(404, `{"message":"App '${(request.url ?? '').split('?')[0]?.slice('/v2/apps'.length)}' does not exist"}`)(
    request,
    response,
  );

/** A Marathon that lists these apps, and has answers of its own for some paths. */
const marathon =
  (apps: readonly object[], more: Readonly<Record<string, Fake['answer']>> = {}): Fake['answer'] =>
  (request: IncomingMessage, response: ServerResponse) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const own = more[path];
    if (own !== undefined) return own(request, response);
    if (path === '/v2/apps') return json({ apps })(request, response);
    if (path === '/v2/leader') return json({ leader: '127.0.0.1:8080' })(request, response);
    if (path === '/v2/deployments') return json([])(request, response);
    return notFound(request, response);
  };

const witnessOf = (fakes: readonly Fake[], missing = MISSING, timings = {}) => {
  const started = startSource(
    fakes.map(({ url }) => url),
    {},
    // A busy machine is no silent master.
    { headers: 3_000, body: 3_000, hedge: 3_000, ...timings },
  );
  return { ...started, witness: () => started.source.witness(missing, never()) };
};

describe('what others say of apps that a list lacks', () => {
  test('nothing, when nobody answers', async () => {
    const fake = await startFake(text(503, ''));
    expect(await witnessOf([fake]).witness()).toEqual({
      there: new Set(),
      gone: new Set(),
      stopping: new Set(),
      leaderElected: false,
      betterList: false,
      asked: [],
    });
  });

  test('that they are gone, by the word of an elected leader', async () => {
    const fake = await startFake(marathon([]));
    expect(await witnessOf([fake]).witness()).toEqual({
      there: new Set(),
      gone: new Set(MISSING),
      stopping: new Set(),
      leaderElected: true,
      betterList: false,
      asked: [fake.url],
    });
  });

  test('nothing of it, when a 404 is none of Marathon’s', async () => {
    const html = text(404, '<html>Not Found</html>');
    const gateway = text(404, '{"message":"no Route matched with those values"}');
    const other = text(404, `{"message":"App '/z' does not exist"}`);
    const fake = await startFake(marathon([], { '/v2/apps/a': html, '/v2/apps/b': gateway, '/v2/apps/c': other }));
    expect((await witnessOf([fake]).witness()).gone).toEqual(new Set());
  });

  test('that no leader is elected, when there is none, and when he goes meanwhile', async () => {
    const none = text(404, '{"message":"There is no leader"}');
    const never = await startFake(marathon([], { '/v2/leader': none }));
    expect(await witnessOf([never]).witness()).toMatchObject({ gone: new Set(MISSING), leaderElected: false });
    let asked = 0;
    const leaves: Fake['answer'] = (request, response) => {
      asked += 1;
      (asked === 1 ? json({ leader: 'x:1' }) : none)(request, response);
    };
    const goes = await startFake(marathon([], { '/v2/leader': leaves }));
    expect((await witnessOf([goes]).witness()).leaderElected).toBe(false);
  });

  test('that one is there, with tasks, when it is asked for by itself', async () => {
    const fake = await startFake(
      marathon([], {
        '/v2/apps/a': json({ app: app('/a') }),
        '/v2/apps/b': json({ app: { ...app('/b'), tasks: [] } }),
      }),
    );
    expect(await witnessOf([fake]).witness()).toMatchObject({ there: new Set(ids('/a')), gone: new Set(ids('/c')) });
  });

  test('which are being stopped, in the steps of every version', async () => {
    const stop = (id: string) => ({ action: 'StopApplication', app: id });
    const plans = [
      { steps: [{ actions: [stop('/a'), { action: 'ScaleApplication', app: '/c' }] }], affectedApps: ['/a', '/c'] },
      { steps: [[{ type: 'StopApplication', app: '/b' }]] },
      { affectedApps: ['/c'], steps: [], currentActions: [{ action: 'RestartApplication', app: '/c' }] },
    ];
    const fake = await startFake(marathon([], { '/v2/deployments': json(plans) }));
    expect((await witnessOf([fake]).witness()).stopping).toEqual(new Set(ids('/a', '/b')));
  });

  test('since when events are heard', async () => {
    const fake = await startFake(
      marathon([], {
        '/v2/events': (_, response) =>
          void response
            .writeHead(200, { 'content-type': 'text/event-stream' })
            .write('event: event_stream_attached\ndata: {"eventType":"event_stream_attached"}\n\n'),
      }),
    );
    const { source, witness, of } = witnessOf([fake]);
    const from = Date.now();
    follow(source);
    await until(() => of('stream-attached').length > 0, 'the stream');
    const { listeningSince } = await witness();
    expect(listeningSince).toBeGreaterThanOrEqual(from);
    expect(listeningSince).toBeLessThanOrEqual(Date.now());
    await fake.stop();
    await until(() => of('stream-lost').length > 0, 'the end of the stream');
    expect(await witness()).not.toHaveProperty('listeningSince');
  });
});

describe('another master', () => {
  test('whose list shows more is read next, though the first one answers too', async () => {
    const empty = await startFake(marathon([]));
    const some = await startFake(marathon([app('/a')]));
    const whole = await startFake(marathon([app('/a'), app('/b'), app('/z')]));
    const { source, witness } = witnessOf([empty, some, whole]);
    expect(await source.snapshot('all', never())).toMatchObject({ value: { value: { apps: [] } } });
    expect(await witness()).toMatchObject({
      there: new Set(ids('/a', '/b')),
      gone: new Set(ids('/c')),
      betterList: true,
      asked: expect.arrayContaining([empty.url, some.url, whole.url]),
    });
    expect(await source.snapshot('all', never())).toMatchObject({
      value: { value: { apps: [{ id: '/a' }, { id: '/b' }, { id: '/z' }] } },
    });
  });

  test('that names the bad one as leader is not sent back to it', async () => {
    const leader = await startFake(marathon([]));
    const standby = await startFake((request, response) =>
      marathon([app('/a')], {
        '/v2/apps': json({ apps: [app('/a')] }, { 'x-marathon-leader': leader.url }),
      })(request, response),
    );
    const { source, witness } = witnessOf([leader, standby], ids('/a'));
    await source.snapshot('all', never());
    expect((await witness()).betterList).toBe(true);
    for (let reads = 0; reads < 3; reads += 1) {
      expect(await source.snapshot('all', never())).toMatchObject({ value: { value: { apps: [{ id: '/a' }] } } });
    }
  });

  test('that hangs keeps the word of the others waiting for a moment only', async () => {
    const hung = await startFake(() => undefined);
    const well = await startFake(marathon([app('/a')]));
    const { witness } = witnessOf([well, hung], MISSING, { headers: 60_000, hedge: 700 });
    expect(await witness()).toMatchObject({ there: new Set(ids('/a')), asked: [well.url], betterList: true });
  });
});
