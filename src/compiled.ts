import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Script } from 'node:vm';

/** The bundled program, compiled. */
export interface Program {
  /** V8 has taken the bytecode that lies beside it. */
  readonly isTaken: boolean;
  /** Runs it; what it goes on with is its own business. */
  run(): void;
  /** Its bytecode as it is now, functions that have run included. */
  code(): Buffer;
}

/** In front of bytecode: the digest of what it was made from. V8 itself only looks at the length. */
const DIGEST_BYTES = 32;

/**
 * Compiles the program in a folder of the package. Where bytecode of the same program, the same V8 and the same flags lies beside
 * it, V8 takes that and compiles next to nothing.
 */
export function loadProgram(folder: string): Program {
  const filename = join(folder, 'portolan.js');
  const text = readFileSync(filename);
  const digest = hash('sha256', text, 'buffer');
  const cachedData = codeOf(digest, codePath(folder));
  // The build leaves ASCII only, one byte a character, in memory too, and a module's function around all of it.
  const script = new Script(text.toString('latin1'), { filename, ...(cachedData === undefined ? {} : { cachedData }) });
  return {
    isTaken: script.cachedDataRejected === false,
    run() {
      const start: unknown = script.runInThisContext();
      const module = { exports: {} };
      if (typeof start === 'function') start(module.exports, createRequire(filename), module, filename, folder);
    },
    code: () => Buffer.concat([digest, script.createCachedData()]),
  };
}

/** Where the bytecode of a folder's program is. */
export const codePath = (folder: string): string => join(folder, 'portolan.code');

function codeOf(digest: Buffer, path: string): Buffer | undefined {
  try {
    const code = readFileSync(path);
    return digest.equals(code.subarray(0, DIGEST_BYTES)) ? code.subarray(DIGEST_BYTES) : undefined;
  } catch {
    return undefined;
  }
}
