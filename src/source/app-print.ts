import { hash } from 'node:crypto';

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const TASKS = '"tasks":[';
const LAST_SUCCESS = '"lastSuccess":"';
/** As Marathon writes a time: `2017-12-14T20:58:51.895Z`. */
const TIME_LENGTH = 24;
/** What an app of a large cluster fits into, so that nearly all are put together in the same place. Bytes. */
const ROOM = 64 * 1024;
/** Two numbers of 32 bits. */
const HEAD = 8;
let room = Buffer.allocUnsafe(ROOM);

/**
 * SHA-256 (base64) of an app's text, but for what Marathon writes otherwise each time though nothing has changed: the order of tasks
 * (marathon-api 1.1), and when a check of theirs succeeded last, of which only that there is such a time is read (1.7). Texts with
 * one print say the same, and are valid JSON alike. 10,000 apps of 4 kB cost 200 ms, where parsing them costs five times as much.
 */
export function printOf(bytes: Buffer): string {
  const at = bytes.indexOf(TASKS, 0, 'latin1');
  const from = at + TASKS.length;
  const ends = at < 0 ? [] : endsOf(bytes, from);
  const last = ends.at(-1);
  if (last === undefined) return hash('sha256', bytes, 'base64');
  const tasks = ends.map((end, n) => bytes.subarray(n === 0 ? from : (ends[n - 1] ?? 0) + 1, end));
  tasks.sort(Buffer.compare);
  if (room.length < HEAD + bytes.length) room = Buffer.allocUnsafe(2 * (HEAD + bytes.length));
  // No text begins like this, and where the part behind the list ends is certain too.
  room.writeUInt32BE(0, 0);
  room.writeUInt32BE(bytes.length - last, 4);
  let length = HEAD;
  length += bytes.copy(room, length, 0, from);
  length += bytes.copy(room, length, last);
  // Objects tell where they end: without the commas too it is certain which tasks these are.
  for (const task of tasks) length = copyTask(task, length);
  return hash('sha256', room.subarray(0, length), 'base64');
}

/** Copies a task without its times of success to `to`. Gives where it ends there. */
function copyTask(task: Buffer, to: number): number {
  let [length, from] = [to, 0];
  for (;;) {
    const found = task.indexOf(LAST_SUCCESS, from, 'latin1');
    if (found < 0) return length + task.copy(room, length, from);
    const time = found + LAST_SUCCESS.length;
    length += task.copy(room, length, from, time);
    from = isTime(task, time) ? time + TIME_LENGTH : time;
  }
}

/** Whether a text begins here that is as long as a time and has only characters of one: whatever it is, it is a valid string. */
function isTime(task: Buffer, at: number): boolean {
  const end = at + TIME_LENGTH;
  if (task[end] !== QUOTE) return false;
  for (let n = at; n < end; n++) if (!isOfTime(task[n] ?? 0)) return false;
  return true;
}

/** `0` to `:`, and `-`, `.`, `T`, `Z`. */
const isOfTime = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x3a) || byte === 0x2d || byte === 0x2e || byte === 0x54 || byte === 0x5a;

/**
 * Where the objects of a list end that begins at `from`, each behind its closing bracket. None where there is anything else in it
 * than objects with one comma between two: such a text only has its own print.
 */
function endsOf(bytes: Buffer, from: number): number[] {
  const ends: number[] = [];
  let at = from;
  while (bytes[at] === OPEN_OBJECT) {
    at = endOf(bytes, at);
    ends.push(at);
    if (bytes[at] === CLOSE_LIST) return ends;
    if (bytes[at] !== COMMA) return [];
    at += 1;
  }
  return [];
}

/** Behind the object that begins at `from`; the end of the text where it does not end. */
function endOf(bytes: Buffer, from: number): number {
  // Locals and plain loops: they see nearly every byte of a cluster.
  const { length } = bytes;
  let at = from + 1;
  let open = 1;
  while (at < length && open > 0) {
    const byte = bytes[at++];
    if (byte === QUOTE) {
      while (at < length && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
      at++;
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) open++;
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) open--;
  }
  return at;
}
