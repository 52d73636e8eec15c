import { createHash } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CertificateSet } from '../../../src/core/certificates.ts';
import type { Generation, RenderedConfig } from '../../../src/core/config.ts';
import { loadedConfig } from '../../../src/core/loaded.ts';
import type { Haproxy } from '../../../src/core/ports.ts';
import { formatNeed } from '../../../src/core/reload-need.ts';
import { CERTIFICATE_LIST, certificateList } from '../../../src/core/template-views.ts';
import { createKeptCertificates, type KeptCertificates } from '../../../src/daemon/kept-certificates.ts';
import { ask } from '../../../src/haproxy/cli-connection.ts';
import { loadCertificates } from '../../../src/source/certificates.ts';
import { makeSelfSigned } from '../../../src/source/self-signed.ts';
import { createHaproxyRig, generationOf, type HaproxyRig, portsFrom } from '../../support/haproxy-rig.ts';
import { shownTo, tlsClient } from '../../support/tls-clients.ts';

const freePort = portsFrom(31_200);
const DAY = 24 * 3_600_000;

function makePem(name: string, ...more: readonly string[]): string {
  const now = Date.now();
  const names = [name, ...more];
  const made = makeSelfSigned({ commonName: name, names, notBefore: now - DAY, notAfter: now + 30 * DAY });
  return made.certificate + made.key;
}

