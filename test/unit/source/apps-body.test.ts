import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant, Snapshot } from '../../../src/core/app.ts';
import { type Lookups, NO_LOOKUPS, parseSnapshot } from '../../../src/core/snapshot.ts';
import { parseJson } from '../../../src/source/answers.ts';
import { createAppSplitter } from '../../../src/source/app-splitter.ts';
import { createAppsReader } from '../../../src/source/apps-body.ts';
import { type AppsMemory, NO_MEMORY } from '../../../src/source/apps-memory.ts';
import { app } from './rig.ts';

const NOW = 5 as Instant;

/** What decoding the whole text at once gives. */
function atOnce(text: string, lookups: Lookups = NO_LOOKUPS) {
  const json = parseJson(text);
  return json.ok ? parseSnapshot(json.value, NOW, lookups) : json;
}

/** What the reader gives of the same bytes, cut at these places. */
async function piecewise(
  bytes: Buffer,
  cuts: readonly number[],
  lookups: Lookups = NO_LOOKUPS,
  previous?: Snapshot,
  memory?: AppsMemory,
) {
  const reader = createAppsReader(lookups, previous, memory);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  for (const [index, from] of places.slice(0, -1).entries())
    await reader.write(bytes.subarray(from, places[index + 1]));
  const read = await reader.end();
  return read.ok ? { ok: true as const, value: await read.value.finish(NOW) } : read;
}

/** What the reader remembers of a text. */
async function memoryOf(bytes: Buffer, lookups: Lookups): Promise<AppsMemory | undefined> {
  const reader = createAppsReader(lookups, undefined, NO_MEMORY);
  await reader.write(bytes);
  const read = await reader.end();
  if (!read.ok) return undefined;
  await read.value.finish(NOW);
  return read.value.memory;
}

/** Strings full of what the scanner must not trip over. */
const awkward = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('}', '{', '\\"}', '"}],', '\\', '\\\\', ']}', '"apps":[{', '\u{1f600}}', 'é"ü', '\u2028', '\ud800'),
);
const extra = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' });
const appJson = fc
  .record({
    id: fc.constantFrom('/a', '/b', '/c/d', '/e'),
    version: fc.constantFrom('2020-01-01T00:00:00.000Z', '2021-01-01T00:00:00.000Z'),
    labels: fc.dictionary(awkward, awkward, { maxKeys: 3 }),
    host: fc.constantFrom('10.0.0.1', 'agent-1', 'agent-2'),
    cmd: extra,
  })
  .map(({ id, version, labels, host, cmd }) => ({ ...app(id, version, host), labels, cmd }));
const entry = fc.oneof({ weight: 6, arbitrary: appJson }, { weight: 1, arbitrary: extra });
const indent = fc.constantFrom(undefined, 0, 1, '\t', '\r\n ');
const document = fc
  .tuple(
    fc.array(entry, { maxLength: 6 }),
    fc.dictionary(fc.oneof(awkward, fc.constant('apps')), extra, { maxKeys: 2 }),
    fc.dictionary(awkward, extra, { maxKeys: 2 }),
    fc.constantFrom('object', 'bare', 'twice', 'escaped'),
    indent,
  )
  .map(([apps, before, after, form, space]) => {
    const list = JSON.stringify(apps, null, space);
    if (form === 'bare') return ` ${list}\n`;
    if (form === 'twice') return `{"apps":[{"id":"/gone"},{"id":"/x"}],"apps":${list}}`;
    if (form === 'escaped') return `{"x":"apps","y":[{"id":"/n"}],"\\u0061pps" : ${list}}`;
    return JSON.stringify({ ...before, apps, ...after }, null, space);
  });
const cuts = fc.array(fc.nat(), { maxLength: 12 });
const addresses = fc.constantFrom<Lookups>(NO_LOOKUPS, {
  definition: () => undefined,
  address: (host) => (host === 'agent-1' ? '10.0.0.9' : undefined),
});

