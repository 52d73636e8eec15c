import { describe, expect, test } from 'vitest';
import type { AppId } from '../../../src/core/app.ts';
import type { NameResolver } from '../../../src/source/names.ts';
import { app, type Fake, follow, json, never, noNames, startFake, startSource, text, until } from './rig.ts';

const WEB = '/prod/web' as AppId;
const API = '/api' as AppId;

/** A Marathon with these apps, `{ id: app }`, answering the list and single apps. */
function cluster(apps: Map<string, unknown>): Fake['answer'] {
  return (request, response) => {
    const path = new URL(request.url ?? '', 'http://x').pathname;
    if (path === '/v2/apps') return json({ apps: [...apps.values()] })(request, response);
    const id = path.slice('/v2/apps'.length);
    const found = apps.get(id);
    if (found === undefined) return text(404, `{"message":"App '${id}' does not exist"}`)(request, response);
    return json({ app: found })(request, response);
  };
}

async function start() {
  const apps = new Map<string, unknown>([WEB, API].map((id) => [id, app(id)]));
  const fake = await startFake(cluster(apps));
  const { source, of } = startSource([fake.url]);
  const read = async (scope: 'all' | readonly AppId[]) => {
    const result = await source.snapshot(scope, never());
    if (!result.ok) throw new Error(JSON.stringify(result.failure));
    return result.value.value.apps;
  };
  return { apps, fake, source, of, read };
}

describe('reading some apps', () => {
  test('without an earlier answer everything is read', async () => {
    const { fake, read } = await start();
    expect((await read([WEB])).map(({ id }) => id)).toEqual([API, WEB]);
    expect(fake.seen).toHaveLength(1);
  });

  test('only the apps named are asked for; untouched and unchanged ones keep their identity', async () => {
    const { apps, fake, read, of } = await start();
    const [api, web] = await read('all');
    apps.set(WEB, { ...app(WEB), instances: 6 });
    const after = await read([WEB]);
    expect(after[0]).toBe(api);
    expect(after[1]).toMatchObject({ id: WEB, instances: 6 });
    expect(after[1]).not.toBe(web);
    expect(await read([WEB, API])).toEqual(after);
    expect((await read('all'))[1]).toBe(after[1]);
    expect(fake.seen.map(({ url }) => url.split('?')[0])).toEqual([
      '/v2/apps',
      '/v2/apps/prod/web',
      '/v2/apps/prod/web',
      '/v2/apps/api',
      '/v2/apps',
    ]);
    expect(of('marathon-request').map(({ op }) => op)).toEqual(['apps', 'app', 'app', 'app', 'apps']);
  });

  test('a new app is put in its place, a 404 in Marathon’s words takes an app out', async () => {
    const { apps, read } = await start();
    await read('all');
    apps.set('/m', app('/m'));
    expect((await read(['/m' as AppId])).map(({ id }) => id)).toEqual([API, '/m', WEB]);
    apps.delete(WEB);
    expect((await read([WEB, WEB, '/never' as AppId])).map(({ id }) => id)).toEqual([API, '/m']);
  });

  test('a 404 of somebody else, a wrong app and a cut answer are failures and change nothing', async () => {
    const { fake, source, read } = await start();
    const before = await read('all');
    const whole = fake.answer;
    const wrong: readonly [Fake['answer'], string][] = [
      [text(404, '<html>Not Found</html>'), 'http-status'],
      [text(404, ''), 'http-status'],
      // Gateways that lost their route to Marathon answer like this.
      [text(404, '{"message":"no Route matched with those values"}'), 'http-status'],
      [text(404, `{"status":404,"message":"No static resource v2/apps${WEB}"}`), 'http-status'],
      [json({ app: app('/other') }), 'not-apps'],
      [json({}), 'not-apps'],
      [text(200, '{"app":{"id":"/prod/w'), 'truncated'],
    ];
    for (const [answer, kind] of wrong) {
      fake.answer = answer;
      expect(await source.snapshot([WEB], never())).toMatchObject({ ok: false, failure: { kind } });
    }
    fake.answer = whole;
    const after = await read([API]);
    expect(after).toEqual(before);
    expect(after[1]).toBe(before[1]);
  });

  test('an app that Marathon cannot assemble does not hold up the others, and is hinted at again', async () => {
    const { apps, fake, source, read } = await start();
    const [, web] = await read('all');
    apps.set(API, { ...app(API), instances: 9 });
    const whole = fake.answer;
    fake.answer = (request, response) =>
      request.url?.startsWith('/v2/apps/prod/web')
        ? text(500, '{"message":"while assembling rich tasks for app [/prod/web]"}')(request, response)
        : whole(request, response);
    const { hints } = follow(source);
    const after = await read([WEB, API]);
    expect(after[0]).toMatchObject({ id: API, instances: 9 });
    expect(after[1]).toBe(web);
    await until(() => hints.some(({ reason, scope }) => reason === 'read again' && scope[0] === WEB), 'the hint');
    expect(await source.snapshot([WEB], never())).toMatchObject({ ok: false, failure: { kind: 'http-status' } });
  });

  test('problems belong to their app: they stay with untouched ones and leave with fixed ones', async () => {
    const { apps, source } = await start();
    apps.set(WEB, { ...app(WEB), labels: { HAPROXY_GROUP: {} } });
    apps.set(API, { ...app(API), labels: { HAPROXY_GROUP: [] } });
    const problems = async (scope: 'all' | readonly AppId[]) => {
      const result = await source.snapshot(scope, never());
      return result.ok ? result.value.problems.map(({ origin }) => 'app' in origin && origin.app).sort() : [];
    };
    expect(await problems('all')).toEqual([API, WEB]);
    expect(await problems([API])).toEqual([API, WEB]);
    apps.set(WEB, app(WEB));
    expect(await problems([WEB])).toEqual([API]);
  });
});