describe('certificates over the socket', () => {
  let rig: HaproxyRig;
  let haproxy: Haproxy;
  let kept: KeptCertificates;
  let serving: Generation;
  let folder: string;
  let config: RenderedConfig;
  let [tls, service] = [0, 0];

  const path = (name: string): string => join(folder, `${name}.pem`);
  const write = (name: string, text = makePem(`${name}.example`)): Promise<void> => writeFile(path(name), text);
  const read = (): Promise<CertificateSet> => loadCertificates([folder], Date.now());

  async function renderedWith(certificates: CertificateSet): Promise<RenderedConfig> {
    const frontend = [
      `bind 127.0.0.1:${tls} ssl crt-list ${CERTIFICATE_LIST}`,
      `bind 127.0.0.1:${service} ssl crt ${path('tcp')}`,
      'http-request return status 200',
    ];
    const plain = rig.config({ ports: [await freePort()], servers: ['none 127.0.0.1:1 disabled'], frontend });
    const list = certificateList(certificates);
    return {
      ...plain,
      files: new Map(plain.files).set(CERTIFICATE_LIST, list),
      digest: `${plain.digest}${list.length}`,
    };
  }

  const carry = (lane: KeptCertificates, certificates: CertificateSet) =>
    lane.carry({ generation: serving, loaded: loadedConfig(config), parts: { certificates } }, []);

  /** Reads the folder, and brings the worker to it. */
  async function follow(lane = kept) {
    const certificates = await read();
    const { commands, needs } = await carry(lane, certificates);
    const said = commands.map((command) => `${command.do} ${command.certificate.slice(folder.length + 1)}`);
    return { said, needs: needs.map(formatNeed) };
  }

  const fingerprintOf = async (name: string): Promise<string | undefined> =>
    (await read()).usable.find((certificate) => certificate.path === path(name))?.carried?.fingerprint;

  async function say(line: string): Promise<string> {
    const answer = await ask(rig.paths.runtimeSocket, line, 5_000);
    return answer.ok ? answer.value.trim() : `failed: ${answer.failure.detail}`;
  }

  beforeEach(async () => {
    rig = await createHaproxyRig();
    folder = join(rig.paths.root, 'certs');
    await mkdir(folder);
    [tls, service] = [await freePort(), await freePort()];
    for (const name of ['a-default', 'shop', 'tcp']) await write(name);
    haproxy = rig.adapter();
    await haproxy.start();
    const certificates = await read();
    config = await renderedWith(certificates);
    serving = generationOf(await rig.apply(haproxy, config));
    kept = createKeptCertificates(haproxy.runtime.certificates);
    kept.loaded(serving, certificates);
  });

  afterEach(async () => {
    // Whatever was done, one worker did it.
    expect((await haproxy.view()).generation).toBe(serving);
    await rig.cleanup();
  });

  test('a renewed one is shown to its name; who is connected stays so', async () => {
    const client = await tlsClient(tls, 'shop.example');
    expect(client.fingerprint).toBe(await fingerprintOf('shop'));
    await write('shop');
    expect(await follow()).toEqual({ said: ['renew-certificate shop.pem'], needs: [] });
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
    expect(await shownTo(tls, 'shop.example')).not.toBe(client.fingerprint);
    expect(await client.get('shop.example')).toBe('HTTP/1.1 200 OK');
    client.close();
    expect(await follow()).toEqual({ said: [], needs: [] });
  });

  test('the default one, and that of a service port, are renewed as well', async () => {
    await write('a-default');
    await write('tcp');
    expect((await follow()).said).toEqual(['renew-certificate a-default.pem', 'renew-certificate tcp.pem']);
    expect(await shownTo(tls)).toBe(await fingerprintOf('a-default'));
    expect(await shownTo(service)).toBe(await fingerprintOf('tcp'));
  });

  test('a new one is shown to its name, until it is gone again', async () => {
    const client = await tlsClient(tls, 'shop.example');
    await write('new');
    expect(await follow()).toEqual({ said: ['add-certificate new.pem'], needs: [] });
    expect(await shownTo(tls, 'new.example')).toBe(await fingerprintOf('new'));
    await rm(path('new'));
    expect(await follow()).toEqual({ said: ['remove-certificate new.pem'], needs: [] });
    expect(await shownTo(tls, 'new.example')).toBe(await fingerprintOf('a-default'));
    expect(await say('show ssl cert')).not.toContain('new.pem');
    await write('new');
    expect((await follow()).said).toEqual(['add-certificate new.pem']);
    expect(await shownTo(tls, 'new.example')).toBe(await fingerprintOf('new'));
    expect(await client.get('shop.example')).toBe('HTTP/1.1 200 OK');
    client.close();
  });

  test('one that a service port is bound with leaves the list only', async () => {
    const before = await fingerprintOf('tcp');
    await rm(path('tcp'));
    expect(await follow()).toEqual({ said: ['remove-certificate tcp.pem'], needs: [] });
    expect(await shownTo(tls, 'tcp.example')).toBe(await fingerprintOf('a-default'));
    expect(await shownTo(service)).toBe(before);
    await write('tcp');
    expect(await follow()).toEqual({ said: ['add-certificate tcp.pem'], needs: [] });
    expect(await shownTo(service)).toBe(await fingerprintOf('tcp'));
  });

  test('a broken file leaves what is served, and costs the others nothing', async () => {
    const before = await fingerprintOf('shop');
    await write('shop', 'no certificate');
    await write('new');
    expect(await follow()).toEqual({ said: ['add-certificate new.pem'], needs: [] });
    expect(await shownTo(tls, 'shop.example')).toBe(before);
    await write('shop');
    expect((await follow()).said).toEqual(['renew-certificate shop.pem']);
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
  });

  test('one that HAProxy refuses keeps the old one, leaves nothing open, and needs a reload', async () => {
    const before = await fingerprintOf('shop');
    await write('shop');
    const certificates = await read();
    const key = makePem('other.example').split(/(?=-----BEGIN PRIVATE)/)[1] ?? '';
    await write('shop', `${(await readFile(path('shop'), 'utf8')).split('-----BEGIN PRIVATE')[0]}${key}`);
    const digest = await digestOf(path('shop'));
    const wrong = {
      ...certificates,
      usable: certificates.usable.map((one) => (one.path === path('shop') ? { ...one, digest } : one)),
    };
    await write('new');
    const added = (await read()).usable.filter((one) => one.path === path('new'));
    const { commands, needs } = await carry(kept, { ...wrong, usable: [...wrong.usable, ...added] });
    expect(commands.map(({ certificate }) => certificate)).toEqual([path('new')]);
    expect(needs.map(formatNeed)).toEqual([
      expect.stringMatching(/^certificate .*shop\.pem: refused \(commit ssl cert: incon/),
    ]);
    expect(JSON.stringify(needs)).not.toContain(key.split('\n')[1]);
    expect(await shownTo(tls, 'shop.example')).toBe(before);
    expect(await say('show ssl cert')).not.toContain('transaction');
  });

  test('a transaction that somebody left open is in nobody’s way', async () => {
    const left = (await readFile(path('a-default'), 'utf8')).replace(/\n\n/g, '\n');
    expect(await say(`set ssl cert ${path('tcp')} <<\n${left}`)).toContain('Transaction created');
    await write('shop');
    expect(await follow()).toEqual({ said: ['renew-certificate shop.pem'], needs: [] });
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
    expect(await shownTo(service)).toBe(await fingerprintOf('tcp'));
  });

  test('who comes later reads what the worker holds, and tells it no more than it lacks', async () => {
    await write('shop');
    await write('new');
    await follow();
    await write('tcp');
    await rm(path('new'));
    const later = createKeptCertificates(haproxy.runtime.certificates);
    // What was loaded is known by its list alone: the renewed one may have been chained to others.
    const { said, needs } = await follow(later);
    expect(said.sort()).toEqual([
      'remove-certificate new.pem',
      'renew-certificate shop.pem',
      'renew-certificate tcp.pem',
    ]);
    expect(needs).toEqual([]);
    expect(await follow(later)).toEqual({ said: [], needs: [] });
    later.doubt();
    expect(await follow(later)).toEqual({ said: [], needs: [] });
  });

  test('what somebody else told the worker is put right after a doubt', async () => {
    expect(await say(`del ssl crt-list ${CERTIFICATE_LIST} ${path('shop')}`)).toContain('deleted');
    kept.doubt();
    expect(await follow()).toEqual({ said: ['add-certificate shop.pem'], needs: [] });
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
  });

  test('a key in a file of its own is sent along', async () => {
    const [certificate, key] = makePem('new.example').split(/(?=-----BEGIN PRIVATE)/);
    await writeFile(`${path('new')}.key`, key ?? '');
    await write('new', certificate);
    expect(await follow()).toEqual({ said: ['add-certificate new.pem'], needs: [] });
    expect(await shownTo(tls, 'new.example')).toBe(await fingerprintOf('new'));
  });

  test('of two for a name the one that the list names first counts: it can be told only where it comes last', async () => {
    await write('z-shop', makePem('shop.example'));
    expect(await follow()).toEqual({ said: ['add-certificate z-shop.pem'], needs: [] });
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
    await write('z-shop', makePem('shop.example'));
    expect((await follow()).said).toEqual(['renew-certificate z-shop.pem']);
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
    await write('shop');
    expect(await follow()).toEqual({ said: [], needs: [`certificate ${path('shop')}: order`] });
    await write('z-shop', makePem('shop.example'));
    expect((await follow()).said).toEqual(['renew-certificate shop.pem', 'renew-certificate z-shop.pem']);
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
  });

  test('what HAProxy loads beside a certificate is loaded, not told', async () => {
    const before = await fingerprintOf('shop');
    await write('shop');
    await writeFile(`${path('shop')}.issuer`, await readFile(path('a-default'), 'utf8'));
    expect(await follow()).toEqual({ said: [], needs: [`certificate ${path('shop')}: companions`] });
    expect(await shownTo(tls, 'shop.example')).toBe(before);
  });

  test('a long chain fits or is left to a reload', async () => {
    const chain = (count: number): string => {
      const links = Array.from({ length: count }, () => makePem('link.example').split('-----BEGIN PRIVATE')[0]);
      return makePem('shop.example') + links.join('');
    };
    await write('shop', chain(18));
    expect((await read()).usable.find((one) => one.path === path('shop'))?.carried?.size).toBeGreaterThan(9_000);
    expect(await follow()).toEqual({ said: ['renew-certificate shop.pem'], needs: [] });
    expect(await shownTo(tls, 'shop.example')).toBe(await fingerprintOf('shop'));
    const before = await fingerprintOf('shop');
    await write('shop', chain(30));
    expect(await follow()).toEqual({ said: [], needs: [`certificate ${path('shop')}: size`] });
    expect(await shownTo(tls, 'shop.example')).toBe(before);
  });
});

async function digestOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
