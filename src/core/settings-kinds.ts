import { z } from 'zod';
import { parseIp } from './address.ts';
import { type BindAddress, formatBind } from './settings.ts';

/**
 * A kind of setting: how its text becomes a value, and the words for the complaint when it does not.
 * The schema takes what a flag (text, list of texts, boolean), an environment variable (text) and YAML
 * (also numbers and lists) can hold.
 */
export interface Kind<T> {
  /** What help shows behind the flag; absent for switches, which take no value. */
  readonly placeholder?: string;
  /** What would have been right, to follow the words "expected". */
  readonly expected: string;
  /** May be given several times, or as a comma list. */
  readonly repeatable: boolean;
  /** The value names files: whoever knows the working directory makes it absolute before it comes here. */
  readonly holds?: 'path' | 'command';
  readonly schema: z.ZodType<T>;
  /** The value as it would be typed; help and the README show defaults with it. */
  readonly format: (value: T) => string;
}

const scalar = z.union([z.string(), z.number(), z.boolean()]).transform((value) => String(value).trim());
const text = scalar.refine((value) => value !== '', { error: 'it is empty' });
const parts = z
  .union([scalar, z.array(scalar)])
  .transform((value) =>
    (typeof value === 'string' ? [value] : value)
      .flatMap((entry) => entry.split(','))
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  )
  .refine((list) => list.length > 0, { error: 'it is empty' });

/** Refuses a value inside a transform, with the reason for people. */
function refuse(ctx: z.RefinementCtx, message: string): typeof z.NEVER {
  ctx.addIssue({ code: 'custom', message });
  return z.NEVER;
}

/** An element-wise parser of a comma or repeated list; doubles are dropped. */
function listOf<T>(
  one: (entry: string, ctx: z.RefinementCtx) => T,
  same: (value: T) => string,
): z.ZodType<readonly T[]> {
  return parts.transform((list, ctx) => {
    const values = list.map((entry) => one(entry, ctx));
    if (ctx.issues.length > 0) return z.NEVER;
    return [...new Map(values.map((value) => [same(value), value])).values()];
  });
}

const SWITCH_WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

/** On or off: `--x`, `--no-x`, or a word in environment and file. */
export const toggle: Kind<boolean> = {
  expected: 'true or false',
  repeatable: false,
  schema: scalar.transform((value, ctx) => SWITCH_WORDS[value.toLowerCase()] ?? refuse(ctx, 'it is neither')),
  format: String,
};

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds from `500ms`, `30s`, `5m`, `1h`, `2d` or plain seconds; undefined when it is no duration. */
export function parseDuration(value: string): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)?$/.exec(value.trim());
  if (match === null) return undefined;
  return Math.round(Number(match[1]) * (UNIT_MS[match[2] ?? 's'] ?? Number.NaN));
}

/** The shortest way to type so many milliseconds. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    const size = UNIT_MS[unit] ?? 1;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

/** A span of time between `min` and `max` milliseconds, both included. */
export function duration(min: number, max: number): Kind<number> {
  const range = `between ${formatDuration(min)} and ${formatDuration(max)}`;
  return {
    placeholder: '<duration>',
    expected: `a duration ${range}: a number with ms, s, m or h, or plain seconds`,
    repeatable: false,
    schema: text.transform((value, ctx) => {
      const ms = parseDuration(value);
      if (ms === undefined) return refuse(ctx, 'it is no duration');
      return ms >= min && ms <= max ? ms : refuse(ctx, `it is not ${range}`);
    }),
    format: formatDuration,
  };
}

/** A whole number between `min` and `max`, both included. */
export function whole(min: number, max: number): Kind<number> {
  return {
    placeholder: '<number>',
    expected: `a whole number from ${min} to ${max}`,
    repeatable: false,
    schema: text.transform((value, ctx) => {
      if (!/^\d{1,9}$/.test(value)) return refuse(ctx, 'it is no whole number');
      const number = Number(value);
      return number >= min && number <= max ? number : refuse(ctx, `it is not from ${min} to ${max}`);
    }),
    format: String,
  };
}

/** One of a few words. */
export function choice<W extends string>(words: readonly W[]): Kind<W> {
  return {
    placeholder: `<${words.join('|')}>`,
    expected: `one of ${words.join(', ')}`,
    repeatable: false,
    schema: text.transform((value, ctx) => words.find((word) => word === value) ?? refuse(ctx, 'it is none of these')),
    format: String,
  };
}

const pathLike = text.refine((value) => !value.includes('\0') && !value.includes('\n'), { error: 'it is no path' });

