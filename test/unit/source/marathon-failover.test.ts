import { describe, expect, test } from 'vitest';
import { app, type Fake, json, never, settings, startFake, startSource, text, until } from './rig.ts';

const APPS = { apps: [app('/web')] };
const good = { ok: true, value: { value: { apps: [{ id: '/web' }] } } };

describe('several masters', () => {
  test('a refusing, an ill and a silent master are passed over; the one that answered is asked first from then on', async () => {
    const gone = await startFake(json(APPS));
    await gone.stop();
    const ill = await startFake(text(503, ''));
    const well = await startFake(json(APPS));
    const { source, of } = startSource([gone.url, ill.url, well.url]);
    expect(await source.snapshot('all', never())).toMatchObject(good);
    expect(of('marathon-request').map(({ endpoint, outcome }) => [endpoint, outcome])).toEqual([
      [gone.url, 'unreachable'],
      [ill.url, 'http-status'],
      [well.url, 'ok'],
    ]);
    expect(await source.snapshot('all', never())).toMatchObject(good);
    expect(ill.seen).toHaveLength(1);
    expect(well.seen).toHaveLength(2);
  });

  test('no master is given up: the only one that comes back is found', async () => {
    const fakes = [await startFake(text(502, '')), await startFake(text(502, '')), await startFake(text(502, ''))];
    const { source } = startSource(fakes.map(({ url }) => url));
    for (let i = 0; i < 4; i += 1) expect(await source.snapshot('all', never())).toMatchObject({ ok: false });
    for (const fake of fakes) {
      fake.answer = json(APPS);
      expect(await source.snapshot('all', never())).toMatchObject(good);
      fake.answer = text(502, '');
    }
  });

  test('beside a master that hangs the next one is asked, and the hung one is cut', async () => {
    let cut = false;
    const hung = await startFake((request) => void request.socket.once('close', () => (cut = true)));
    const well = await startFake(json(APPS));
    const { source, of } = startSource([hung.url, well.url], {}, { headers: 60_000, hedge: 100 });
    expect(await source.snapshot('all', never())).toMatchObject(good);
    await until(() => cut, 'the hung request to be cut');
    await until(() => of('marathon-request').length === 2);
    expect(of('marathon-request').map(({ endpoint, outcome }) => [endpoint, outcome])).toEqual([
      [well.url, 'ok'],
      [hung.url, 'timeout'],
    ]);
    expect(await source.snapshot('all', never())).toMatchObject(good);
    expect(hung.seen).toHaveLength(1);
  });

  test('beside a body that stops in the middle the next master is asked', async () => {
    const stuck = await startFake((_, response) => void response.writeHead(200).write('{"apps":['));
    const well = await startFake(json(APPS));
    const { source } = startSource([stuck.url, well.url], {}, { headers: 60_000, body: 60_000, hedge: 100 });
    expect(await source.snapshot('all', never())).toMatchObject(good);
  });

  test('a slow first master that answers after all is heard, and not blamed', async () => {
    const slow = await startFake((request, response) => {
      setTimeout(() => json(APPS)(request, response), 250);
    });
    const hung = await startFake(() => undefined);
    const { source, of } = startSource([slow.url, hung.url], {}, { headers: 2_000, hedge: 100 });
    expect(await source.snapshot('all', never())).toMatchObject(good);
    expect(of('marathon-request').map(({ endpoint, outcome }) => [endpoint, outcome])).toEqual([[slow.url, 'ok']]);
  });

  test('a trickling body is waited for without asking another master', async () => {
    const whole = JSON.stringify(APPS);
    const slow = await startFake((_, response) => {
      response.writeHead(200);
      const pieces = whole.match(/.{1,25}/g) ?? [];
      const timer = setInterval(() => {
        const piece = pieces.shift();
        if (piece !== undefined) response.write(piece);
        else {
          clearInterval(timer);
          response.end();
        }
      }, 40);
    });
    const other = await startFake(json(APPS));
    const { source } = startSource([slow.url, other.url], {}, { hedge: 300, body: 2_000 });
    expect(await source.snapshot('all', never())).toMatchObject(good);
    expect(other.seen).toEqual([]);
  });

  test('the leader is asked first when it is a configured master, and others are only heard of', async () => {
    const leader = await startFake(json(APPS));
    const standby = await startFake(json(APPS, { 'x-marathon-leader': leader.url }));
    const { source, of } = startSource([standby.url, leader.url]);
    await source.snapshot('all', never());
    expect(of('marathon-request')).toMatchObject([{ endpoint: standby.url, outcome: 'ok', leader: leader.url }]);
    await source.snapshot('all', never());
    expect([standby.seen.length, leader.seen.length]).toEqual([1, 1]);

    standby.answer = json(APPS, { 'x-marathon-leader': 'http://10.255.255.1:8080' });
    const alone = startSource([standby.url]);
    await alone.source.snapshot('all', never());
    expect(await alone.source.snapshot('all', never())).toMatchObject(good);
  });

  test('a leader that cannot be reached from here is not put first on the standby’s word', async () => {
    const leader = await startFake(json(APPS));
    const standby = await startFake(json(APPS, { 'x-marathon-leader': leader.url }));
    await leader.stop();
    const { source, of } = startSource([leader.url, standby.url]);
    for (let i = 0; i < 3; i += 1) expect(await source.snapshot('all', never())).toMatchObject(good);
    expect(of('marathon-request').filter(({ endpoint }) => endpoint === leader.url)).toHaveLength(1);
  });

  test('when all fail, the answer that says most is reported and the others are named', async () => {
    const gone = await startFake(json(APPS));
    await gone.stop();
    const ill = await startFake(text(500, '{"message":"while assembling rich tasks for app [/x]"}'));
    const { source } = startSource([gone.url, ill.url]);
    const result = await source.snapshot('all', never());
    expect(result).toMatchObject({ ok: false, failure: { kind: 'http-status', endpoint: ill.url } });
    expect(result.ok ? '' : result.failure.detail).toContain(`${gone.url} unreachable`);
  });

  test('without a usable master the failure says so', async () => {
    const { source } = startSource(settings(['not a url']).marathon);
    expect(await source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'unreachable' } });
  });
});

