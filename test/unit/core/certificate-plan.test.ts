import { describe, expect, test } from 'vitest';
import {
  type CertificateUse,
  type HeldCertificate,
  listedCertificates,
  planCertificates,
  withCommand,
} from '../../../src/core/certificate-plan.ts';
import { heldIn, shows } from '../../../src/core/certificate-sight.ts';
import {
  type CarriedCertificate,
  type Certificate,
  type CertificateSet,
  certificatePayload,
  NO_CERTIFICATES,
} from '../../../src/core/certificates.ts';
import { formatNeed } from '../../../src/core/reload-need.ts';
import type { CertificateCommand } from '../../../src/core/runtime.ts';
import { certificateList } from '../../../src/core/template-views.ts';

const LISTED: CertificateUse = { list: true, others: false, services: new Set() };
const UNLISTED: CertificateUse = { list: false, others: false, services: new Set(['/c/b.pem']) };

interface Given extends Partial<CarriedCertificate> {
  readonly digest?: string;
  readonly names?: readonly string[];
}

function certificate(path: string, { digest = '1', names = [path], ...carried }: Given = {}): Certificate {
  const fingerprint = `${path} ${digest}`;
  return {
    path,
    names,
    notAfter: '2030-01-01T00:00:00Z',
    digest,
    carried: { fingerprint, size: 1_000, keyType: 'ec', companions: false, ...carried },
  };
}

const set = (usable: readonly Certificate[], refused: CertificateSet['refused'] = []): CertificateSet => ({
  ...NO_CERTIFICATES,
  usable,
  refused,
});

const held = (...paths: readonly string[]): readonly HeldCertificate[] => paths.map((path) => ({ path, digest: '1' }));

function said(command: CertificateCommand): string {
  const word = command.do.replace('-certificate', '');
  return 'digest' in command ? `${word} ${command.certificate} ${command.digest}` : `${word} ${command.certificate}`;
}

function planned(before: readonly HeldCertificate[], after: CertificateSet, use = LISTED) {
  const { commands, needs } = planCertificates(before, after, use);
  return { commands: commands.map(said), needs: needs.map(formatNeed) };
}

const [A, B, C] = ['/c/a.pem', '/c/b.pem', '/c/c.pem'] as const;

describe('what is told over the socket', () => {
  test('nothing where nothing changed', () => {
    expect(planned(held(A, B), set([certificate(A), certificate(B)]))).toEqual({ commands: [], needs: [] });
  });

  test('a renewed one is set, a new one is added, one that is gone is removed', () => {
    const after = set([certificate(A), certificate(B, { digest: '2' }), certificate('/c/d.pem')]);
    expect(planned(held(A, B, C), after)).toEqual({
      commands: ['renew /c/b.pem 2', 'add /c/d.pem 1', 'remove /c/c.pem'],
      needs: [],
    });
  });

  test('the default one is renewed as any other', () => {
    const after = set([certificate(A, { digest: '2' }), certificate(B)]);
    expect(planned(held(A, B), after)).toEqual({ commands: ['renew /c/a.pem 2'], needs: [] });
  });

  test('one of which nobody knows what the worker holds is told again', () => {
    const before = [...held(A), { path: B, digest: undefined }];
    expect(planned(before, set([certificate(A), certificate(B)])).commands).toEqual(['renew /c/b.pem 1']);
  });

  test('one whose file cannot be used any more serves on, the default one too', () => {
    const refused = [A, B].map((path) => ({ path, reason: 'the private key does not fit' }));
    expect(planned(held(A, B, C), set([certificate(C)], refused))).toEqual({ commands: [], needs: [] });
  });

  test('one that has ended goes when others cover its names', () => {
    const refused = [{ path: B, reason: 'not valid now', replaced: true } as const];
    expect(planned(held(A, B, C), set([certificate(A), certificate(C)], refused)).commands).toEqual([
      'remove /c/b.pem',
    ]);
  });

  test('without list only what service ports are bound with is told', () => {
    const after = set([certificate(A, { digest: '2' }), certificate(B, { digest: '2' }), certificate('/c/new.pem')]);
    expect(planned(held(A, B, C), after, UNLISTED)).toEqual({ commands: ['renew /c/b.pem 2'], needs: [] });
  });
});

