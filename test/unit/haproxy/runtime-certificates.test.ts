import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Generation } from '../../../src/core/config.ts';
import type { CertificateCommand } from '../../../src/core/runtime.ts';
import { createRuntime } from '../../../src/haproxy/runtime.ts';
import { makeSelfSigned } from '../../../src/source/self-signed.ts';
import { realClock } from '../../support/haproxy-rig.ts';
import { type Answer, type PlayedWorker, playWorker } from '../../support/played-worker.ts';

const LIST = 'certificates.list';
const GENERATION = 3 as Generation;

let folder: string;
let path: string;
let digest: string;
let key: string;
let worker: PlayedWorker;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptc-'));
  path = join(folder, 'shop.pem');
  const made = makeSelfSigned({ commonName: 'shop', names: ['shop.example'], notBefore: 0, notAfter: 1e12 });
  key = made.key.split('\n')[1] ?? '';
  await write(made.certificate + made.key);
});

afterEach(() => rm(folder, { recursive: true }));

async function write(text: string): Promise<void> {
  await writeFile(path, text);
  digest = createHash('sha256').update(text).digest('hex');
}

/** A worker that says what HAProxy says, unless `answer` has something else. */
async function start(answer: (line: string, payload?: string) => Answer | 'usual' = () => 'usual') {
  worker = await playWorker({
    answer(line, payload) {
      const said = answer(line, payload);
      return said === 'usual' ? usual(line) : said;
    },
  });
  const runtime = createRuntime({ socket: worker.path, clock: realClock, deadlineMs: 300 });
  onTestFinished(async () => {
    runtime.close();
    await worker.close();
  });
  return runtime.certificates;
}

function usual(line: string): string {
  if (line === 'show env PORTOLAN_GENERATION') return 'PORTOLAN_GENERATION=3\n';
  if (line === 'show info') return 'Name: HAProxy\nVersion: 3.0.11\nPid: 7\nStopping: 0\n';
  if (line === 'help') return 'help\n';
  const [verb = '', , what = '', name = ''] = line.split(' ');
  if (verb === 'new') return `New empty certificate store '${name}'!\n`;
  if (verb === 'set') return `Transaction created for certificate ${name}!\n`;
  if (verb === 'commit') return `Committing ${name}..\nSuccess!\n`;
  if (verb === 'add') return `Inserting certificate '${path}' in crt-list '${name}'.\nSuccess!\n`;
  if (verb === 'abort') return `Transaction aborted for certificate '${name}'!\n`;
  if (verb === 'del' && what === 'crt-list') return `Entry '${path}' deleted in crtlist '${name}'!\n`;
  if (verb === 'del') return `Certificate '${name}' deleted!\n`;
  return '\n';
}

const add = (): CertificateCommand => ({ do: 'add-certificate', list: LIST, certificate: path, digest });
const renew = (): CertificateCommand => ({ do: 'renew-certificate', certificate: path, digest });
const remove = (): CertificateCommand => ({ do: 'remove-certificate', list: LIST, certificate: path });

/** What was heard, without questions for who is there and without payloads. */
const heard = (): readonly string[] =>
  worker.heard.flatMap((line) =>
    /^(?:prompt|show (?:env|info)|help)/.test(line) ? [] : [line.split('\n', 1)[0] ?? ''],
  );

test('a new one is made, filled, committed, and only then put into the list', async () => {
  const { tell } = await start();
  expect(await tell(GENERATION, add())).toEqual({ kind: 'done' });
  expect(heard()).toEqual([
    `new ssl cert ${path}`,
    `set ssl cert ${path} <<`,
    `commit ssl cert ${path}`,
    `add ssl crt-list ${LIST} ${path}`,
  ]);
  const payload = worker.heard.find((line) => line.startsWith('set ssl cert'));
  expect(payload).toContain(key);
  expect(payload).not.toContain('\n\n');
});

test('one that is there without being listed is filled again', async () => {
  const { tell } = await start((line) =>
    line.startsWith('new') ? `Certificate '${path}' already exists!\n` : 'usual',
  );
  expect(await tell(GENERATION, add())).toEqual({ kind: 'done' });
});

test('one that something else is bound with leaves the list, and that is enough', async () => {
  const inUse = `Can't remove the certificate: certificate '${path}' in use, can't be deleted!\n\n`;
  const { tell } = await start((line) => (line.startsWith('del ssl cert') ? inUse : 'usual'));
  expect(await tell(GENERATION, remove())).toEqual({ kind: 'done' });
  expect(heard()).toEqual([`del ssl crt-list ${LIST} ${path}`, `del ssl cert ${path}`]);
});

describe('what counts is the end of a reply', () => {
  test('logs and dots before it are none of our business', async () => {
    const { tell } = await start((line) =>
      line.startsWith('commit') ? `Server a/b is going DOWN.\nCommitting ${path}......\nSuccess!\n` : 'usual',
    );
    expect(await tell(GENERATION, renew())).toEqual({ kind: 'done' });
  });

  test('a success before a failure is none', async () => {
    const { tell } = await start((line) => (line.startsWith('commit') ? 'Success!\nFailed!\n' : 'usual'));
    expect(await tell(GENERATION, renew())).toMatchObject({ kind: 'refused' });
    expect(heard().at(-1)).toBe(`abort ssl cert ${path}`);
  });
});