test('deadlines grow with a slow cluster, within bounds, and no request overlaps another', async () => {
  let open = 0;
  let most = 0;
  const slow = await startFake((request, response) => {
    open += 1;
    most = Math.max(most, open);
    response.once('close', () => (open -= 1));
    setTimeout(() => json(APPS)(request, response), 400);
  });
  const { source } = startSource([slow.url], {}, { headers: 300, hedge: 100, stretch: 4 });
  expect(await source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'timeout' } });
  await until(() => open === 0);
  expect(await source.snapshot('all', never())).toMatchObject(good);
  await until(() => open === 0);
  most = 0;
  for (let i = 0; i < 3; i += 1) expect(await source.snapshot('all', never())).toMatchObject(good);
  expect(most).toBe(1);

  // Silence alone stretches the time as well, but only so far.
  slow.answer = () => undefined;
  const details: string[] = [];
  for (let i = 0; i < 2; i += 1) {
    const result = await source.snapshot('all', never());
    details.push(result.ok ? '' : result.failure.detail);
  }
  expect(details.at(-1)).toBe('no answer within 1200 ms');
});

describe('a single master that hangs and comes back without answering what it was asked', () => {
  const hangs: readonly [string, Fake['answer']][] = [
    ['before the head', () => undefined],
    ['in the middle of the body', (_, response) => void response.writeHead(200).write('{"apps":[')],
  ];
  for (const [name, hang] of hangs) {
    test(`${name}: it is asked again while the first request waits`, async () => {
      const fake = await startFake(hang);
      const { source, of } = startSource([fake.url], {}, { headers: 60_000, body: 60_000, hedge: 80 });
      const reading = source.snapshot('all', never());
      await until(() => fake.seen.length >= 4);
      fake.answer = json(APPS);
      expect(await reading).toMatchObject(good);
      expect(of('marathon-request').map(({ outcome }) => outcome)).toEqual(['ok']);
    });
  }

  test('scouts end with the request that they were sent for, one at a time', async () => {
    let open = 0;
    let most = 0;
    const fake = await startFake((_, response) => {
      open += 1;
      most = Math.max(most, open);
      response.once('close', () => (open -= 1));
    });
    const { source, of } = startSource([fake.url], {}, { headers: 400, hedge: 60 });
    expect(await source.snapshot('all', never())).toMatchObject({ ok: false, failure: { kind: 'timeout' } });
    await until(() => open === 0);
    // A cut request and the next one may meet at the server.
    expect(most).toBeLessThanOrEqual(3);
    expect(of('marathon-request').map(({ outcome }) => outcome)).toEqual(['timeout']);
  });
});

test('a kept-alive connection that the server has closed is no failure', async () => {
  let requests = 0;
  const fake = await startFake((request, response) => {
    requests += 1;
    if (requests === 2) request.socket.destroy();
    else json(APPS)(request, response);
  });
  const { source, of } = startSource([fake.url]);
  await source.snapshot('all', never());
  expect(await source.snapshot('all', never())).toMatchObject(good);
  expect(of('marathon-request').map(({ outcome }) => outcome)).toEqual(['ok', 'ok']);
});
