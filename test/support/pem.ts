import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** A self-signed certificate with its key in one PEM text, made with openssl in `folder`. */
export async function selfSignedPem(folder: string, commonName = 'test.example'): Promise<string> {
  const key = join(folder, `${commonName}.key`);
  const certificate = join(folder, `${commonName}.crt`);
  await execa('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '30',
    '-subj',
    `/CN=${commonName}`,
    '-addext',
    `subjectAltName=DNS:${commonName}`,
    '-keyout',
    key,
    '-out',
    certificate,
  ]);
  return (await readFile(certificate, 'utf8')) + (await readFile(key, 'utf8'));
}
