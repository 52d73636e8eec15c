import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import { execa } from 'execa';
import type { HaproxyView } from '../core/ports.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** Environment of every HAProxy process started here: nothing of ours leaks into a configuration's `$NAME`. */
export type HaproxyEnvironment = Readonly<Record<string, string>>;

/** Debian has haproxy in /usr/sbin, which a user's PATH lacks. */
export const DEFAULT_ENVIRONMENT: HaproxyEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
};

/** Oldest version whose master-worker mode and runtime API are relied on. */
const OLDEST_SUPPORTED = '2.6';

/** What a person types on Debian to get a HAProxy that will do. */
const INSTALL_COMMAND = 'apt-get update && apt-get install --yes haproxy';

/** What the image's binary needs, which has the file capability of ports below 1024. */
const CAPABILITY = 'It has a file capability that the container drops: give it --cap-add NET_BIND_SERVICE';

/** Why this binary cannot be used. */
export interface VersionFailure {
  readonly kind: 'missing' | 'too-old' | 'unreadable';
  /** A sentence that ends with what to do. */
  readonly detail: string;
}

/** A HAProxy binary that will do. */
export interface HaproxyBinary {
  /** Absolute: the master executes itself anew after it changed its directory. */
  readonly path: string;
  /** e.g. `2.6.12-1+deb12u4`. */
  readonly version: string;
}

/** Finds the binary (on PATH when it is given without a folder) and checks its version. */
export async function findHaproxy(
  haproxy: string,
  environment: HaproxyEnvironment = DEFAULT_ENVIRONMENT,
  deadlineMs = 10_000,
): Promise<Result<HaproxyBinary, VersionFailure>> {
  const path = await locate(haproxy, environment);
  const remedy = `Install HAProxy ${OLDEST_SUPPORTED} or newer: ${INSTALL_COMMAND}`;
  if (!path) return fail({ kind: 'missing', detail: `no HAProxy at ${JSON.stringify(haproxy)}. ${remedy}` });
  const run = await execa(path, ['-v'], {
    env: environment,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
    timeout: deadlineMs,
    maxBuffer: 1_000_000,
  });
  const version = /^HA-?Proxy version (\S+)/m.exec(run.stdout)?.[1];
  if (!version) {
    // As a container is that drops what the binary's file capability asks for.
    if (run.code === 'EPERM')
      return fail({ kind: 'unreadable', detail: `${path} may not be run (EPERM). ${CAPABILITY}` });
    const why = run.failed
      ? (run.shortMessage ?? 'it fails').replaceAll('\n', ', ')
      : `it says ${JSON.stringify(run.stdout.slice(0, 80))}`;
    return fail({ kind: 'unreadable', detail: `${path} -v does not answer as HAProxy does: ${why}. ${remedy}` });
  }
  if (!atLeast(version, 2, 6))
    return fail({ kind: 'too-old', detail: `${path} is HAProxy ${version}, which is too old. ${remedy}` });
  return ok({ path, version });
}

async function locate(haproxy: string, environment: HaproxyEnvironment): Promise<string | undefined> {
  const folders = (environment['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  const places = haproxy.includes('/') ? [resolve(haproxy)] : folders.map((folder) => join(folder, haproxy));
  for (const place of places) {
    try {
      await access(place, constants.X_OK);
      return place;
    } catch {}
  }
  return undefined;
}

/** Whether a version text such as `3.0.11-1+deb13u3` is at least `major.minor`. Unreadable ones are not. */
export function atLeast(version: string, major: number, minor: number): boolean {
  const parts = /^(\d+)\.(\d+)/.exec(version);
  if (!parts) return false;
  const [has, hasMinor] = [Number(parts[1]), Number(parts[2])];
  return has > major || (has === major && hasMinor >= minor);
}

/** What a worker of this version can do; `socketUsable`: its runtime socket answers. */
export function capabilities(
  version: string,
  socketUsable: boolean,
): Pick<HaproxyView, 'version' | 'tier' | 'reloadAnswers'> {
  const tier = !socketUsable ? 'D' : atLeast(version, 3, 4) ? 'A' : atLeast(version, 3, 0) ? 'B' : 'C';
  return { version, tier, reloadAnswers: atLeast(version, 2, 7) };
}
