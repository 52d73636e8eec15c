import { describe, expect, test } from 'vitest';
import type { Certificate, CertificateSet } from '../../../src/core/certificates.ts';
import { NO_CERTIFICATES } from '../../../src/core/certificates.ts';
import type { Generation } from '../../../src/core/config.ts';
import type { Loaded } from '../../../src/core/loaded.ts';
import { formatNeed } from '../../../src/core/reload-need.ts';
import type { CertificateCommand, CertificateRuntime, Told } from '../../../src/core/runtime.ts';
import { formatDifference } from '../../../src/core/runtime-difference.ts';
import { CERTIFICATE_LIST, certificateList } from '../../../src/core/template-views.ts';
import { createKeptCertificates } from '../../../src/daemon/kept-certificates.ts';

const GENERATION = 1 as Generation;
const [A, B] = ['/c/a.pem', '/c/b.pem'] as const;

function certificate(path: string, digest = '1'): Certificate {
  const carried = { fingerprint: `${path} ${digest}`, size: 1_000, keyType: 'ec', companions: false };
  return { path, names: [path], notAfter: '2030-01-01T00:00:00Z', digest, carried };
}

const set = (...usable: readonly Certificate[]): CertificateSet => ({ ...NO_CERTIFICATES, usable });

/** A worker's certificates as they are, and a line for everything it is asked. */
function worker(...paths: readonly string[]) {
  const serves = new Map(paths.map((path) => [path, '1']));
  const heard: string[] = [];
  /** What becomes of the next commands; `lost`: it is carried out, and nobody hears of it. */
  const fate: (Told | 'lost' | 'swallowed')[] = [];
  let deaf = 0;
  function obey(command: CertificateCommand): void {
    if ('digest' in command) serves.set(command.certificate, command.digest);
    else serves.delete(command.certificate);
  }
  const runtime: CertificateRuntime = {
    async tell(_, command) {
      heard.push(`${command.do.replace('-certificate', '')} ${command.certificate}`);
      const comes = fate.shift() ?? { kind: 'done' };
      if (comes === 'lost' || (typeof comes === 'object' && comes.kind === 'done')) obey(command);
      if (comes === 'lost') return { kind: 'doubt', detail: 'cut' };
      return comes === 'swallowed' ? { kind: 'done' } : comes;
    },
    async read(_, question) {
      heard.push(`read ${question.paths.length}`);
      if (deaf > 0) {
        deaf -= 1;
        return undefined;
      }
      const shown = question.paths.flatMap((path) => {
        const digest = serves.get(path);
        return digest === undefined ? [] : [[path, `${path} ${digest}`] as const];
      });
      return { listed: [...serves.keys()], fingerprints: new Map(shown) };
    },
  };
  const kept = createKeptCertificates(runtime);
  const loaded = {
    fixed: new Map([
      ['frontend marathon_https_in', `bind :443 ssl crt-list ${CERTIFICATE_LIST}`],
      [CERTIFICATE_LIST, certificateList(set(...paths.map((path) => certificate(path))))],
    ]),
  } as unknown as Loaded;
  const of = (certificates: CertificateSet) => ({ generation: GENERATION, loaded, parts: { certificates } });
  return {
    serves,
    heard,
    fate,
    kept,
    deafen: (times: number) => {
      deaf = times;
    },
    async carry(certificates: CertificateSet): Promise<readonly string[]> {
      heard.length = 0;
      return (await kept.carry(of(certificates), [])).needs.map(formatNeed);
    },
    compare: async (certificates: CertificateSet) => (await kept.compare(of(certificates), [])).map(formatDifference),
  };
}

const BEFORE = set(certificate(A), certificate(B));
const AFTER = set(certificate(A), certificate(B, '2'));

test('what was loaded is certain: it is told, proved by reading, and not asked for again', async () => {
  const { kept, carry, heard } = worker(A, B);
  kept.loaded(GENERATION, BEFORE);
  expect(await carry(BEFORE)).toEqual([]);
  expect(heard).toEqual([]);
  expect(await carry(AFTER)).toEqual([]);
  expect(heard).toEqual(['renew /c/b.pem', 'read 1']);
  expect(await carry(structuredClone(AFTER))).toEqual([]);
  expect(heard).toEqual([]);
});