describe('reading a list of apps as it comes gives what reading it whole gives', () => {
  test('wherever it is cut, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(document, cuts, addresses, async (text, places, lookups) => {
        const bytes = Buffer.from(text);
        expect(await piecewise(bytes, places, lookups)).toEqual(atOnce(bytes.toString(), lookups));
      }),
      { numRuns: 400 },
    );
  });

  test('whatever it remembers of another one', async () => {
    await fc.assert(
      fc.asyncProperty(
        document,
        document,
        cuts,
        addresses,
        addresses,
        fc.boolean(),
        async (a, b, places, at, then, same) => {
          const memory = await memoryOf(Buffer.from(same ? b : a), at);
          const bytes = Buffer.from(b);
          expect(await piecewise(bytes, places, then, undefined, memory)).toEqual(atOnce(bytes.toString(), then));
        },
      ),
      { numRuns: 400 },
    );
  });

  test('byte by byte', async () => {
    const bytes = Buffer.from(
      `\n{"é\\"":["{"],"apps":[${JSON.stringify({ ...app('/ü'), id: '/a', x: '"\\}€' })} , 7]}`,
    );
    const all = Array.from({ length: bytes.length }, (_, at) => at);
    expect(await piecewise(bytes, all)).toEqual(atOnce(bytes.toString()));
  });

  test('a text that ends early, at any byte, is a failure of the same kind', async () => {
    const whole = Buffer.from(JSON.stringify({ v: [{}], apps: [app('/a'), app('/b'), 1], z: { y: 'é' } }));
    for (let end = 0; end < whole.length; end += 1) {
      const bytes = whole.subarray(0, end);
      const expected = atOnce(bytes.toString());
      const read = await piecewise(bytes, [end >> 1]);
      expect(read).toMatchObject({ ok: false, failure: { kind: expected.ok ? '' : expected.failure.kind } });
    }
  });

  test('a text with a changed byte is good exactly when it is as a whole', async () => {
    await fc.assert(
      fc.asyncProperty(document, cuts, fc.nat(), fc.constantFrom(...'{}[]",:\\ x0'), async (text, places, at, byte) => {
        const bytes = Buffer.from(text);
        bytes.write(byte, at % bytes.length, 'latin1');
        const expected = atOnce(bytes.toString());
        const read = await piecewise(bytes, places);
        if (expected.ok) expect(read).toEqual(expected);
        else expect(read.ok).toBe(false);
      }),
      { numRuns: 600 },
    );
  });
});

test('what is no list of apps is named as before', async () => {
  for (const text of [
    '',
    ' \n',
    '<html>{"apps":[]}</html>',
    'null',
    '{}',
    '{"apps":{}}',
    '{"apps":[1,[]]}',
    '[3]',
    '"x"',
  ]) {
    const expected = atOnce(text);
    expect(expected.ok).toBe(false);
    expect(await piecewise(Buffer.from(text), [3])).toEqual(expected);
  }
});

test('a malformed tail behind good apps spoils the whole', async () => {
  const good = JSON.stringify({ apps: [app('/a')] });
  for (const text of [`${good}}`, `${good} {}`, good.replace(/\]\}$/, ',]}'), good.replace(/\]\}$/, ',{"id":}]}')]) {
    expect((await piecewise(Buffer.from(text), [])).ok).toBe(false);
  }
});

test('apps that say the same as before are the same objects', async () => {
  const before = await piecewise(Buffer.from(JSON.stringify({ apps: [app('/a'), app('/b')] })), []);
  if (!before.ok) throw new Error('not read');
  const after = Buffer.from(JSON.stringify({ apps: [{ ...app('/b'), instances: 4 }, app('/a')] }));
  const read = await piecewise(after, [], NO_LOOKUPS, before.value.value);
  if (!read.ok) throw new Error('not read');
  expect(read.value.value.apps[0]).toBe(before.value.value.apps[0]);
  expect(read.value.value.apps[1]).toMatchObject({ id: '/b', instances: 4 });
});

