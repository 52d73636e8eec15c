import { rename, writeFile } from 'node:fs/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/core/ports.ts';
import type { RuntimeCommand } from '../../../src/core/runtime.ts';
import { createRuntime } from '../../../src/haproxy/runtime.ts';
import { realClock } from '../../support/haproxy-rig.ts';
import { type Answer, type Play, type PlayedWorker, playWorker } from '../../support/played-worker.ts';
import {
  addServer,
  backendName,
  generation,
  removeServer,
  serverOf,
  setAdmission,
} from '../../support/runtime-commands.ts';

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** What the played worker is like now. */
interface Character {
  generation: number;
  version: string;
  stopping: boolean;
  pid: number;
}

const HELP = ['add map', 'add server', 'commit map', 'del server', 'prepare map', 'set server']
  .map((command) => `  ${command} <x>   : does it\n`)
  .join('');

/** Starts a worker that is played and a runtime on its socket. `script` says what is not said about itself. */
async function stage(
  script: (line: string, payload?: string) => Answer = () => '',
  play: Partial<Play> & { readonly version?: string; readonly deadlineMs?: number; readonly clock?: Clock } = {},
) {
  const character: Character = { generation: 7, version: play.version ?? '3.0.11', stopping: false, pid: 42 };
  const worker = await playWorker({
    ...play,
    answer: (line, payload) => {
      if (line === 'show env PORTOLAN_GENERATION') return `PORTOLAN_GENERATION=${character.generation}\n`;
      if (line === 'help') return `The following commands are valid at this level:\n${HELP}`;
      if (line === 'show info')
        return `Name: HAProxy\nVersion: ${character.version}\nPid: ${character.pid}\nStopping: ${character.stopping ? 1 : 0}\n`;
      return script(line, payload);
    },
  });
  const runtime = createRuntime({
    socket: worker.path,
    clock: play.clock ?? realClock,
    deadlineMs: play.deadlineMs ?? 5_000,
  });
  open.push(worker, runtime);
  return { worker, runtime, character };
}

const QUESTIONS = /^(?:prompt|help|show info|show env .*)$/;
/** What was said beyond the questions who is there. */
const orders = (worker: PlayedWorker): readonly string[] => worker.heard.filter((line) => !QUESTIONS.test(line));
const seven = generation(7);
const addRow: Extract<RuntimeCommand, { do: 'add-row' }> = {
  do: 'add-row',
  map: 'maps/hosts.map',
  key: 'a.example',
  value: 'b',
};

/** Says what HAProxy says where nothing goes wrong. */
function agreeable(line: string): Answer {
  if (line.startsWith('add server')) return 'New server registered.\n';
  if (line.startsWith('del server')) return 'Server deleted.\n';
  if (/^set server \S+ addr/.test(line)) return 'nothing changed\n';
  return '';
}