describe('a refusal', () => {
  test('leaves no transaction, and lists nothing', async () => {
    const { tell } = await start((line) =>
      line.startsWith('commit') ? `inconsistencies between private key and certificate loaded '${path}'.\n` : 'usual',
    );
    expect(await tell(GENERATION, add())).toEqual({
      kind: 'refused',
      reply: `commit ssl cert: inconsistencies between private key and certificate loaded '${path}'.`,
    });
    expect(heard().slice(-2)).toEqual([`commit ssl cert ${path}`, `abort ssl cert ${path}`]);
  });

  test.each([
    ['2.6', (other: string) => `Transaction updated for certificate ${other}!\n`],
    ['3.0', (other: string) => `The ongoing transaction is about '${other}' but you are trying to set 'x'\nCan't!\n`],
  ])('because another transaction is open makes room, as %s says it', async (_, says) => {
    let open = true;
    const { tell } = await start((line) => {
      if (line === 'abort ssl cert /other.pem') open = false;
      return open && line.startsWith('set ssl cert') ? says('/other.pem') : 'usual';
    });
    expect(await tell(GENERATION, renew())).toEqual({ kind: 'done' });
  });

  test('is no reason to send what is not what was planned', async () => {
    const { tell } = await start();
    const planned = renew();
    await write('something else');
    expect(await tell(GENERATION, planned)).toEqual({
      kind: 'refused',
      reply: 'not sent: its file has changed meanwhile',
    });
    await rm(path);
    expect(await tell(GENERATION, planned)).toEqual({
      kind: 'refused',
      reply: 'not sent: its file cannot be read (ENOENT)',
    });
    const strange = { ...planned, certificate: '/c/a.pem; show info' };
    expect(await tell(GENERATION, strange)).toMatchObject({ kind: 'refused', reply: /cannot be said/ });
    expect(heard()).toEqual([]);
  });
});

describe('doubt, without a word of the key', () => {
  const quoting = (payload = ''): string => payload.split('\n').at(-4) ?? '';

  test.each<[string, (line: string, payload?: string) => Answer | 'usual']>([
    ['a cut reply', (line) => (line.startsWith('commit') ? { cut: 'Committing' } : 'usual')],
    ['no reply', (line) => (line.startsWith('set') ? undefined : 'usual')],
    [
      'another worker',
      (line) => (line.startsWith('show env') && heard().length > 0 ? 'PORTOLAN_GENERATION=4\n' : 'usual'),
    ],
    [
      'a payload taken for commands',
      (line, payload) =>
        line.startsWith('set') ? `Unknown command: '${quoting(payload)}', but maybe one of\n` : 'usual',
    ],
    [
      'more replies than lines',
      (line, payload) =>
        line.startsWith('set') ? `Unknown command: '${quoting(payload)}'\n\n> Unknown\n> \n> ` : 'usual',
    ],
  ])('%s', async (_, answer) => {
    const { tell } = await start(answer);
    const told = await tell(GENERATION, renew());
    expect(told.kind).toBe('doubt');
    const payload = worker.heard.find((line) => line.startsWith('set ssl cert'))?.split('\n') ?? [];
    expect(payload.length).toBeGreaterThan(10);
    for (const secret of payload.slice(1).filter((line) => line !== '')) {
      expect(JSON.stringify(told)).not.toContain(secret);
    }
  });

  test('a refusal that quotes it', async () => {
    const { tell } = await start((line, payload) => (line.startsWith('set') ? `bad: ${quoting(payload)}\n` : 'usual'));
    expect(await tell(GENERATION, renew())).toEqual({ kind: 'refused', reply: 'set ssl cert: bad: …' });
  });
});

describe('reading', () => {
  test('tells paths of the list and fingerprints of certificates', async () => {
    const fingerprint = 'A'.repeat(40);
    const { read } = await start((line) => {
      if (line === `show ssl crt-list ${LIST}`) return `# ${LIST}\n/c/a.pem\n/c/b.pem [alpn h2] b.example\n`;
      if (line === 'show ssl cert /c/a.pem')
        return `Filename: /c/a.pem\nSHA1 FingerPrint: ${fingerprint}\nSubject: /CN=a\n`;
      return line.startsWith('show ssl cert') ? "Can't display the certificate: Not found!\n" : 'usual';
    });
    expect(await read(GENERATION, { list: LIST, paths: ['/c/a.pem', '/c/z.pem', '/c/;quit'] })).toEqual({
      listed: ['/c/a.pem', '/c/b.pem'],
      fingerprints: new Map([['/c/a.pem', fingerprint]]),
    });
    expect(heard()).not.toContain('show ssl cert /c/;quit');
  });

  test('tells a list that is not there, and nothing of another generation', async () => {
    const { read } = await start((line) =>
      line.startsWith('show ssl') ? "didn't find the specified filename\n" : 'usual',
    );
    expect(await read(GENERATION, { list: LIST, paths: [] })).toEqual({ fingerprints: new Map() });
    expect(await read(4 as Generation, { list: LIST, paths: [] })).toBeUndefined();
  });
});
