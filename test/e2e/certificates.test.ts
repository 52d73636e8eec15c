import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '../../src/haproxy/cli-connection.ts';
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
  readonly lastReload?: { readonly reason: string; readonly because: readonly string[] };
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

test('what somebody tells HAProxy behind Portolan’s back is found and put right', async () => {
  const fingerprint = await shown('shop.example');
  const run = join(platform.portolan.stateDir, 'run', 'haproxy.sock');
  const said = await ask(run, `del ssl crt-list certificates.list ${folder}/shop.pem`, 5_000);
  expect(said.ok && said.value).toContain('deleted');
  expect(await shown('shop.example')).not.toBe(fingerprint);
  // Within the distance of two comparisons, and nobody asks.
  await until('put right', async () => (await shown('shop.example')) === fingerprint, 45_000);
  const journal = () => readFile(`${platform.portolan.stateDir}/journal.ndjson`, 'utf8');
  await until('an entry', async () => (await journal()).includes(`"certificate-wrong ${folder}/shop.pem"`));
  expect(await worker()).toEqual(first);
});

test('another default needs a reload, and gets it', async () => {
  expect(await worker()).toEqual(first);
  const fingerprint = await put('Z.pem');
  await until('served', async () => (await shown()) === fingerprint);
  await until('counted', async () => (await worker()).reloads === first.reloads + 1);
  const { lastReload } = await status();
  expect(lastReload?.reason).toBe('certificates');
  expect(lastReload?.because).toEqual([`certificate ${folder}/Z.pem: default`]);
});

/** Stands between Portolan and HAProxy's command socket, until HAProxy makes that anew. */
interface Cutter {
  /** Cuts the connections on which the next certificates are sent, as soon as these are through. */
  cut(times: number): void;
  left(): number;
  close(): Promise<void>;
}

async function startCutter(): Promise<Cutter> {
  const run = join(platform.portolan.stateDir, 'run');
  const path = join(run, 'haproxy.sock');
  const [behind, mine] = [join(run, 'behind.sock'), join(run, 'mine.sock')];
  let left = 0;
  const open = new Set<Socket>();
  // Whoever asks a single question ends its half of the connection first.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const worker = connect({ path: behind, allowHalfOpen: true });
    const end = (): void => {
      client.destroy();
      worker.destroy();
    };
    client.on('data', (chunk: Buffer) => {
      const isCut = left > 0 && chunk.includes('set ssl cert');
      if (isCut) left -= 1;
      worker.write(chunk, () => isCut && end());
    });
    worker.on('data', (chunk: Buffer) => client.write(chunk));
    client.on('end', () => worker.end());
    worker.on('end', () => client.end());
    open.add(client);
    for (const socket of [client, worker]) socket.on('error', end).on('close', end);
  });
  await new Promise<void>((resolve) => server.listen(mine, resolve));
  await rename(path, behind);
  // A server removes the path that it was made with when it ends, and that is HAProxy's own again by then.
  await rename(mine, path);
  return {
    cut: (times) => {
      left = times;
    },
    left: () => left,
    close: async () => {
      for (const client of open) client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test('a reply that is cut is looked into; a reload is needed only when that happens again', async () => {
  await until('converged', async () => (await status()).converged);
  const before = await worker();
  const cutter = await startCutter();
  cutter.cut(1);
  const shop = await put('shop.pem');
  await until('cut', () => cutter.left() === 0);
  await until('served', async () => (await shown('shop.example')) === shop);
  await until('converged', async () => (await status()).converged);
  expect(await worker()).toEqual(before);

  cutter.cut(2);
  const renewed = await put('shop.pem');
  await until('reloaded', async () => (await worker()).reloads === before.reloads + 1);
  expect(cutter.left()).toBe(0);
  await until('served', async () => (await shown('shop.example')) === renewed);
  const { lastReload } = await status();
  expect(lastReload?.reason).toBe('certificates');
  expect(lastReload?.because).toEqual([expect.stringMatching(/^certificate certificates\.list: doubt \(.*\)$/)]);
  await cutter.close();
});

test('no private key was written anywhere', async () => {
  const journal = await readFile(`${platform.portolan.stateDir}/journal.ndjson`, 'utf8');
  const said = journal + platform.portolan.output();
  expect(said).toContain('shop.pem');
  for (const key of keys) expect(said).not.toContain(key);
});
