import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

/** A certificate and its key, as PEM texts. */
interface Issued {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority made for a test. */
export interface Authority {
  /** Its own certificate, as PEM text. */
  readonly certificate: string;
  /** Signs a certificate; `altName` in openssl's words, e.g. `IP:127.0.0.1`. */
  issue(commonName: string, altName: string): Promise<Issued>;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Makes an authority with openssl; its files lie in `folder`. */
export async function createAuthority(folder: string): Promise<Authority> {
  await mkdir(folder, { recursive: true });
  const ca = { key: join(folder, 'ca.key'), crt: join(folder, 'ca.crt') };
  const subject = ['-subj', '/CN=Test authority', '-days', '30'];
  await execa('openssl', ['req', '-x509', ...NEW_KEY, ...subject, '-keyout', ca.key, '-out', ca.crt]);
  return {
    certificate: await readFile(ca.crt, 'utf8'),
    async issue(commonName, altName) {
      const at = (kind: string): string => join(folder, `${commonName}.${kind}`);
      await execa('openssl', [
        'req',
        ...NEW_KEY,
        '-subj',
        `/CN=${commonName}`,
        '-keyout',
        at('key'),
        '-out',
        at('csr'),
      ]);
      await writeFile(at('ext'), `subjectAltName=${altName}\n`);
      const signing = ['-CA', ca.crt, '-CAkey', ca.key, '-CAcreateserial', '-days', '30', '-extfile', at('ext')];
      await execa('openssl', ['x509', '-req', '-in', at('csr'), ...signing, '-out', at('crt')]);
      return { certificate: await readFile(at('crt'), 'utf8'), key: await readFile(at('key'), 'utf8') };
    },
  };
}
