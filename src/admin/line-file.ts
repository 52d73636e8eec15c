import { type FileHandle, open, rename } from 'node:fs/promises';

/** A file of lines that only grows, until it is replaced by an empty one. */
export interface LineFile {
  /** Appends whole lines; gives why that failed. What was written of them then is taken away again. */
  append(lines: string): Promise<string | undefined>;
  /** Until the next `append`: others may move the file meanwhile. */
  close(): Promise<void>;
}

/** Opens nothing yet. Mode 0640. At `maxBytes` the file becomes `<path>.1`. */
export function createLineFile(path: string, maxBytes: number): LineFile {
  let file: FileHandle | undefined;
  /** Undefined where nobody knows what is there. */
  let size: number | undefined;

  async function opened(): Promise<FileHandle> {
    // Read, too: its last line may have been cut.
    file ??= await open(path, 'a+', 0o640);
    return file;
  }

  async function close(): Promise<void> {
    const closing = file;
    file = undefined;
    await closing?.close().catch(() => undefined);
  }

  async function write(lines: string): Promise<void> {
    size ??= await endLine(await opened());
    const bytes = Buffer.byteLength(lines);
    if (size > 0 && size + bytes > maxBytes) {
      await close();
      await rename(path, `${path}.1`);
      size = 0;
    }
    const to = await opened();
    try {
      await to.appendFile(lines);
    } catch (error) {
      await cutBack(to, size);
      throw error;
    }
    size += bytes;
  }

  return {
    async append(lines) {
      try {
        await write(lines);
        return undefined;
      } catch (error) {
        size = undefined;
        await close();
        return error instanceof Error ? error.message : String(error);
      }
    },
    close,
  };
}

/** The file's length, once its last line is a whole one. */
async function endLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  if (size === 0) return 0;
  const { buffer, bytesRead } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  if (bytesRead === 1 && buffer[0] === 0x0a) return size;
  await file.appendFile('\n');
  return size + 1;
}

async function cutBack(file: FileHandle, size: number): Promise<void> {
  try {
    if ((await file.stat()).size > size) await file.truncate(size);
  } catch {
    // The line that was cut is ended before the next one.
  }
}
