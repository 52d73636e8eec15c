/** The certificates found below `--ssl-certs`, each checked before HAProxy sees it. Made in `source/`, a value for the core. */
export interface CertificateSet {
  /** The folders below which a label may name a file: absolute, spelled as the operator spells them. */
  readonly folders: readonly string[];
  /** Sorted by path, each in characters that a crt-list can carry. The first one of `--ssl-certs` as given is the default of :443 and stands first. */
  readonly usable: readonly Certificate[];
  /** `replaced`: it would do, but has ended, and others cover its names. */
  readonly refused: readonly { readonly path: string; readonly reason: string; readonly replaced?: true }[];
  /** CA files (PEM without private key) that `ca-file` may name. */
  readonly authorities: readonly string[];
}

/** One PEM file with a key that fits its certificate. */
export interface Certificate {
  /** Absolute path. */
  readonly path: string;
  /** Host names it is for, lower-cased. */
  readonly names: readonly string[];
  /** ISO time. */
  readonly notAfter: string;
  /**
   * SHA-256 (hex) of the file, and behind it of `<path>.key` where the file holds no key: a certificate renewed under the same
   * name is another one.
   */
  readonly digest?: string;
  /** What a command for it needs to know; without it the certificate can only be loaded. */
  readonly carried?: CarriedCertificate;
}

/** What it takes to give a certificate to a running HAProxy. */
export interface CarriedCertificate {
  /** SHA-1 of the certificate itself, upper-case hex without colons, as `show ssl cert` tells it. */
  readonly fingerprint: string;
  /** Bytes of `certificatePayload`. */
  readonly size: number;
  /** Kind of its key, e.g. `rsa`, `ec`: HAProxy serves one certificate of each kind for a name. */
  readonly keyType: string;
  /** There are files beside it that HAProxy loads with it: `.ocsp`, `.issuer`, `.sctl`. */
  readonly companions: boolean;
}

const BLOCK =
  /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE|DH PARAMETERS|[A-Z0-9 ]*PRIVATE KEY)-----[\s\S]*?-----END \1-----/g;

/**
 * What HAProxy reads of a PEM file, as the payload of a command: without empty lines, which would end it, keys last. `keyText`:
 * the text of `<path>.key`, for a file without key. A secret.
 */
export function certificatePayload(text: string, keyText: string): string {
  const blocks = [...`${text}\n${keyText}`.matchAll(BLOCK)].map(([block]) => block.replace(/\s*\r?\n\s*/g, '\n'));
  const isKey = (block: string): boolean => block.includes('PRIVATE KEY-----');
  const ordered = [...blocks.filter((block) => !isKey(block)), ...blocks.filter(isKey)];
  return ordered.map((block) => `${block}\n`).join('');
}

/** No certificate at all. */
export const NO_CERTIFICATES: CertificateSet = { folders: [], usable: [], refused: [], authorities: [] };
