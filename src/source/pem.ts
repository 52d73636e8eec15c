import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { type Certificate, certificatePayload } from '../core/certificates.ts';
import { printable } from '../core/problem.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** What a PEM file is good for. */
export type PemFile =
  | { readonly kind: 'certificate'; readonly certificate: Certificate; readonly current: boolean }
  | { readonly kind: 'authority' };

/**
 * Checks a PEM file as HAProxy's OpenSSL will: certificates first to last, a key that fits the first one, and nothing too
 * weak. `keyText` is the text of `<path>.key`, where HAProxy looks for a key that the file lacks. The failure says why.
 * `current` tells whether the certificate is valid at `now` (milliseconds since the epoch).
 */
export function inspectPem(path: string, text: string, keyText: string, now: number): Result<PemFile, string> {
  const blocks = [...text.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g)];
  const certificates = blocks.filter(([, label]) => label?.endsWith('CERTIFICATE')).map(([block]) => block);
  const key = [...blocks.map(([block]) => block), keyText].find((block) => block.includes('PRIVATE KEY-----'));
  try {
    const [leaf] = certificates.map((block) => new X509Certificate(block));
    if (leaf === undefined)
      return fail(key === undefined ? 'no certificate in it' : 'a private key without certificate');
    if (key === undefined) {
      if (leaf.ca || leaf.checkIssued(leaf)) return ok({ kind: 'authority' });
      return fail(`no private key in it, nor in ${path}.key`);
    }
    const privateKey = createPrivateKey(key);
    if (!leaf.checkPrivateKey(privateKey)) return fail('the private key does not fit the certificate');
    createSecureContext({ cert: certificates.join('\n'), key });
    const certificate: Certificate = {
      path,
      names: namesOf(leaf),
      notAfter: new Date(leaf.validTo).toISOString(),
      digest: createHash('sha256').update(text).update(keyText).digest('hex'),
      carried: {
        fingerprint: leaf.fingerprint.replaceAll(':', ''),
        size: Buffer.byteLength(certificatePayload(text, keyText)),
        keyType: privateKey.asymmetricKeyType ?? '',
        companions: false,
      },
    };
    return ok({ kind: 'certificate', certificate, current: isCurrent(leaf, now) });
  } catch (error) {
    return fail(printable(explain(error), 200));
  }
}

const isCurrent = (leaf: X509Certificate, now: number): boolean =>
  Date.parse(leaf.validFrom) <= now && now < Date.parse(leaf.validTo);

function explain(error: unknown): string {
  const said = error instanceof Error ? error.message : String(error);
  return /passphrase|interrupted or cancelled/i.test(said) ? 'the private key is encrypted' : `not usable: ${said}`;
}

/** DNS names of the certificate; its common name where it has none, as old ones do. */
function namesOf(leaf: X509Certificate): readonly string[] {
  const alternatives = (leaf.subjectAltName ?? '').split(', ').filter((entry) => entry.startsWith('DNS:'));
  const names = alternatives.map((entry) => entry.slice('DNS:'.length).toLowerCase());
  if (names.length > 0) return [...new Set(names)].sort();
  const common = /^CN=(.+)$/m.exec(leaf.subject)?.[1];
  return common === undefined ? [] : [common.toLowerCase()];
}