describe('run', () => {
  test('adds servers, lets them in and only then leads a row to them', async () => {
    const { worker, runtime } = await stage(agreeable);
    const checked = { name: 's2', port: 2, check: { tls: false, interMs: 500, fall: 3 } };
    const result = await runtime.run(seven, [addServer('b', { name: 's1', port: 1 }), addServer('b', checked), addRow]);
    expect(result).toMatchObject({ kind: 'done', left: [] });
    expect(orders(worker)).toEqual([
      'add server b/s1 127.0.0.1:1 id 2',
      'add server b/s2 127.0.0.1:2 id 3 check inter 500ms fall 3',
      'set server b/s1 state ready',
      'enable health b/s2',
      'set server b/s2 state ready',
      'add map maps/hosts.map a.example b',
    ]);
  });

  test('has 2.6 compute the cookies of a sticky backend once, before its new servers are let in', async () => {
    const { worker, runtime } = await stage(agreeable, { version: '2.6.12' });
    const sticky = (port: number): RuntimeCommand => addServer('b', { name: `s${port}`, port, cookie: 'c' });
    expect(await runtime.run(seven, [sticky(1), addServer('d', { name: 's', port: 3 }), sticky(2)])).toMatchObject({
      kind: 'done',
    });
    expect(orders(worker).map((line) => line.split(' ').slice(0, 4).join(' '))).toEqual([
      'add server b/s1 127.0.0.1:1',
      'add server d/s 127.0.0.1:3',
      'add server b/s2 127.0.0.1:2',
      'set dynamic-cookie-key backend b',
      'set server b/s1 state',
      'set server d/s state',
      'set server b/s2 state',
    ]);
  });

  test('makes a backend before its servers, publishes it before a row leads there, and takes it away in reverse', async () => {
    const { worker, runtime } = await stage(
      (line) => {
        if (line.startsWith('add backend')) return 'New backend registered.\n';
        if (line.startsWith('publish backend')) return 'Backend published.\n';
        if (line.startsWith('unpublish backend')) return 'Backend unpublished.\n';
        if (line.startsWith('del backend')) return 'Only a backend without server can be deleted.\n';
        if (line.startsWith('del server')) return 'Server still has connections attached to it, cannot remove it.\n';
        return agreeable(line);
      },
      { version: '3.4.0' },
    );
    const backend = backendName('b');
    expect(
      await runtime.run(seven, [
        { do: 'add-backend', backend, profile: 'P' },
        addServer('b', { name: 's', port: 1 }),
        { do: 'publish-backend', backend },
        addRow,
        { do: 'delete-row', map: 'maps/hosts.map', key: 'a.example' },
        { do: 'unpublish-backend', backend },
        removeServer('b', 's'),
        { do: 'delete-backend', backend },
      ]),
    ).toMatchObject({ kind: 'done', left: [{ backend: 'b', server: 's' }, { backend: 'b' }] });
    expect(orders(worker).map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'add backend b',
      'add server b/s',
      'set server b/s',
      'publish backend b',
      'add map maps/hosts.map',
      'del map maps/hosts.map',
      'unpublish backend b',
      'set server b/s',
      'del server b/s',
      'del backend b',
    ]);
    expect(await runtime.sweep(seven, [{ backend: 'b' }, { backend: 'b', server: 's' }])).toHaveLength(2);
    expect(orders(worker).slice(-2)).toEqual(['del server b/s', 'del backend b']);
  });

  test('asks who is there before each batch, and keeps the connection', async () => {
    const { worker, runtime } = await stage(agreeable);
    await runtime.run(seven, [addRow]);
    await runtime.run(seven, [addRow]);
    expect(worker.heard).toEqual([
      'prompt',
      'show env PORTOLAN_GENERATION',
      'show info',
      'help',
      'add map maps/hosts.map a.example b',
      'show env PORTOLAN_GENERATION',
      'show env PORTOLAN_GENERATION',
      'show info',
      'add map maps/hosts.map a.example b',
      'show env PORTOLAN_GENERATION',
    ]);
    expect(worker.connections()).toBe(1);
  });

  describe('after it was read what is to be changed', () => {
    const question = { backends: [], maps: [], rows: [{ map: addRow.map, key: addRow.key }] } as const;
    const introductions = ({ heard }: PlayedWorker): number => heard.filter((line) => line === 'show info').length;

    async function afterRead(ms: number) {
      let now = realClock.now();
      const staged = await stage(agreeable, { clock: { ...realClock, now: () => now } });
      await staged.runtime.read(seven, question);
      now = (now + ms) as typeof now;
      return staged;
    }

    test('does not ask again who is there, once', async () => {
      const { worker, runtime } = await afterRead(199);
      expect(introductions(worker)).toBe(1);
      expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'done' });
      expect(introductions(worker)).toBe(1);
      expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'done' });
      expect(introductions(worker)).toBe(2);
    });

    test.each([200, 5_000, -1])('asks again after %i ms', async (ms) => {
      const { worker, runtime } = await afterRead(ms);
      expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'done' });
      expect(introductions(worker)).toBe(2);
    });

    test('asks again for another generation, and says nothing to the one that is there', async () => {
      const { worker, runtime } = await afterRead(0);
      expect(await runtime.run(generation(8), [addRow])).toMatchObject({ kind: 'doubt' });
      expect(introductions(worker)).toBeGreaterThan(1);
      expect(worker.heard).not.toContain('add map maps/hosts.map a.example b');
    });

    test('says nothing on the connection to a worker whose socket was taken over', async () => {
      const { worker, runtime } = await afterRead(0);
      const connections = worker.connections();
      await rename(worker.path, `${worker.path}.old`);
      await writeFile(worker.path, '');
      expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'doubt' });
      expect(worker.connections()).toBe(connections);
      expect(worker.heard).not.toContain('add map maps/hosts.map a.example b');
    });
  });

  test('says nothing to a worker of another generation', async () => {
    const { worker, runtime, character } = await stage(agreeable);
    character.generation = 8;
    expect(await runtime.run(seven, [addRow])).toEqual({
      kind: 'doubt',
      detail: 'another generation: worker 42 runs 8, not 7',
    });
    expect(orders(worker)).toEqual([]);
    expect(await runtime.run(generation(8), [addRow])).toMatchObject({ kind: 'done' });
  });

  test('leaves a worker that was told to stop, and asks whoever listens now', async () => {
    const { worker, runtime, character } = await stage(agreeable);
    await runtime.run(seven, [addRow]);
    character.stopping = true;
    expect(await runtime.run(seven, [addRow])).toMatchObject({
      kind: 'doubt',
      detail: expect.stringContaining('stopping'),
    });
    expect(orders(worker)).toHaveLength(1);
    character.stopping = false;
    expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'done' });
  });

  test('tells a worker that was started in place of another one nothing, until everything was read from it', async () => {
    const { worker, runtime, character } = await stage((line) =>
      line === 'show backend' ? '# name\n' : line === 'show servers state' ? '1\n# be_id be_name\n' : agreeable(line),
    );
    await runtime.run(seven, [addRow]);
    character.pid = 43;
    for (const _ of ['first', 'second']) {
      expect(await runtime.run(seven, [addRow])).toEqual({
        kind: 'doubt',
        detail: 'worker 43 was started in place of another one',
      });
    }
    expect(orders(worker)).toHaveLength(1);
    expect(await runtime.read(seven, { backends: 'all', maps: [] })).toMatchObject({ generation: 7 });
    expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'done' });
  });

  test('sends nothing of the next kind after a refusal', async () => {
    const { worker, runtime } = await stage((line) => (line.includes('s2') ? 'Not today.\n' : agreeable(line)));
    const second = addServer('b', { name: 's2', port: 2 });
    const batch = [addServer('b', { name: 's1', port: 1 }), second, addRow, removeServer('b', 's0')];
    expect(await runtime.run(seven, batch)).toEqual({ kind: 'refused', command: second, reply: 'Not today.' });
    expect(orders(worker)).toEqual([
      'add server b/s1 127.0.0.1:1 id 2',
      'add server b/s2 127.0.0.1:2 id 3',
      'set server b/s1 state ready',
    ]);
  });

  test('carries out what comes before a command that cannot be said, and nothing behind it', async () => {
    const { worker, runtime } = await stage(agreeable);
    const hostile: RuntimeCommand = { do: 'add-row', map: 'maps/hosts.map', key: 'x\nshutdown frontend f', value: 'b' };
    const result = await runtime.run(seven, [addRow, hostile, removeServer('b', 's1')]);
    expect(result).toMatchObject({ kind: 'refused', command: hostile });
    expect(orders(worker)).toEqual(['add map maps/hosts.map a.example b']);
  });

  test('finds its replies behind what was logged meanwhile', async () => {
    const log = '[WARNING] (42) : Server b/old is going DOWN for maintenance.\n';
    const { runtime } = await stage((line) =>
      /^(?:add|del) server/.test(line) ? `${log}${agreeable(line)}` : agreeable(line),
    );
    const batch = [addServer('b', { name: 's1' }), removeServer('b', 's0')];
    expect(await runtime.run(seven, batch)).toMatchObject({ kind: 'done', left: [] });
  });

  test('wakes a tombstone on 2.6 with its address first', async () => {
    const exists = 'Already exists a server with the same name in backend.\n';
    const { worker, runtime } = await stage((line) => (line.startsWith('add server') ? exists : agreeable(line)), {
      version: '2.6.12',
    });
    const check = { tls: false, interMs: 500, fall: 3 };
    expect(await runtime.run(seven, [addServer('b', { name: 's1', port: 1, check })])).toMatchObject({ kind: 'done' });
    expect(orders(worker).slice(1)).toEqual([
      'set server b/s1 addr 127.0.0.1 port 1',
      'enable health b/s1',
      'set server b/s1 state ready',
    ]);
  });

  test('replaces a leftover where servers can be deleted', async () => {
    let there = true;
    const { worker, runtime } = await stage((line) => {
      if (line.startsWith('del server')) there = false;
      return line.startsWith('add server') && there
        ? 'Already exists a server with the same name in backend.\n'
        : agreeable(line);
    });
    expect(await runtime.run(seven, [addServer('b', { name: 's1', port: 1 })])).toMatchObject({ kind: 'done' });
    expect(orders(worker)).toEqual([
      'add server b/s1 127.0.0.1:1 id 2',
      'del server b/s1',
      'add server b/s1 127.0.0.1:1 id 2',
      'set server b/s1 state ready',
    ]);
  });

  test('deletes no server on 2.6', async () => {
    const { worker, runtime } = await stage(agreeable, { version: '2.6.12' });
    expect(await runtime.run(seven, [removeServer('b', 's1')])).toMatchObject({ kind: 'done', left: [] });
    expect(await runtime.sweep(seven, [{ backend: 'b', server: 's1' }])).toEqual([]);
    expect(orders(worker)).toEqual(['set server b/s1 state maint']);
  });

  test('leaves servers that are in use, and sweeps them later', async () => {
    const attached = new Set(['b/s1', 'b/s2']);
    const { runtime } = await stage((line) => {
      if (line.startsWith('del server') && attached.has(line.slice('del server '.length)))
        return 'Server still has connections attached to it, cannot remove it.\n';
      return agreeable(line);
    });
    const servers = ['s1', 's2', 's3'];
    const result = await runtime.run(
      seven,
      servers.map((server) => removeServer('b', server)),
    );
    const left = [
      { backend: 'b', server: 's1' },
      { backend: 'b', server: 's2' },
    ];
    expect(result).toMatchObject({ kind: 'done', left });
    attached.delete('b/s2');
    expect(await runtime.sweep(seven, left)).toEqual(left.slice(0, 1));
    expect(await runtime.sweep(generation(8), left)).toEqual(left);
  });

  test('is content when what has to go is gone', async () => {
    const { runtime } = await stage((line) => (line.startsWith('del map') ? 'Key not found.\n' : 'No such server.\n'));
    const batch: readonly RuntimeCommand[] = [
      { do: 'delete-row', map: 'maps/hosts.map', key: 'a.example' },
      removeServer('b', 's1'),
    ];
    expect(await runtime.run(seven, batch)).toMatchObject({ kind: 'done', left: [] });
    expect(await runtime.run(seven, [setAdmission('b', 's1', 'maint')])).toMatchObject({ kind: 'refused' });
  });

  test.each([
    ['an extra prompt', (line: string) => (line.includes('/s5 ') ? '\n> ' : '')],
    ['a reply too few', (line: string) => (line.includes('/s5 ') ? { cut: '' } : '')],
    ['an unknown command', (line: string) => (line.includes('/s5 ') ? 'Unknown command. Please enter one of\n' : '')],
    ['a proxy of a worker that was replaced', (line: string) => (line.includes('/s5 ') ? 'Proxy is disabled.\n' : '')],
    ['silence', (line: string) => (line.includes('/s5 ') ? undefined : '')],
  ])('is in doubt after %s, and starts on a new connection', async (_what, script) => {
    let odd = true;
    const { worker, runtime } = await stage((line) => (odd ? script(line) : ''), { deadlineMs: 200 });
    const batch = Array.from({ length: 10 }, (_, n) => setAdmission('b', `s${n}`, 'ready'));
    expect(await runtime.run(seven, batch)).toMatchObject({ kind: 'doubt' });
    odd = false;
    expect(await runtime.run(seven, batch)).toMatchObject({ kind: 'done' });
    expect(worker.connections()).toBe(2);
  });

  test('is carried out whatever pieces the replies come in', async () => {
    const { runtime } = await stage(agreeable, { chunks: (text) => [...text] });
    const batch: readonly RuntimeCommand[] = [addServer('b', { name: 's1' }), addRow, removeServer('b', 's0')];
    expect(await runtime.run(seven, batch)).toMatchObject({ kind: 'done' });
  });

  test('takes its connection up again where HAProxy dropped it between two batches', async () => {
    const { worker, runtime } = await stage(agreeable);
    await runtime.run(seven, [addRow]);
    worker.hangUp();
    expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'done' });
    expect(worker.connections()).toBe(2);
  });

  test('is in doubt when it is closed under way, and connects anew', async () => {
    const { worker, runtime } = await stage((line) => (line.endsWith('stuck') ? undefined : agreeable(line)));
    const running = runtime.run(seven, [{ do: 'add-row', map: 'maps/hosts.map', key: 'a', value: 'stuck' }]);
    await expect.poll(() => orders(worker)).toHaveLength(1);
    runtime.close();
    expect(await running).toMatchObject({ kind: 'doubt' });
    expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'done' });
  });

  test('does one batch after the other', async () => {
    const { worker, runtime } = await stage(agreeable);
    const batches = ['b', 'c', 'd'].map((backend) => runtime.run(seven, [addServer(backend, { name: 's', port: 1 })]));
    expect(await Promise.all(batches)).toMatchObject([{ kind: 'done' }, { kind: 'done' }, { kind: 'done' }]);
    expect(orders(worker)).toEqual(
      ['b', 'c', 'd'].flatMap((backend) => [
        `add server ${backend}/s 127.0.0.1:1 id 2`,
        `set server ${backend}/s state ready`,
      ]),
    );
  });

  test('revives what is known to be there without adding it', async () => {
    const { worker, runtime } = await stage(agreeable);
    const server = serverOf({ name: 's1', port: 1 });
    const command = addServer('b', { name: 's1', port: 1 });
    if (command.do !== 'add-server') throw new Error('not an addition');
    expect(await runtime.run(seven, [{ do: 'revive-server', backend: command.backend, server }])).toMatchObject({
      kind: 'done',
    });
    expect(orders(worker)).toEqual(['set server b/s1 addr 127.0.0.1 port 1', 'set server b/s1 state ready']);
  });
});

