import { pino } from 'pino';
import type { DaemonEvent } from '../core/events.ts';
import type { LogLevel } from '../core/settings.ts';
import { describeEvent, isDetail } from './describe-event.ts';
import { prettyLine } from './pretty-line.ts';
import { createRepeats, type Repeats } from './repeats.ts';

/** Writes events as log lines. */
export interface EventLog {
  observe(event: DaemonEvent): void;
  /** A line about something that is no event, e.g. where the admin API listens. */
  say(level: LogLevel, at: number, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** False when there is no such level. */
  setLevel(level: string): boolean;
  level(): string;
}

/**
 * pino's JSON lines, one for each event: time as ISO text, level as word. `pretty` is for a terminal, `colour` for one that
 * understands colours. A warning that repeats is a debug line from the second time on. Lines are written at once: a transport in a worker loses the last ones of a crash.
 */
export function createEventLog(options: {
  readonly write: (line: string) => void;
  readonly level: LogLevel;
  readonly pretty: boolean;
  readonly colour: boolean;
  /** What was said before, for others as well. */
  readonly repeats?: Repeats;
}): EventLog {
  const write = options.pretty
    ? (json: string) => options.write(`${prettyLine(json, options.colour)}\n`)
    : options.write;
  const logger = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'message',
      timestamp: false,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write },
  );
  const { repeats = createRepeats() } = options;
  const levels = Object.keys(pino.levels.values);
  const say: EventLog['say'] = (level, at, message, fields = {}) => {
    logger[level]({ time: new Date(at).toISOString(), ...fields }, message);
  };
  const tellsDetails = (): boolean => logger.isLevelEnabled('debug');
  let details = tellsDetails();
  return {
    say,
    observe(event) {
      if (!details && isDetail(event)) return;
      const repeated = repeats.has(event);
      const told = describeEvent(event);
      const level = repeated && told.level === 'warn' ? 'debug' : told.level;
      if (logger.isLevelEnabled(level)) say(level, event.at, told.message, { event: event.type, ...told.fields });
    },
    setLevel(level) {
      if (!levels.includes(level)) return false;
      logger.level = level;
      details = tellsDetails();
      return true;
    },
    level: () => logger.level,
  };
}
