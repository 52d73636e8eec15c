import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';

/** Certificate and key as PEM texts. */
export interface SelfSigned {
  readonly certificate: string;
  readonly key: string;
}

/** What a self-signed certificate says. Times in milliseconds since the epoch. */
export interface SelfSignedSubject {
  readonly commonName: string;
  /** Host names it is for. */
  readonly names: readonly string[];
  /** IPv4 addresses it is for. */
  readonly addresses?: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Makes a key (P-256) and a certificate for it, in process: Node signs, but has no words for certificates, hence the DER. */
export function makeSelfSigned(subject: SelfSignedSubject): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = sequence(set(sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(subject.commonName, 'utf8')))));
  const signature = sequence(oid('1.2.840.10045.4.3.2'));
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(15)])),
    signature,
    name,
    sequence(time(subject.notBefore), time(subject.notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(alternativeNames(subject), notAnAuthority())),
  );
  const certificate = sequence(body, signature, der(0x03, Buffer.from([0]), sign('sha256', body, privateKey)));
  return {
    certificate: pem('CERTIFICATE', certificate),
    key: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

function alternativeNames({ names, addresses = [] }: SelfSignedSubject): Buffer {
  const all = [
    ...names.map((name) => der(0x82, Buffer.from(name, 'latin1'))),
    ...addresses.map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
  ];
  return sequence(oid('2.5.29.17'), der(0x04, sequence(...all)));
}

const notAnAuthority = (): Buffer => sequence(oid('2.5.29.19'), der(0x01, Buffer.from([0xff])), der(0x04, sequence()));

/** One element: tag, length, content (X.690). */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), length(content.length), content]);
}

function length(size: number): Buffer {
  if (size < 0x80) return Buffer.from([size]);
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest >>= 8) bytes.unshift(rest & 0xff);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const set = (...parts: readonly Buffer[]): Buffer => der(0x31, ...parts);
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let more = arc >> 7; more > 0; more >>= 7) groups.unshift((more & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(0x06, Buffer.from(bytes));
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280). */
function time(ms: number): Buffer {
  const digits = new Date(ms)
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-T:]/g, '');
  const early = new Date(ms).getUTCFullYear() < 2050;
  return early ? der(0x17, Buffer.from(digits.slice(2))) : der(0x18, Buffer.from(digits));
}

function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
