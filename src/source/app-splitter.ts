/** One app in an answer. */
export interface FoundApp<Known> {
  /** Its text, in UTF-8; a view of the piece it came in where it is in one. */
  readonly bytes: Buffer;
  /** What `recognise` took it for. */
  readonly known?: Known;
}

/**
 * Tells an app by the bytes at `from` of a piece, without looking for its end: then `end` is behind its closing bracket.
 * Nothing when they are not what was expected here, or not all of it.
 */
export type Recognise<Known> = (
  piece: Buffer,
  from: number,
) => { readonly end: number; readonly known: Known } | undefined;

/** Takes the text of an answer apart as it comes: the objects in its list of apps, and all that is around them. */
export interface AppSplitter<Known> {
  /** Takes the next piece, which may end anywhere, also inside a character. Gives the apps that ended in it. */
  push(piece: Buffer): readonly FoundApp<Known>[];
  /**
   * How many of the last piece's apps, besides all earlier ones, do not count because another list of apps began behind them:
   * of members with one name `JSON.parse` takes the last. Nothing when none began.
   */
  superseded(): number | undefined;
  /** Everything outside of apps, each app replaced by `{}`; what is left of an unfinished one is at its end. */
  rest(): string;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const STAND_IN = Buffer.from('{}');
/** `"apps"` with every letter escaped; a longer key is another one. */
const LONGEST_KEY = 26;

/**
 * Makes a splitter of `{"apps":[…]}`, wherever `apps` is in it, and of the bare list. It is no parser: it knows strings,
 * escapes and brackets, and by these alone the text is valid JSON exactly when each app and the rest are. Bytes of characters
 * beyond ASCII never look like one of these. What `recognise` knows is not looked through.
 */
export function createAppSplitter<Known = never>(recognise: Recognise<Known> = () => undefined): AppSplitter<Known> {
  let shape: 'unknown' | 'object' | 'list' | 'other' = 'unknown';
  /** Brackets open around the present byte, apps not counted. */
  let depth = 0;
  /** Depth of the entries of the list of apps while inside of it. */
  let listDepth = 0;
  let lists = 0;
  let superseded: number | undefined;
  let inString = false;
  let escaped = false;
  /** The newest string at depth 1, with its quotes, and whether a colon came after it. */
  let text = '';
  let key = '';
  /** Brackets open in the present app; 0: none. */
  let inApp = 0;
  const begun: Buffer[] = [];
  const outside: Buffer[] = [];
  let found: FoundApp<Known>[] = [];

  /** From `at`, inside an app, to behind its end or to the end of the piece. */
  const skipApp = (piece: Buffer, from: number): number => {
    // Locals: this loop sees nearly every byte of a cluster.
    const end = piece.length;
    let [at, open] = [from, inApp];
    while (at < end && open > 0) {
      if (inString) {
        if (escaped) {
          escaped = false;
          at++;
        }
        while (at < end && piece[at] !== QUOTE && piece[at] !== BACKSLASH) at++;
        if (at < end) {
          inString = piece[at] === BACKSLASH;
          escaped = inString;
          at++;
        }
        continue;
      }
      const byte = piece[at++];
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) open++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) open--;
    }
    inApp = open;
    return at;
  };

  const open = (byte: number): void => {
    const isList = byte === OPEN_LIST && ((depth === 0 && shape === 'list') || (depth === 1 && isAppsKey(key)));
    depth++;
    if (!isList || shape === 'other') return;
    listDepth = depth;
    lists++;
    if (lists > 1) superseded = found.length;
  };

  const close = (): void => {
    if (depth === listDepth) listDepth = 0;
    depth--;
  };

  /** One byte outside of apps. */
  const look = (byte: number): void => {
    if (inString) {
      if (depth === 1 && text.length <= LONGEST_KEY) text += String.fromCharCode(byte);
      if (escaped) escaped = false;
      else if (byte === BACKSLASH) escaped = true;
      else if (byte === QUOTE) inString = false;
      return;
    }
    if (byte === QUOTE) {
      inString = true;
      text = '"';
    } else if (byte === OPEN_OBJECT || byte === OPEN_LIST) open(byte);
    else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST) close();
    else if (depth === 1 && byte === COLON) key = text;
    else if (depth === 1 && byte === COMMA) key = '';
  };

  return {
    push(piece) {
      found = [];
      const around: Buffer[] = [];
      let at = 0;
      superseded = undefined;
      if (inApp > 0) {
        at = skipApp(piece, 0);
        begun.push(piece.subarray(0, at));
        if (inApp === 0) {
          const bytes = takeAll(begun);
          const seen = recognise(bytes, 0);
          found.push(seen?.end === bytes.length ? { bytes, known: seen.known } : { bytes });
        }
      }
      let from = at;
      if (shape === 'other') at = piece.length;
      while (at < piece.length) {
        const byte = piece[at] ?? 0;
        if (shape === 'unknown') shape = shapeOf(byte);
        if (byte !== OPEN_OBJECT || inString || listDepth === 0 || depth !== listDepth) {
          look(byte);
          at++;
          continue;
        }
        around.push(piece.subarray(from, at), STAND_IN);
        from = at;
        const seen = recognise(piece, from);
        if (seen === undefined) inApp = 1;
        at = seen?.end ?? skipApp(piece, at + 1);
        const bytes = piece.subarray(from, at);
        if (inApp > 0) begun.push(bytes);
        else found.push(seen === undefined ? { bytes } : { bytes, known: seen.known });
        from = at;
      }
      around.push(piece.subarray(from, at));
      outside.push(Buffer.concat(around));
      return found;
    },
    superseded: () => superseded,
    rest() {
      // The stand-in of an app that never ended would make the text whole.
      const whole = Buffer.concat(outside);
      return inApp === 0 ? whole.toString('utf8') : Buffer.concat([whole.subarray(0, -2), ...begun]).toString('utf8');
    },
  };
}

function takeAll(pieces: Buffer[]): Buffer {
  const bytes = Buffer.concat(pieces);
  pieces.length = 0;
  return bytes;
}

function shapeOf(byte: number): 'unknown' | 'object' | 'list' | 'other' {
  if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) return 'unknown';
  if (byte === OPEN_OBJECT) return 'object';
  return byte === OPEN_LIST ? 'list' : 'other';
}

/** Keys may be spelled with escapes. */
function isAppsKey(key: string): boolean {
  if (key === '"apps"') return true;
  if (!key.includes('\\')) return false;
  try {
    return JSON.parse(key) === 'apps';
  } catch {
    return false;
  }
}
