import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import { addSelfSigned, loadCertificates } from '../../../src/source/certificates.ts';
import { makeSelfSigned } from '../../../src/source/self-signed.ts';

const NOW = Date.parse('2026-06-01T00:00:00Z');
const DAY = 24 * 3_600_000;

function pair(names: readonly string[], from = NOW - DAY, to = NOW + 90 * DAY) {
  return makeSelfSigned({ commonName: 'x', names, notBefore: from, notAfter: to });
}
const pem = (...given: Parameters<typeof pair>) => {
  const { certificate, key } = pair(...given);
  return certificate + key;
};

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'portolan-certs-'));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, '..'), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

const openssl = (words: readonly string[], input: string): string =>
  execFileSync('openssl', words, { input, stdio: ['pipe', 'pipe', 'ignore'] }).toString();

test('a folder’s certificates are found with their names, also in folders below; the first one is the default', async () => {
  const folder = await folderWith({
    'b.pem': pem(['B.example', '*.b.example']),
    'a/a.pem': pem(['a.example']),
    '.hidden.pem': 'x',
  });
  const single = join(await folderWith({ 'z.pem': pem(['z.example']) }), 'z.pem');
  const set = await loadCertificates([single, folder], NOW);
  expect(set).toMatchObject({
    folders: [folder],
    usable: [
      { path: single, names: ['z.example'], notAfter: new Date(NOW + 90 * DAY).toISOString() },
      { path: join(folder, 'a/a.pem'), names: ['a.example'] },
      { path: join(folder, 'b.pem'), names: ['*.b.example', 'b.example'] },
    ],
    refused: [],
    authorities: [],
  });
  expect((await loadCertificates([folder, single], NOW)).usable[0]?.path).toBe(join(folder, 'a/a.pem'));
});

describe('bad files are named with a reason and cost only themselves', () => {
  const good = pair(['good.example']);
  const other = pair(['other.example']);
  const weakKey = String(
    generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  );
  const keyFile = join(mkdtempSync(join(tmpdir(), 'portolan-weak-')), 'key');
  writeFileSync(keyFile, weakKey);
  const weak = openssl(['req', '-x509', '-key', keyFile, '-subj', '/CN=weak.example', '-days', '30'], '');
  const encrypted = openssl(['pkcs8', '-topk8', '-passout', 'pass:secret'], good.key);
  const cases: readonly [string, string, RegExp][] = [
    ['empty', '', /no certificate/],
    ['random bytes', '\u0000\u0001garbage', /no certificate/],
    ['a key alone', good.key, /without certificate/],
    ['another key', good.certificate + other.key, /does not fit/],
    ['cut', good.certificate.slice(0, 200) + good.key, /without certificate/],
    ['broken base64', good.certificate.replace(/^MII/m, '!!!') + good.key, /not usable/],
    ['an encrypted key', good.certificate + encrypted, /encrypted/],
    ['a key too weak for OpenSSL', weak + weakKey, /not usable.*small/],
    ['too large', `${good.certificate}${good.key}${' '.repeat(1_100_000)}`, /larger than 1 MiB/],
  ];
  for (const [name, text, reason] of cases) {
    test(name, async () => {
      const folder = await folderWith({ 'bad.pem': text, 'good.pem': pem(['good.example']) });
      const set = await loadCertificates([folder], NOW);
      expect(set.usable.map(({ path }) => path)).toEqual([join(folder, 'good.pem')]);
      expect(set.refused).toEqual([{ path: join(folder, 'bad.pem'), reason: expect.stringMatching(reason) }]);
    });
  }

  test.each(['a b', 'a\tb', 'a"b', "a'b", 'a[b', 'a]b', 'a\\b', 'a#b', 'a\nb'])('a path such as %j', async (name) => {
    const folder = await folderWith({
      [`${name}.pem`]: pem(['bad.example']),
      [`${name}/ca.pem`]: pair(['ca.example']).certificate,
      'good.pem': pem(['good.example']),
    });
    const set = await loadCertificates([folder], NOW);
    expect(set.usable.map(({ path }) => path)).toEqual([join(folder, 'good.pem')]);
    expect(set.refused).toEqual([
      { path: join(folder, `${name}.pem`), reason: expect.stringMatching(/list of certificates cannot carry/) },
    ]);
    expect(set.authorities).toEqual([join(folder, name, 'ca.pem')]);
  });

  test('a path that is not there', async () => {
    const set = await loadCertificates(['/nonexistent/certs'], NOW);
    expect(set.refused).toMatchObject([{ path: '/nonexistent/certs', reason: expect.stringMatching(/ENOENT/) }]);
  });
});

test('CRLF line ends, a key file beside, and chains are understood', async () => {
  const { certificate, key } = pair(['beside.example']);
  const folder = await folderWith({
    'crlf.pem': pem(['crlf.example']).replaceAll('\n', '\r\n'),
    'beside.pem': certificate,
    'beside.pem.key': key,
    'chain.pem': pair(['ca.example']).certificate,
  });
  const first = pair(['chain.example']);
  await writeFile(join(folder, 'chained.pem'), first.certificate + pair(['issuer']).certificate + first.key);
  const set = await loadCertificates([folder], NOW);
  expect(set.usable.map(({ names }) => names[0])).toEqual(['beside.example', 'chain.example', 'crlf.example']);
  expect(set.authorities).toEqual([join(folder, 'chain.pem')]);
  expect(set.refused).toEqual([]);
});

