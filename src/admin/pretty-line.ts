const COLOURS: Readonly<Record<string, string>> = {
  trace: '\u001b[90m',
  debug: '\u001b[36m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
  fatal: '\u001b[35m',
};
const RESET = '\u001b[0m';
const DIM = '\u001b[2m';
/** Said by the message already. */
const HIDDEN = new Set(['time', 'level', 'message', 'event', 'stack', 'reasons', 'cause', 'changeCount', 'haproxy']);

/** A JSON log line as people like to read it: time, level, message, then the short fields. Never throws. */
export function prettyLine(json: string, colour: boolean): string {
  let record: Record<string, unknown>;
  try {
    record = JSON.parse(json) as Record<string, unknown>;
  } catch {
    return json.trimEnd();
  }
  const level = String(record['level'] ?? 'info');
  const time = String(record['time'] ?? '').slice(11, 23);
  const fields = Object.entries(record)
    .filter(([key, value]) => !HIDDEN.has(key) && isShort(value))
    .map(([key, value]) => `${key}=${Array.isArray(value) ? value.join(',') : String(value)}`)
    .join(' ');
  const word = level.toUpperCase().padEnd(5);
  const head = colour ? `${DIM}${time}${RESET} ${COLOURS[level] ?? ''}${word}${RESET}` : `${time} ${word}`;
  const stack = typeof record['stack'] === 'string' ? `\n${record['stack']}` : '';
  const tail = fields === '' ? '' : colour ? ` ${DIM}${fields}${RESET}` : ` ${fields}`;
  return `${head} ${String(record['message'] ?? '')}${tail}${stack}`;
}

function isShort(value: unknown): boolean {
  if (Array.isArray(value))
    return value.length > 0 && value.length <= 5 && value.every((entry) => typeof entry === 'string');
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}