describe('reading an answer that is none to its question', () => {
  const state = (backend: string): string =>
    `1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n3 ${backend} 1 s1 127.0.0.1 2 0 80\n`;
  const maps = ['maps/hosts.map', 'maps/wildcards.map'] as const;
  const rows = [{ map: 'maps/hosts.map', key: 'a.example' }] as const;
  test.each([
    ['of another backend', { backends: ['b'], maps: [] }, state('c')],
    ['that ends within a line', { backends: ['b'], maps: [] }, state('b').slice(0, -3)],
    ['without names of backends', { backends: 'all', maps: [] }, state('b')],
    ['about another row', { backends: [], maps: [], rows }, 'type=str, found=yes, idx=tree, key="z", value="b"\n'],
    ['of silence about a row', { backends: [], maps: [], rows }, ''],
    ['of an error about a map', { backends: [], maps: ['maps/hosts.map'] }, 'Out of memory.\n'],
  ] as const)('%s concludes nothing', async (_what, question, answer) => {
    const { runtime } = await stage(() => answer);
    expect(await runtime.read(seven, question)).toBeUndefined();
  });

  test('knows rows of one map from those of another by what stands between them', async () => {
    const proof = 'PORTOLAN_GENERATION=7\n';
    const answers: Record<string, string> = { 'maps/hosts.map': '0x1 a b\n', 'maps/wildcards.map': '0x1 .a c\n' };
    const { runtime } = await stage((line) => answers[line.split(' ').at(-1) ?? ''] ?? '');
    const seen = await runtime.read(seven, { backends: [], maps });
    expect(seen?.maps.get('maps/wildcards.map')).toEqual(new Map([['.a', 'c']]));
    const { runtime: other } = await stage((line) => {
      const is = answers[line.split(' ').at(-1) ?? ''] ?? '';
      return line.endsWith('hosts.map') ? `${proof}\n> ${is}` : is;
    });
    expect(await other.read(seven, { backends: [], maps })).toBeUndefined();
  });
});