describe('an app is taken from memory while its bytes and its agents’ addresses are the same', () => {
  const list = ['/a', '/b', '/c', '/d'].map((id) => app(id, undefined, 'agent-1'));
  const text = (apps: readonly unknown[]) => Buffer.from(JSON.stringify({ apps }));
  const at = (address: string): Lookups => ({ definition: () => undefined, address: () => address });
  const apps = async (bytes: Buffer, cuts: readonly number[], lookups: Lookups, memory: AppsMemory | undefined) => {
    const read = await piecewise(bytes, cuts, lookups, undefined, memory);
    if (!read.ok) throw new Error('not read');
    return new Map(read.value.value.apps.map((one) => [String(one.id), one]));
  };

  test('wherever the pieces end, and in any order', async () => {
    const memory = await memoryOf(text(list), at('10.0.0.1'));
    const known = await apps(text(list), [], at('10.0.0.1'), memory);
    for (const places of [[], [100, 101, 900], [300]]) {
      for (const order of [list, list.toReversed(), list.slice(2), [list[0], { ...list[1], instances: 7 }, list[3]]]) {
        const again = await apps(text(order), places, at('10.0.0.1'), memory);
        for (const [id, one] of again) {
          if (one.instances === 7) expect(one).not.toBe(known.get(id));
          else expect(one).toBe(known.get(id));
        }
      }
    }
  });

  test('and not kept of a list that no other will follow', async () => {
    const reader = createAppsReader(at('10.0.0.1'), undefined);
    await reader.write(text(list));
    const read = await reader.end();
    if (!read.ok) throw new Error('not read');
    expect((await read.value.finish(NOW)).value.apps).toHaveLength(4);
    expect(read.value.memory).toBe(NO_MEMORY);
  });

  test('and parsed again once an agent has another address', async () => {
    const memory = await memoryOf(text(list), at('10.0.0.1'));
    const moved = await apps(text(list), [], at('10.0.0.2'), memory);
    expect([...moved.values()].map((one) => one.tasks[0]?.endpoints[0]?.address)).toEqual(Array(4).fill('10.0.0.2'));
  });

  test('one that waited for an address is remembered as well', async () => {
    const known = new Map<string, string>();
    const lookups: Lookups = { definition: () => undefined, address: (host) => known.get(host) };
    const reader = createAppsReader(lookups, undefined, NO_MEMORY);
    await reader.write(text(list));
    const read = await reader.end();
    if (!read.ok) throw new Error('not read');
    known.set('agent-1', '10.0.0.7');
    const { value } = await read.value.finish(NOW);
    const again = await apps(text(list), [], lookups, read.value.memory);
    for (const one of value.apps) expect(again.get(one.id)).toBe(one);
  });
});

test('what the list wants is known at its end, and what waited for it is read with it', async () => {
  const known = new Map<string, string>();
  const reader = createAppsReader({ definition: () => undefined, address: (host) => known.get(host) }, undefined);
  await reader.write(Buffer.from(JSON.stringify([app('/a', undefined, 'agent-1'), app('/b', undefined, 'agent-1')])));
  const read = await reader.end();
  if (!read.ok) throw new Error('not read');
  expect(read.value.hosts).toEqual(['agent-1']);
  known.set('agent-1', '10.0.0.7');
  const { value } = await read.value.finish(NOW);
  expect(value.apps.map((one) => one.tasks[0]?.endpoints[0]?.address)).toEqual(['10.0.0.7', '10.0.0.7']);
});

test('a large list does not hold the event loop from its beginning to its end', async () => {
  const bytes = Buffer.from(JSON.stringify({ apps: Array.from({ length: 4_000 }, (_, n) => app(`/a${n}`)) }));
  let turns = 0;
  let reading = true;
  const count = () => {
    turns += 1;
    if (reading) setImmediate(count);
  };
  setImmediate(count);
  const reader = createAppsReader(NO_LOOKUPS, undefined);
  await reader.write(bytes);
  reading = false;
  expect(turns).toBeGreaterThan(2);
});

test('around the apps, each is replaced by an empty object; an unfinished one is kept', () => {
  const splitter = createAppSplitter();
  const push = (text: string) => splitter.push(Buffer.from(text)).map(({ bytes }) => bytes.toString());
  expect(push('{"apps": [{"a":[1,{}]} ,{"b":"}"},{"c')).toEqual(['{"a":[1,{}]}', '{"b":"}"}']);
  expect(splitter.rest()).toBe('{"apps": [{} ,{},{"c');
  expect(push('":2}]}')).toEqual(['{"c":2}']);
  expect(splitter.rest()).toBe('{"apps": [{} ,{},{}]}');
});