test('an expired certificate is refused where current ones cover its names, and served on otherwise', async () => {
  const ended = [NOW - 90 * DAY, NOW - DAY] as const;
  const folder = await folderWith({
    'old.pem': pem(['a.example', 'x.a.example'], ...ended),
    'lone.pem': pem(['lone.example'], ...ended),
    'new.pem': pem(['a.example', '*.a.example']),
  });
  const set = await loadCertificates([folder], NOW);
  expect(set.usable.map(({ path }) => path)).toEqual(['lone.pem', 'new.pem'].map((name) => join(folder, name)));
  expect(set.refused).toMatchObject([
    { path: join(folder, 'old.pem'), reason: expect.stringMatching(/not valid now/) },
  ]);
});

test('links inside the folders are followed, links out of them are refused, circles end', async () => {
  const outside = await folderWith({ 'secret.pem': pem(['secret.example']) });
  const folder = await folderWith({ '..2026/tls.pem': pem(['mounted.example']) });
  await symlink('..2026', join(folder, '..data'));
  await symlink('..data/tls.pem', join(folder, 'tls.pem'));
  await symlink(join(outside, 'secret.pem'), join(folder, 'out.pem'));
  await symlink('.', join(folder, 'circle'));
  await symlink('nowhere', join(folder, 'dangling'));
  const set = await loadCertificates([folder], NOW);
  expect(set.usable.map(({ path }) => path)).toEqual([join(folder, 'tls.pem')]);
  expect(set.refused.map(({ path }) => path)).toEqual([join(folder, 'dangling'), join(folder, 'out.pem')]);
  expect(set.refused[1]?.reason).toContain('outside the folders');
});

test('a renewed certificate is another one', async () => {
  const folder = await folderWith({ 'a.pem': pem(['a.example']) });
  const before = await loadCertificates([folder], NOW);
  await writeFile(join(folder, 'a.pem'), pem(['a.example']));
  const after = await loadCertificates([folder], NOW);
  expect(after.usable[0]?.digest).not.toBe(before.usable[0]?.digest);
});

test('what a command needs to know of a certificate is read with it', async () => {
  const [certificate = '', key = ''] = pem(['a.example']).split(/(?=-----BEGIN PRIVATE)/);
  const folder = await folderWith({ 'a.pem': `${certificate}\n\n${key}`, 'b.pem': certificate, 'b.pem.key': key });
  const [a, b] = (await loadCertificates([folder], NOW)).usable;
  const shown = openssl(['x509', '-noout', '-fingerprint', '-sha1'], certificate).trim();
  expect(a?.carried).toEqual({
    fingerprint: shown.replace(/^.*=/, '').replaceAll(':', ''),
    size: certificate.length + key.length,
    keyType: 'ec',
    companions: false,
  });
  expect(b?.carried).toEqual(a?.carried);
  await writeFile(join(folder, 'b.pem.ocsp'), '');
  expect((await loadCertificates([folder], NOW)).usable[1]?.carried?.companions).toBe(true);
});

test('one that has ended and is replaced is marked as such, a broken one is not', async () => {
  const folder = await folderWith({
    'broken.pem': 'x',
    'new.pem': pem(['a.example']),
    'old.pem': pem(['a.example'], NOW - 9 * DAY, NOW - DAY),
  });
  const { refused } = await loadCertificates([folder], NOW);
  expect(refused.map(({ path, replaced }) => [path, replaced])).toEqual([
    [join(folder, 'broken.pem'), undefined],
    [join(folder, 'old.pem'), true],
  ]);
});

describe('self-signed', () => {
  test('is made once, private, and good for openssl', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'portolan-state-'));
    const set = await addSelfSigned(NO_CERTIFICATES, stateDir, Date.now());
    const path = join(stateDir, 'certificates', 'self-signed.pem');
    expect(set.usable).toMatchObject([{ path, names: ['portolan.invalid'] }]);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(execFileSync('openssl', ['verify', '-CAfile', path, path]).toString()).toContain('OK');
    const bytes = await readFile(path, 'utf8');
    await addSelfSigned(NO_CERTIFICATES, stateDir, Date.now());
    expect(await readFile(path, 'utf8')).toBe(bytes);
    const later = await addSelfSigned(NO_CERTIFICATES, stateDir, Date.now() + 4_000 * DAY);
    expect(later.usable).toHaveLength(1);
    expect(await readFile(path, 'utf8')).not.toBe(bytes);
  });

  test('is not needed beside a usable one, and its failure is told', async () => {
    const folder = await folderWith({ 'a.pem': pem(['a.example']) });
    const set = await loadCertificates([folder], NOW);
    expect(await addSelfSigned(set, join(folder, 'a.pem'), NOW)).toBe(set);
    const failed = await addSelfSigned(NO_CERTIFICATES, join(folder, 'a.pem'), NOW);
    expect(failed.usable).toEqual([]);
    expect(failed.refused).toMatchObject([{ reason: expect.stringMatching(/cannot be written/) }]);
  });

  test('is refused where HAProxy could not be told of it, unless it has another name there', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'portolan state '));
    const set = await addSelfSigned(NO_CERTIFICATES, stateDir, NOW);
    expect(set.usable).toEqual([]);
    expect(set.refused).toMatchObject([{ reason: expect.stringMatching(/list of certificates cannot carry/) }]);
    const named = await addSelfSigned(NO_CERTIFICATES, stateDir, NOW, (path) => relative(stateDir, path));
    expect(named).toMatchObject({ usable: [{ path: 'certificates/self-signed.pem' }], refused: [] });
  });
});
