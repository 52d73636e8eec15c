const MASK = '***';
/** Where none of this is in a text there is nothing to look for: most are names and numbers. */
const SUSPECT = /password|\$|:\/\/|basic|bearer|token=/i;

/**
 * A text without secrets: passwords of userlists, crypt(3) hashes, credentials in URLs and headers.
 * The number of lines stays, so that line numbers keep fitting.
 */
export function redact(text: string): string {
  if (!SUSPECT.test(text)) return text;
  return text
    .replace(/\b((?:insecure-)?password[ \t]+)("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|(?:\\.|[^\s\\])+)/g, `$1${MASK}`)
    .replace(/(?<![\w$])\$[0-9a-zA-Z]{1,8}\$[^\s"',:;)\]}]+/g, MASK)
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s"']*@/gi, `$1${MASK}@`)
    .replace(/\b(authorization:?[ \t]*)?\b((?:basic|bearer)[ \t]+|token=)[\w.~+/=-]{6,}/gi, `$1$2${MASK}`);
}

/** The same for every text inside a plain JSON value. */
export function redactDeep(value: unknown): unknown {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map(redactDeep);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redactDeep(inner)]));
  }
  return value;
}
