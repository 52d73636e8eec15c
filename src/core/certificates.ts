/** The certificates found below `--ssl-certs`, each checked before HAProxy sees it. Made in `source/`, a value for the core. */
export interface CertificateSet {
  /** The folders below which a label may name a file: absolute, spelled as the operator spells them. */
  readonly folders: readonly string[];
  /** Sorted by path, each in characters that a crt-list can carry. The first one of `--ssl-certs` as given is the default of :443 and stands first. */
  readonly usable: readonly Certificate[];
  readonly refused: readonly { readonly path: string; readonly reason: string }[];
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
  /** SHA-256 of the file (hex): a certificate renewed under the same name is another one. */
  readonly digest?: string;
}

/** No certificate at all. */
export const NO_CERTIFICATES: CertificateSet = { folders: [], usable: [], refused: [], authorities: [] };
