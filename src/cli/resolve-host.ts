import { lookup } from 'node:dns/promises';

/** How long one name may take, in ms. */
const DEADLINE_MS = 3000;

/** The address of a host name, IPv4 before IPv6; undefined when there is none or the answer takes too long. */
export async function resolveHost(host: string): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), DEADLINE_MS);
  });
  try {
    return await Promise.race([deadline, lookup(host, { order: 'ipv4first' }).then(({ address }) => address)]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
