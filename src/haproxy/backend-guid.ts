import { createHash } from 'node:crypto';

/** Characters of HAProxy's longest GUID. */
const LONGEST_GUID = 127;

/**
 * HAProxy does not show what a backend was made from, but its GUID: so that this is known after a restart of Portolan too, the GUID
 * names the profile. The digest of the backend's name makes it the only one of its kind.
 */
export const backendGuid = (backend: string, profile: string): string => `${profile}:${nameDigest(backend)}`;

/** What a GUID says of the backend that has it, and of the profile. */
export function readGuid(guid: string): { readonly digest: string; readonly profile: string } {
  const at = guid.lastIndexOf(':');
  return { digest: guid.slice(at + 1), profile: guid.slice(0, at) };
}

/** The digest of a backend's name in its GUID. */
export const nameDigest = (backend: string): string => createHash('sha256').update(backend).digest('hex').slice(0, 16);

/** Whether HAProxy takes it. */
export const isGuid = (guid: string): boolean => guid.length <= LONGEST_GUID;
