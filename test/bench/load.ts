import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where requests go. */
export interface Target {
  readonly address: string;
  readonly port: number;
  readonly host: string;
}

/** What the load client does. */
export interface Load {
  readonly targets: readonly Target[];
  readonly ms: number;
  readonly shape:
    | { readonly kind: 'closed'; readonly connections: number; readonly perConnection: number }
    | { readonly kind: 'steady'; readonly perSecond: number };
}

/** What came of it. Latencies in milliseconds. */
export interface LoadResult {
  readonly ok: number;
  readonly failed: number;
  /** Asked once more because a kept connection was closed meanwhile; not failed. */
  readonly retried: number;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly failures: Readonly<Record<string, number>>;
}

/** Runs the client to its end. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-load-'));
  // Ten thousand targets are too long for a command line.
  const file = join(folder, 'load.json');
  await writeFile(file, JSON.stringify(load));
  try {
    return await new Promise<LoadResult>((resolve, reject) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'load-client.ts'), file], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let text = '';
      child.stdout.on('data', (piece: Buffer) => {
        text += piece.toString();
      });
      child.once('error', reject);
      child.once('exit', (code) => {
        if (code === 0) resolve(JSON.parse(text) as LoadResult);
        else reject(new Error(`the load client ended with ${code}`));
      });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