describe('replacing a map', () => {
  const rows = new Map(Array.from({ length: 2_000 }, (_, n) => [`host-${n}.example.com`, `backend_${n}`]));
  const replace: RuntimeCommand = { do: 'replace-map', map: 'maps/hosts.map', rows };

  /** Versions of one map as HAProxy keeps them; `lose` rows of the first payloads. */
  function mapOf(lose: number) {
    const versions = new Map<number, string[]>();
    let current = 0;
    let newest = 0;
    let losses = lose;
    const committed: number[] = [];
    const script = (line: string, payload?: string): Answer => {
      const version = Number(/@(\d+)/.exec(line)?.[1]);
      if (line === 'show map')
        return `# id (file) description\n0 (maps/hosts.map) pattern loaded from file 'maps/hosts.map' used by map. curr_ver=${current} next_ver=${newest} entry_cnt=0\n`;
      if (line.startsWith('prepare map')) {
        newest += 1;
        versions.set(newest, []);
        return `New version created: ${newest}\n`;
      }
      if (line.startsWith('add map') && payload !== undefined) {
        const lost = losses > 0 ? 1 : 0;
        losses -= lost;
        versions.get(version)?.push(...payload.trim().split('\n').slice(lost));
      }
      if (line.startsWith('show map @'))
        return (versions.get(version) ?? []).map((row, n) => `0x55${n} ${row}\n`).join('');
      if (line.startsWith('clear map')) versions.delete(version);
      if (line.startsWith('commit map')) {
        current = version;
        committed.push(version);
      }
      return '';
    };
    return { script, versions, committed, leaveOpen: () => script('prepare map maps/hosts.map') };
  }

  test('commits what was counted', async () => {
    const map = mapOf(0);
    const { runtime } = await stage(map.script);
    expect(await runtime.run(seven, [replace])).toMatchObject({ kind: 'done' });
    expect(map.committed).toEqual([1]);
    expect(map.versions.get(1)).toEqual([...rows].map(([key, value]) => `${key} ${value}`));
  });

  test('throws an incomplete version away and tries once more', async () => {
    const map = mapOf(1);
    const { runtime } = await stage(map.script);
    expect(await runtime.run(seven, [replace])).toMatchObject({ kind: 'done' });
    expect(map.committed).toEqual([2]);
    expect([...map.versions.keys()]).toEqual([2]);
    expect(map.versions.get(2)).toHaveLength(2_000);
  });

  test('never commits an incomplete version', async () => {
    const map = mapOf(1_000);
    const { worker, runtime } = await stage(map.script);
    expect(await runtime.run(seven, [replace, addRow])).toEqual({
      kind: 'refused',
      command: replace,
      reply: expect.stringMatching(/^199\d of 2000 rows arrived in maps\/hosts.map$/),
    });
    expect(map.committed).toEqual([]);
    expect(map.versions.size).toBe(0);
    expect(orders(worker).some((line) => line.startsWith('add map maps'))).toBe(false);
  });

  test('leaves what is to be read afterwards to a question of its own, as it needs several exchanges', async () => {
    const map = mapOf(0);
    const { worker, runtime } = await stage(map.script);
    const done = await runtime.run(seven, [addRow, replace], { backends: ['b'], maps: [] });
    expect(done).toMatchObject({ kind: 'done' });
    expect(done).not.toHaveProperty('observed');
    expect(worker.heard).not.toContain('show servers state b');
  });

  test('empties a version that somebody left open before it opens one', async () => {
    const map = mapOf(0);
    map.leaveOpen();
    const { worker, runtime } = await stage(map.script);
    expect(await runtime.run(seven, [replace])).toMatchObject({ kind: 'done' });
    expect(orders(worker).slice(0, 3)).toEqual([
      'show map',
      'clear map @1 maps/hosts.map',
      'prepare map maps/hosts.map',
    ]);
    expect(map.committed).toEqual([2]);
  });
});

