import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inspectPem } from '../../src/source/pem.ts';
import { makeSelfSigned } from '../../src/source/self-signed.ts';
import { createPlatform, type Platform } from '../support/platform.ts';
import { until } from '../support/portolan-process.ts';
import { shownTo, tlsClient } from '../support/tls-clients.ts';

// One life of a node, test after test: an operator changes certificate files, and HAProxy is never reloaded for it.

const DAY = 24 * 3_600_000;
let platform: Platform;
let folder = '';
const keys: string[] = [];
let first: Awaited<ReturnType<typeof worker>>;

interface Status {
  readonly converged: boolean;
  readonly degraded: readonly string[];
  readonly haproxy: { readonly workerPid: number; readonly generation: number; readonly reloads: number };
}
const status = async () => (await platform.portolan.admin('/v1/status')).body as Status;
const worker = async () => {
  const { workerPid, reloads, generation } = (await status()).haproxy;
  return { workerPid, reloads, generation };
};

const shown = (name?: string) => shownTo(platform.portolan.ports.https, name);
const onDisk = () => readFile(`${platform.portolan.stateDir}/current/certificates.list`, 'utf8');

/** Puts a certificate where the operator would, in one go, and gives its fingerprint. */
async function put(file: string): Promise<string> {
  const now = Date.now();
  const name = file.replace('.pem', '.example');
  const made = makeSelfSigned({ commonName: name, names: [name], notBefore: now - DAY, notAfter: now + 30 * DAY });
  const pem = made.certificate + made.key;
  keys.push(made.key.split('\n')[1] ?? '');
  const inspected = inspectPem(file, pem, '', now);
  if (!inspected.ok || inspected.value.kind === 'authority') throw new Error('not usable');
  await place(file, pem);
  return inspected.value.certificate.carried?.fingerprint ?? '';
}

async function place(file: string, text: string): Promise<void> {
  await writeFile(join(folder, `.${file}`), text);
  await rename(join(folder, `.${file}`), join(folder, file));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ptc-'));
  await put('a.pem');
  platform = await createPlatform(31_300, { flags: ['--ssl-certs', folder], marathon: { secondMs: 100 } });
  await until('ready', async () => (await platform.portolan.admin('/readyz')).status === 200);
  first = await until('known', async () => {
    const now = await worker();
    return now.workerPid > 0 && now.generation > 0 && now;
  });
});
afterAll(async () => {
  await platform?.destroy();
  await rm(folder, { recursive: true, force: true });
});

test('a new certificate is served, and on disk soon after, without a reload', async () => {
  const fingerprint = await put('shop.pem');
  await until('served', async () => (await shown('shop.example')) === fingerprint);
  await until('published', async () => (await onDisk()).includes(`${folder}/shop.pem`));
  expect(await worker()).toEqual(first);
});

test('a renewed one is served, and who is connected stays so', async () => {
  const client = await tlsClient(platform.portolan.ports.https, 'shop.example');
  const [shop, plain] = [await put('shop.pem'), await put('a.pem')];
  await until('served', async () => (await shown('shop.example')) === shop && (await shown()) === plain);
  expect(await client.get('nobody.example')).toBe('HTTP/1.1 503 Service Unavailable');
  client.close();
  expect(await worker()).toEqual(first);
});

test('a broken file is told, and what it said before is served on', async () => {
  const served = await shown('shop.example');
  await place('shop.pem', 'no certificate');
  await until('told', async () => (await status()).degraded.includes('certificate-refused'));
  await until('converged', async () => (await status()).converged);
  expect(await shown('shop.example')).toBe(served);
  const fingerprint = await put('shop.pem');
  await until('served', async () => (await shown('shop.example')) === fingerprint);
  expect(await worker()).toEqual(first);
});

test('Portolan killed and started again adopts what the socket has changed', async () => {
  const served = await shown('shop.example');
  await platform.portolan.crash();
  const fingerprint = await put('late.pem');
  await platform.portolan.start();
  await until('served', async () => (await shown('late.example')) === fingerprint);
  await until('converged', async () => (await status()).converged);
  expect(await shown('shop.example')).toBe(served);
  expect(await worker()).toEqual(first);
});

test('one that is gone is served no more', async () => {
  await rm(join(folder, 'late.pem'));
  await until('gone', async () => (await shown('late.example')) === (await shown()));
  await until('published', async () => !(await onDisk()).includes('late.pem'));
  expect(await worker()).toEqual(first);
});

test('another default needs a reload, and gets it', async () => {
  expect(await worker()).toEqual(first);
  const fingerprint = await put('Z.pem');
  await until('served', async () => (await shown()) === fingerprint);
  await until('counted', async () => (await worker()).reloads === first.reloads + 1);
});

test('no private key was written anywhere', async () => {
  const journal = await readFile(`${platform.portolan.stateDir}/journal.ndjson`, 'utf8');
  const said = journal + platform.portolan.output();
  expect(said).toContain('shop.pem');
  for (const key of keys) expect(said).not.toContain(key);
});