describe('tasks of older versions', () => {
  const OLD = '2019-01-01T00:00:00.000Z';
  const upgraded = () => {
    const present = app(WEB, '2020-01-01T00:00:00.000Z');
    const [task] = present.tasks;
    return {
      ...present,
      versionInfo: { lastConfigChangeAt: present.version, lastScalingAt: present.version },
      portDefinitions: [
        { port: 10_000, protocol: 'tcp' },
        { port: 10_001, protocol: 'tcp' },
      ],
      tasks: [{ ...task, version: OLD }],
    };
  };

  test('are served by their own definition, which is asked for once', async () => {
    const { apps, fake, read } = await start();
    apps.set(WEB, upgraded());
    const whole = fake.answer;
    fake.answer = (request, response) =>
      decodeURIComponent(request.url ?? '') === `/v2/apps${WEB}/versions/${OLD}`
        ? json(app(WEB, OLD))(request, response)
        : whole(request, response);
    const [, web] = await read('all');
    expect(web?.tasks[0]?.endpoints).toEqual([{ portIndex: 0, address: '10.0.0.1', port: 31_000 }]);
    expect(web?.tasks[0]?.missing).toEqual([]);
    await read('all');
    await read([WEB]);
    expect(fake.seen.filter(({ url }) => url.includes('/versions/'))).toHaveLength(1);
  });

  for (const [name, answer] of [
    ['forgotten', text(404, '{"message":"App does not exist"}')],
    ['not to be had', text(500, '')],
    ['hanging', () => undefined],
  ] as const) {
    test(`a definition that is ${name} costs the tasks their check, not the snapshot`, async () => {
      const { apps, fake, source } = await start();
      apps.set(WEB, upgraded());
      const whole = fake.answer;
      fake.answer = (request, response) =>
        request.url?.includes('/versions/') ? answer(request, response) : whole(request, response);
      const result = await source.snapshot('all', never());
      expect(result).toMatchObject({ ok: true, value: { problems: [{ code: 'DefinitionUnknown' }] } });
    });
  }
});

test('agents that go by a name are resolved before the snapshot is made', async () => {
  const named = app(API, undefined, 'agent-1.example');
  const fake = await startFake(json({ apps: [named, app(WEB)] }));
  const asked: string[] = [];
  const names: NameResolver = {
    ...noNames,
    resolve: async (hosts) => void asked.push(...hosts),
    address: (host) => (host === 'agent-1.example' ? '10.9.9.9' : undefined),
  };
  const { source } = startSource([fake.url], {}, {}, names);
  const result = await source.snapshot('all', never());
  expect(asked).toEqual(['agent-1.example']);
  expect(result).toMatchObject({
    ok: true,
    value: { value: { apps: [{ tasks: [{ hostAddress: '10.9.9.9', endpoints: [{ address: '10.9.9.9' }] }] }, {}] } },
  });
});