/** A file or folder. */
export const path: Kind<string> = {
  placeholder: '<path>',
  expected: 'a path',
  repeatable: false,
  holds: 'path',
  schema: pathLike,
  format: String,
};

/** A program: a path, or a bare name that is looked up in PATH. */
export const command: Kind<string> = {
  ...path,
  expected: 'a path to a program, or a name to look up in PATH',
  holds: 'command',
};

/** Files and folders. */
export const paths: Kind<readonly string[]> = {
  placeholder: '<path>',
  expected: 'paths, as a comma list or given several times',
  repeatable: true,
  holds: 'path',
  schema: listOf((entry) => entry, String),
  format: (value) => value.join(','),
};

/** Names without blanks, like groups. */
export const names: Kind<readonly string[]> = {
  placeholder: '<name>',
  expected: 'names without blanks, as a comma list or given several times; * stands for all',
  repeatable: true,
  schema: listOf(
    (entry, ctx) => (/^[^\s"']+$/.test(entry) ? entry : refuse(ctx, `"${entry}" has a blank or quote`)),
    String,
  ),
  format: (value) => value.join(','),
};

/** A base URL: http or https, a path prefix is kept, no credentials and no query. */
const baseUrl =
  (tokenFlag: string) =>
  (entry: string, ctx: z.RefinementCtx): string => {
    if (!/^https?:\/\//i.test(entry)) return refuse(ctx, 'it does not start with http:// or https://');
    if (!URL.canParse(entry)) return refuse(ctx, 'it is no URL');
    const url = new URL(entry);
    if (url.username !== '' || url.password !== '') {
      return refuse(ctx, `credentials do not belong on a command line, use ${tokenFlag}`);
    }
    if (url.search !== '' || url.hash !== '') return refuse(ctx, 'a base URL has no query and no fragment');
    return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  };

/** Base URLs of the masters. */
export const masterUrls: Kind<readonly string[]> = {
  placeholder: '<url>',
  expected: 'http(s) URLs of Marathon masters, as a comma list or given several times',
  repeatable: true,
  schema: listOf(baseUrl('--marathon-auth-file'), String),
  format: (value) => value.join(','),
};

/** Admin APIs of other edges. */
export const peerUrls: Kind<readonly string[]> = {
  ...masterUrls,
  expected: 'http(s) URLs of the admin APIs of other edges, as a comma list or given several times',
  schema: listOf(baseUrl('--peer-token-file'), String),
};

/** Address and port from `*:80`, `10.0.0.1:80` or `[::]:80`; a text says what is wrong. */
function parseBind(entry: string, lowestPort: 0 | 1): BindAddress | string {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(entry);
  if (match === null) {
    return entry.split(':').length > 2 ? `"${entry}": IPv6 stands in brackets` : `"${entry}" is not address:port`;
  }
  const [, six, four = ''] = match;
  const port = Number(match[3]);
  if (port < lowestPort || port > 65535) return `"${entry}": the port is not from ${lowestPort} to 65535`;
  if (four === '*') return { address: four, port };
  const ip = parseIp(six ?? four);
  const fits = ip?.family === (six === undefined ? 4 : 6);
  return ip !== undefined && fits
    ? { address: ip.text, port }
    : `"${entry}": the address is neither an IP address nor *`;
}

/** Addresses that HAProxy listens on, or `off`. */
export const binds: Kind<readonly BindAddress[]> = {
  placeholder: '<binds>',
  expected: 'a list of address:port (an IP address or * for every IPv4 address), or off',
  repeatable: true,
  schema: parts.transform((list, ctx) => {
    if (list.length === 1 && list[0]?.toLowerCase() === 'off') return [];
    const values: BindAddress[] = [];
    for (const entry of list) {
      const bind = parseBind(entry, 1);
      if (typeof bind === 'string') return refuse(ctx, bind);
      if (!values.some((other) => formatBind(other) === formatBind(bind))) values.push(bind);
    }
    return values;
  }),
  format: (value) => (value.length === 0 ? 'off' : value.map(formatBind).join(',')),
};

/** The one address that Portolan itself listens on; port 0 takes a free one. */
export const bind: Kind<BindAddress> = {
  placeholder: '<address:port>',
  expected: 'one address:port, the address an IP address or *',
  repeatable: false,
  schema: text.transform((value, ctx) => {
    const parsed = parseBind(value, 0);
    return typeof parsed === 'string' ? refuse(ctx, parsed) : parsed;
  }),
  format: formatBind,
};
