import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CliDeps, DaemonFailure, DemoRequest } from '../../../src/cli/deps.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { Result } from '../../../src/core/result.ts';
import type { Settings } from '../../../src/core/settings.ts';

/** How one command line ended, and what it did. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** What the daemon was started with, if it was. */
  readonly settings: Settings | undefined;
  readonly demo: DemoRequest | undefined;
}

/** What a test may replace. */
export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly defaultConfig?: string;
  readonly daemon?: Result<void, DaemonFailure>;
  readonly resolveHost?: CliDeps['resolveHost'];
}

/** Runs one command line in this process, as `main.ts` would. */
export async function portolan(argv: readonly string[], around: Surroundings = {}): Promise<Ended> {
  let out = '';
  let err = '';
  let settings: Settings | undefined;
  let demo: DemoRequest | undefined;
  const code = await runProgram(argv, {
    version: '1.2.3',
    env: around.env ?? {},
    cwd: around.cwd ?? tmpdir(),
    // Not the machine's own.
    defaultConfig: around.defaultConfig ?? '/dev/null/none.yaml',
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    startDaemon: async (given) => {
      settings = given;
      return around.daemon ?? { ok: true, value: undefined };
    },
    runDemo: async (request) => {
      demo = request;
      return 0;
    },
    templates: fileURLToPath(new URL('../../../templates', import.meta.url)),
    now: () => Date.parse('2026-11-25T10:00:00Z'),
    resolveHost: around.resolveHost ?? (async () => undefined),
  });
  return { code, out, err, settings, demo };
}

/** A folder that is gone after the test. */
export function temporaryFolder(cleanups: (() => void)[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'cli-'));
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