describe('what is to be read after a batch', () => {
  const question = { backends: ['b'], maps: [], rows: [{ map: addRow.map, key: addRow.key }] } as const;
  const STATE =
    '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n3 b 5 s1 127.0.0.1 2 1 8001\n';
  /** Shows server s1 of backend b, in maintenance, and no row. */
  const shows = (line: string): Answer => {
    if (line.startsWith('show servers state')) return STATE;
    return line.startsWith('get map') ? 'type=str, case=sensitive, found=no\n' : agreeable(line);
  };
  const maint = setAdmission('b', 's1', 'maint');

  test('is asked together with its last commands', async () => {
    const { worker, runtime } = await stage(shows);
    await runtime.read(seven, question);
    worker.heard.length = 0;
    const done = await runtime.run(seven, [addRow, maint], question);
    expect(done).toMatchObject({ kind: 'done' });
    const s1 = { name: 's1', id: 5, address: '127.0.0.1', port: 8_001, admission: 'maint', up: false };
    expect(done.kind === 'done' && done.observed).toEqual({
      generation: 7,
      backends: new Map([['b', [s1]]]),
      maps: new Map([['maps/hosts.map', new Map()]]),
    });
    expect(worker.heard).toEqual([
      'add map maps/hosts.map a.example b',
      'show env PORTOLAN_GENERATION',
      'set server b/s1 state maint',
      'show info',
      'show servers state b',
      'get map maps/hosts.map a.example',
      'show env PORTOLAN_GENERATION',
    ]);
  });

  test.each([
    ['its worker was told to end meanwhile', (character: Character) => (character.stopping = true)],
    ['another worker answers', (character: Character) => (character.pid = 43)],
  ])('is not what was seen where %s', async (_, change) => {
    const staged = await stage((line) => {
      if (line.startsWith('set server')) change(staged.character);
      return shows(line);
    });
    const done = await staged.runtime.run(seven, [maint], question);
    expect(done).toMatchObject({ kind: 'done' });
    expect(done).not.toHaveProperty('observed');
  });

  test('is not what was seen where an answer is none', async () => {
    const { runtime } = await stage((line) => (line.startsWith('show servers') ? 'Permission denied\n' : shows(line)));
    const done = await runtime.run(seven, [maint], question);
    expect(done).toMatchObject({ kind: 'done' });
    expect(done).not.toHaveProperty('observed');
  });

  test('is not listened to where a command was refused', async () => {
    const { runtime } = await stage((line) => (line.startsWith('set server') ? 'No such server.\n' : shows(line)));
    expect(await runtime.run(seven, [maint], question)).toEqual({
      kind: 'refused',
      command: maint,
      reply: 'No such server.',
    });
  });
});

