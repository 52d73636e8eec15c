import type { IncomingMessage } from 'node:http';
import type { MarathonOptions } from './options.ts';
import { containerError, type Reply } from './reply.ts';

/** The 401 that a request without the right credentials gets; undefined when it may pass. Every path is guarded. */
export function unauthorized(
  request: IncomingMessage,
  options: Pick<MarathonOptions, 'basicAuth' | 'token'>,
): Reply | undefined {
  const given = request.headers.authorization ?? '';
  const { basicAuth, token } = options;
  if (basicAuth !== undefined) {
    const wanted = `${basicAuth.user}:${basicAuth.password}`;
    const [scheme, credentials] = given.split(' ');
    // Jetty decodes credentials as ISO-8859-1, so passwords beyond it fail when sent as UTF-8.
    const decoded = Buffer.from(credentials ?? '', 'base64').toString('latin1');
    if (scheme?.toLowerCase() !== 'basic' || decoded !== wanted) return challenge('basic realm="Mesosphere"');
  }
  if (token !== undefined && given !== `token=${token}`) return challenge('oauthjwt');
  return undefined;
}

function challenge(scheme: string): Reply {
  const page = containerError(401, 'Unauthorized', true);
  return { ...page, headers: { ...page.headers, 'WWW-Authenticate': scheme } };
}
