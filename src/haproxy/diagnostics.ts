import type { Diagnostic } from '../core/config.ts';

/** `[ALERT]    (9319) : config : …`; HAProxy ≤ 2.3 has a date before the pid. */
const MESSAGE = /^\[(EMERG|ALERT|WARNING|NOTICE|DIAG|INFO|DEBUG)\s*\]\s*(?:\S+\s+)?(?:\(\d+\)\s*)?:\s?(.*)$/;

/** `parsing [haproxy.cfg:18]`, `[haproxy.cfg:18]`, `Binding [haproxy.cfg:14]`, also with a folder before the name. */
const PLACE = /\[(?:[^\]\s]*\/)?haproxy\.cfg:(\d+)\]/;

/** Lines that only sum up what was said before. */
const SUMMARY =
  /^(Error\(s\) found in configuration file|Fatal errors found in configuration|Some warnings were found|Warnings were found|Errors? found in configuration)/i;

/**
 * Reads what HAProxy (2.6 to 3.2 at least) wrote about a configuration, from stderr, from a reload's answer or its log.
 * Alerts and warnings in the order given; a message that runs over several lines is one. Lines that only sum up are
 * left out unless nothing else was said.
 */
export function parseDiagnostics(text: string): readonly Diagnostic[] {
  const found: { severity: Diagnostic['severity']; message: string }[] = [];
  let open = false;
  for (const line of text.split('\n')) {
    const head = MESSAGE.exec(line);
    if (head) {
      const severity = severityOf(head[1] ?? '');
      open = severity !== undefined;
      if (severity) found.push({ severity, message: (head[2] ?? '').replace(/^config\s*:\s*/, '').trim() });
      continue;
    }
    const last = found.at(-1);
    // What stands below a message and is indented belongs to it: the offending line, a caret below it.
    if (open && last && /^\s+\S/.test(line)) last.message += `\n${line.trimEnd()}`;
    else open = false;
  }
  const telling = found.filter(({ message }) => !SUMMARY.test(message));
  return (telling.length > 0 ? telling : found).map(({ severity, message }) => {
    const line = PLACE.exec(message)?.[1];
    return line === undefined ? { severity, message } : { severity, message, line: Number(line) };
  });
}

function severityOf(level: string): Diagnostic['severity'] | undefined {
  if (level === 'ALERT' || level === 'EMERG') return 'alert';
  return level === 'WARNING' ? 'warning' : undefined;
}