describe('what needs a reload, each with its reason', () => {
  const needs = (after: readonly Certificate[], before = held(A, B), use = LISTED) =>
    planned(before, set(after), use).needs;

  test('the first of all', () => {
    expect(planned([], set([certificate(A)]))).toEqual({ commands: [], needs: ['certificate /c/a.pem: first'] });
  });

  test('another default; the new one is served at once all the same, and the old one stays', () => {
    expect(planned(held('/c/self.pem'), set([certificate(A), certificate(B)]))).toEqual({
      commands: ['add /c/a.pem 1', 'add /c/b.pem 1'],
      needs: ['certificate /c/a.pem: default'],
    });
  });

  test.each([
    ['size', certificate(B, { digest: '2', size: 13_950 })],
    ['companions', certificate(B, { digest: '2', companions: true })],
  ])('%s', (why, changed) => {
    expect(needs([certificate(A), changed])).toEqual([`certificate /c/b.pem: ${why}`]);
  });

  test.each(['/c/b:1.pem', '/c/b;quit.pem', '/c/é.pem', '/c/a<<b.pem'])('a path that cannot be said: %s', (path) => {
    expect(needs([certificate(A), certificate(B), certificate(path)])).toEqual([`certificate ${path}: path`]);
    expect(needs([certificate(A)], held(A, path))).toEqual([`certificate ${path}: path`]);
  });

  test('what nobody has looked into', () => {
    const { carried: _, ...bare } = certificate(B, { digest: '2' });
    expect(needs([certificate(A), bare])).toEqual(['certificate /c/b.pem: unchecked']);
  });

  test('one that would come behind another of its names and kind', () => {
    const names = ['shop.example'];
    const b = (more: Given) => certificate(B, { names, ...more });
    const c = (more: Given) => certificate(C, { names, ...more });
    const before = held(A, B, C);
    expect(needs([certificate(A), b({ digest: '2' }), c({})], before)).toEqual(['certificate /c/b.pem: order']);
    // It is the last anyway; both in turn; each kind of key has its own.
    expect(needs([certificate(A), b({}), c({ digest: '2' })], before)).toEqual([]);
    expect(needs([certificate(A), b({ digest: '2' }), c({ digest: '2' })], before)).toEqual([]);
    expect(needs([certificate(A), b({ digest: '2' }), c({ keyType: 'rsa' })], before)).toEqual([]);
    const others = [b({ digest: '2', keyType: 'ed25519' }), c({ keyType: 'rsa-pss' })];
    expect(needs([certificate(A), ...others], before)).toEqual(['certificate /c/b.pem: order']);
  });

  test('templates that bind with certificates in a way of their own', () => {
    const use = { list: false, others: true, services: new Set<string>() };
    expect(needs([certificate(A), certificate(B, { digest: '2' })], held(A, B), use)).toEqual([
      'certificate /c/b.pem: elsewhere',
    ]);
    expect(needs([certificate(A)], held(A, B), use)).toEqual(['certificate /c/b.pem: elsewhere']);
    expect(needs([certificate(A), certificate(B)], held(A, B), use)).toEqual([]);
  });
});

test('the list of a generation tells what its worker has loaded', () => {
  const { digest: _, ...bare } = certificate(B);
  const list = certificateList(set([certificate(A, { digest: 'x' }), bare]));
  expect(listedCertificates(list)).toEqual([
    { path: A, digest: 'x' },
    { path: B, digest: undefined },
  ]);
});

test('carrying out a plan leads to what was wanted', () => {
  const before = held(A, B, C);
  const after = set([certificate(A), certificate(B, { digest: '2' }), certificate('/c/d.pem')]);
  const then = planCertificates(before, after, LISTED).commands.reduce(withCommand, before);
  expect(planned(then, after)).toEqual({ commands: [], needs: [] });
});

describe('what was read', () => {
  const wanted = set([certificate(A), certificate(B, { digest: '2' })]);
  const shown = (path: string, digest: string): readonly [string, string] => [path, `${path} ${digest}`];

  test('is known where it is the wanted one, and was given with the wanted one’s file', () => {
    const fingerprints = new Map([shown(A, '1'), shown(B, '1'), shown(C, '1')]);
    const seen = heldIn({ listed: [A, B, C], fingerprints }, held(A, B), wanted, LISTED);
    expect(seen).toEqual([
      { path: A, digest: '1' },
      { path: B, digest: undefined },
      { path: C, digest: undefined },
    ]);
    expect(planned(seen, wanted).commands).toEqual(['renew /c/b.pem 2', 'remove /c/c.pem']);
  });

  test('one that the list lost is added again', () => {
    const fingerprints = new Map([shown(A, '1')]);
    const seen = heldIn({ listed: [A], fingerprints }, held(A, B), wanted, LISTED);
    expect(planned(seen, wanted).commands).toEqual(['add /c/b.pem 2']);
  });

  test('proves a command', () => {
    const [add, renew, remove] = (['add', 'renew', 'remove'] as const).map(
      (what): CertificateCommand => ({ do: `${what}-certificate`, list: 'l', certificate: B, digest: '2' }),
    );
    if (!add || !renew || !remove) throw new Error('no commands');
    const listed = (...paths: readonly string[]) => ({ listed: paths, fingerprints: new Map([shown(B, '2')]) });
    expect(shows(listed(A, B), add, wanted)).toBe(true);
    expect(shows(listed(A, B, B), add, wanted)).toBe(false);
    expect(shows(listed(A), add, wanted)).toBe(false);
    expect(shows({ listed: [A, B], fingerprints: new Map([shown(B, '1')]) }, add, wanted)).toBe(false);
    expect(shows(listed(A), renew, wanted)).toBe(true);
    expect(shows({ listed: [B], fingerprints: new Map() }, renew, wanted)).toBe(false);
    expect(shows(listed(A), remove, wanted)).toBe(true);
    expect(shows(listed(A, B), remove, wanted)).toBe(false);
  });
});

test('a payload holds what HAProxy reads, without the empty line that would end it, keys last', () => {
  const block = (label: string, body: string) => `-----BEGIN ${label}-----\r\n${body}\r\n\r\n-----END ${label}-----`;
  const text = `Bag Attributes\n\n${block('PRIVATE KEY', 'k')}\n\n${block('CERTIFICATE', 'a\n\nb')}\nsubject\n${block('CERTIFICATE', 'c')}`;
  const payload = certificatePayload(text, '');
  expect(payload).toBe(
    [
      '-----BEGIN CERTIFICATE-----\na\nb\n-----END CERTIFICATE-----',
      '-----BEGIN CERTIFICATE-----\nc\n-----END CERTIFICATE-----',
      '-----BEGIN PRIVATE KEY-----\nk\n-----END PRIVATE KEY-----\n',
    ].join('\n'),
  );
  const beside = certificatePayload(block('CERTIFICATE', 'a'), block('EC PRIVATE KEY', 'k'));
  expect(beside).toMatch(/^-----BEGIN CERTIFICATE-----\na\n.*\n-----BEGIN EC PRIVATE KEY-----\nk\n/);
});
