import { open, stat, truncate } from 'node:fs/promises';
import { onDisk } from './durable-files.ts';

/** HAProxy's output is cut back to its last part when it is longer than this. */
const LARGEST_OUTPUT = 1024 * 1024;
const KEPT_OUTPUT = 64 * 1024;

/** Bytes of HAProxy's output so far; 0 when there is none. */
export async function outputSize(path: string): Promise<number> {
  const size = await onDisk('look at output', async () => (await stat(path)).size);
  return size.ok ? size.value : 0;
}

/** What HAProxy wrote since the output had `from` bytes; empty when nothing or unreadable. At most the last 64 kB. */
export async function outputSince(path: string, from: number): Promise<string> {
  const text = await onDisk('read output', async () => {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const start = Math.max(from > size ? 0 : from, size - KEPT_OUTPUT);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  });
  return text.ok ? text.value : '';
}

/** Keeps the output bounded. HAProxy appends, so it goes on behind whatever is left. */
export async function boundOutput(path: string): Promise<void> {
  const size = await outputSize(path);
  if (size <= LARGEST_OUTPUT) return;
  const tail = await outputSince(path, size - KEPT_OUTPUT);
  await onDisk('bound output', async () => {
    await truncate(path, 0);
    const file = await open(path, 'a');
    try {
      await file.writeFile(tail);
    } finally {
      await file.close();
    }
  });
}
