/** Words that HAProxy's parser takes as they stand. */
const BARE_WORD = /^[A-Za-z0-9_.:/@+,=()[\]*-]+$/;

/**
 * One word of haproxy.cfg, whatever the text holds: bare where that is safe, else in single quotes, in which HAProxy
 * expands nothing. Control characters, which no single line can carry, become `_`.
 */
export function quoteWord(text: string): string {
  if (BARE_WORD.test(text)) return text;
  const line = text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]/g, '_');
  return `'${line.replaceAll("'", "'\\''")}'`;
}

/** A text that stands for itself where HAProxy expects a log-format string: no `%[…]` of its own. */
export function literalFormat(text: string): string {
  return text.replaceAll('%', '%%');
}

/** A text that stands for itself in a PCRE pattern. */
export function literalPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** A text for the replacement side of a `replace-*` rule: neither a format nor a back reference of its own. */
export function literalReplacement(text: string): string {
  return literalFormat(text.replaceAll('\\', '\\\\'));
}