describe('read', () => {
  test('gives what there is of what was asked for', async () => {
    const { worker, runtime } = await stage((line) => {
      if (line === 'show map maps/hosts.map') return '0x55 a.example b\n';
      if (line === 'show servers state b')
        return '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n3 b 5 s1 127.0.0.1 2 0 8001\n';
      return line.startsWith('show map')
        ? 'Unknown map identifier. Please use #<id> or <file>.\n'
        : "Can't find backend.\n";
    });
    const seen = await runtime.read(seven, {
      backends: ['b', 'gone', 'x;shutdown frontend f', 'b'],
      maps: ['maps/hosts.map', 'maps/hsts.map'],
    });
    const s1 = { name: 's1', id: 5, address: '127.0.0.1', port: 8_001, admission: 'ready', up: true };
    expect(seen).toEqual({
      generation: 7,
      backends: new Map([['b', [s1]]]),
      maps: new Map([['maps/hosts.map', new Map([['a.example', 'b']])]]),
    });
    expect(orders(worker)).toEqual([
      'show servers state b',
      'show servers state gone',
      'show map maps/hosts.map',
      'show map maps/hsts.map',
    ]);
  });

  test('asks all of it, and who is there, in one exchange', async () => {
    const { worker, runtime } = await stage((line) =>
      line.startsWith('get map') ? 'type=str, case=sensitive, found=no\n' : "Can't find backend.\n",
    );
    await runtime.tier();
    worker.heard.length = 0;
    const row = { map: 'maps/hosts.map', key: 'a.example' } as const;
    expect(await runtime.read(seven, { backends: ['b'], maps: [], rows: [row] })).toMatchObject({
      maps: new Map([[row.map, new Map()]]),
    });
    const asked = [
      'show env PORTOLAN_GENERATION',
      'show info',
      'show servers state b',
      'get map maps/hosts.map a.example',
      'show env PORTOLAN_GENERATION',
    ];
    expect(worker.heard).toEqual(asked);
    expect(worker.mostWaiting()).toBe(asked.length);
  });

  test('takes nothing from a worker that was started in place of another one, though it was asked already', async () => {
    const { worker, runtime, character } = await stage(() => "Can't find backend.\n");
    expect(await runtime.read(seven, { backends: ['b'], maps: [] })).toBeDefined();
    worker.hangUp();
    character.pid = 43;
    expect(await runtime.read(seven, { backends: ['b'], maps: [] })).toBeUndefined();
  });

  test('gives backends without servers too where all are asked for', async () => {
    const { runtime } = await stage((line) =>
      line === 'show backend'
        ? '# name\nb\nempty\n'
        : '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_port\n3 b 5 s1 ::1 0 1 8001\n',
    );
    const seen = await runtime.read(seven, { backends: 'all', maps: [] });
    const s1 = { name: 's1', id: 5, address: '::1', port: 8_001, admission: 'maint', up: false };
    expect(seen?.backends).toEqual(
      new Map([
        ['b', [s1]],
        ['empty', []],
      ]),
    );
  });

  test('gives nothing of another generation, of nobody and of half an answer', async () => {
    const { runtime, worker } = await stage((line) => ({ cut: line }));
    expect(await runtime.read(generation(8), { backends: [], maps: [] })).toBeUndefined();
    expect(await runtime.read(seven, { backends: ['b'], maps: [] })).toBeUndefined();
    await worker.close();
    open.splice(open.indexOf(worker), 1);
    expect(await runtime.read(seven, { backends: [], maps: [] })).toBeUndefined();
  });
});

describe('tier', () => {
  test.each([
    ['2.6.12-1+deb12u4', 'C'],
    ['3.0.11-1+deb13u4', 'B'],
  ])('of %s is %s', async (version, tier) => {
    const { runtime } = await stage(() => '', { version });
    expect(await runtime.tier()).toBe(tier);
  });

  test('is D where nobody listens', async () => {
    const runtime = createRuntime({ socket: '/nonexistent/s.sock', clock: realClock });
    expect(await runtime.tier()).toBe('D');
    expect(await runtime.run(seven, [addRow])).toMatchObject({ kind: 'doubt' });
  });
});