test('a worker of another life is looked at first', async () => {
  const { carry, heard } = worker(A, B);
  expect(await carry(BEFORE)).toEqual([]);
  expect(heard).toEqual(['read 4']);
  expect(await carry(AFTER)).toEqual([]);
  expect(heard).toEqual(['renew /c/b.pem', 'read 1']);
});

describe('doubt', () => {
  test('is looked into: what was carried out is told once more, and that is all', async () => {
    const { kept, carry, heard, fate, serves } = worker(A, B);
    kept.loaded(GENERATION, BEFORE);
    fate.push('lost');
    expect(await carry(AFTER)).toEqual([]);
    expect(heard).toEqual(['renew /c/b.pem', 'read 4', 'renew /c/b.pem', 'read 1']);
    expect(serves.get(B)).toBe('2');
  });

  test('twice in a row is a reload; later it is looked at again', async () => {
    const { kept, carry, heard, fate } = worker(A, B);
    kept.loaded(GENERATION, BEFORE);
    fate.push('lost', 'lost');
    expect(await carry(AFTER)).toEqual(['certificate certificates.list: doubt (cut)']);
    expect(await carry(AFTER)).toEqual([]);
    expect(heard[0]).toBe('read 4');
  });

  test('a worker that cannot be read is a reload', async () => {
    const { carry, deafen } = worker(A, B);
    deafen(2);
    expect(await carry(BEFORE)).toEqual(['certificate certificates.list: doubt (certificates could not be read)']);
  });
});

describe('a refusal', () => {
  const refused: Told = { kind: 'refused', reply: 'no' };

  test('is asked for once more, keeps nobody else waiting, and is not asked for again and again', async () => {
    const { kept, carry, heard, fate, serves } = worker(A, B);
    kept.loaded(GENERATION, BEFORE);
    fate.push(refused, { kind: 'done' }, refused);
    const after = set(certificate(A), certificate(B, '2'), certificate('/c/c.pem'));
    expect(await carry(after)).toEqual(['certificate /c/b.pem: refused (no)']);
    expect(serves.get('/c/c.pem')).toBe('1');
    expect(heard).toEqual(['renew /c/b.pem', 'add /c/c.pem', 'read 1', 'read 6', 'renew /c/b.pem']);
    expect(await carry(after)).toEqual(['certificate /c/b.pem: refused (no)']);
    expect(heard).toEqual([]);
    expect(await carry(set(certificate(A), certificate(B, '3'), certificate('/c/c.pem')))).toEqual([]);
  });

  test('a success that HAProxy does not show is one', async () => {
    const { kept, carry, fate, serves } = worker(A, B);
    kept.loaded(GENERATION, BEFORE);
    fate.push('swallowed', 'swallowed');
    expect(await carry(AFTER)).toEqual(['certificate /c/b.pem: refused (HAProxy shows another one)']);
    expect(serves.get(B)).toBe('1');
  });
});

describe('a comparison', () => {
  test('finds what came, went and changed behind Portolan’s back, and the next carrying puts it right', async () => {
    const { kept, carry, compare, serves } = worker(A, B, '/c/c.pem');
    const all = set(certificate(A), certificate(B), certificate('/c/c.pem'));
    kept.loaded(GENERATION, all);
    expect(await compare(all)).toEqual([]);
    serves.delete(B);
    serves.set('/c/stray.pem', '1');
    serves.set('/c/c.pem', '0');
    expect((await compare(all)).sort()).toEqual([
      'certificate-wrong /c/b.pem',
      'certificate-wrong /c/c.pem',
      'certificate-wrong /c/stray.pem',
    ]);
    expect(await carry(all)).toEqual([]);
    expect([...serves].sort()).toEqual([
      [A, '1'],
      [B, '1'],
      ['/c/c.pem', '1'],
    ]);
    expect(await compare(all)).toEqual([]);
  });

  test('looks at all of many in turn', async () => {
    const paths = Array.from({ length: 120 }, (_, n) => `/c/${n}.pem`);
    const { kept, compare, serves } = worker(...paths);
    const all = set(...paths.map((path) => certificate(path)));
    kept.loaded(GENERATION, all);
    serves.set('/c/119.pem', '0');
    expect([await compare(all), await compare(all)]).toEqual([[], []]);
    expect(await compare(all)).toEqual(['certificate-wrong /c/119.pem']);
  });
});
