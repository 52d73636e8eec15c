import { readFile } from 'node:fs/promises';
import { fail, ok, type Result } from '../core/result.ts';
import type { Settings } from '../core/settings.ts';

/** The settings that say who we are to Marathon. */
export type IdentitySettings = Pick<
  Settings,
  'marathonAuthFile' | 'marathonTokenFile' | 'marathonCa' | 'marathonCert' | 'marathonKey' | 'marathonInsecure'
>;

/** PEM texts for TLS; the given CA replaces the system's. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly insecure: boolean;
}

/** What one request needs. Read again for every request, so that rotated files count at once. */
export interface Credentials {
  /** Value of the `Authorization` header. */
  readonly authorization?: string;
  readonly tls: TlsMaterial;
}

/**
 * Reads the files. The failure is a sentence for people that names the file and never shows its content.
 * A token file wins over an auth file.
 */
export async function readCredentials(settings: IdentitySettings): Promise<Result<Credentials, string>> {
  try {
    const [ca, cert, key] = await Promise.all(
      [settings.marathonCa, settings.marathonCert, settings.marathonKey].map(async (path) =>
        path === undefined ? undefined : readFile(path, 'utf8'),
      ),
    );
    const authorization = await readAuthorization(settings);
    if (!authorization.ok) return authorization;
    return ok({
      ...(authorization.value === undefined ? {} : { authorization: authorization.value }),
      tls: {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        insecure: settings.marathonInsecure,
      },
    });
  } catch (error) {
    return fail(`cannot read the credentials: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function readAuthorization(settings: IdentitySettings): Promise<Result<string | undefined, string>> {
  if (settings.marathonTokenFile !== undefined) {
    const token = firstLine(await readFile(settings.marathonTokenFile, 'utf8')).trim();
    if (token === '') return fail(`the token file ${settings.marathonTokenFile} is empty`);
    if (!/^[\x20-\x7e]+$/.test(token)) return fail(`the token in ${settings.marathonTokenFile} is not plain ASCII`);
    return ok(withScheme(token));
  }
  if (settings.marathonAuthFile !== undefined) {
    const pair = firstLine(await readFile(settings.marathonAuthFile, 'utf8'));
    if (!/^[^:]+:/.test(pair)) return fail(`the first line of ${settings.marathonAuthFile} is not "user:password"`);
    return ok(`Basic ${Buffer.from(pair, 'utf8').toString('base64')}`);
  }
  return ok(undefined);
}

/** A token that brings its scheme (`Bearer …`, or `token=…` of DC/OS) is sent as it is, a bare one as a bearer token. */
function withScheme(token: string): string {
  return /^\S+\s+\S/.test(token) || token.startsWith('token=') ? token : `Bearer ${token}`;
}

const firstLine = (text: string): string => text.replace(/^\ufeff/, '').split(/\r?\n/, 1)[0] ?? '';
