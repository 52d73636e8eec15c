import { listenersOverlap } from './address.ts';
import { printable } from './problem.ts';
import { fail, ok, type Result } from './result.ts';
import type { BindAddress, Settings } from './settings.ts';
import { formatBind } from './settings.ts';
import { type SettingRow, settingRows } from './settings-rows.ts';
import { SETTINGS_TABLE } from './settings-table.ts';

/** A value as one source gave it: text of a flag or variable, or whatever YAML holds. */
export interface RawSetting {
  readonly value: unknown;
  /** How the source calls it, for complaints: `--poll-interval`, `PORTOLAN_POLL_INTERVAL`, `portolan.yaml:3: poll-interval`. */
  readonly at: string;
}

/** What one source gave, by flag name without dashes. Names that the table does not know are ignored here. */
export type RawSettings = ReadonlyMap<string, RawSetting>;

/** A setting that cannot be used: where it stands, its value, what was expected and an example. */
export interface SettingError {
  readonly at: string;
  /** Printable; absent where a setting is missing. */
  readonly value?: string;
  readonly reason?: string;
  readonly expected: string;
  readonly example: string;
}

/** The error as one line for people. */
export function formatSettingError(error: SettingError): string {
  const value = error.value === undefined ? ' is missing' : ` "${error.value}"`;
  const reason = error.reason === undefined ? '' : `: ${error.reason}`;
  return `${error.at}${value}${reason}; expected ${error.expected}, for example: ${error.example}`;
}

/** The sources in the order in which they win. */
export interface SettingSources {
  readonly flags: RawSettings;
  readonly env: RawSettings;
  readonly file: RawSettings;
}

/**
 * All settings from all sources: flags win over environment, that over the file, that over the defaults.
 * Errors: one for each value in force that cannot be understood or does not fit the others. A value that is overruled is not looked at.
 */
export function mergeSettings(sources: SettingSources): Result<Settings, readonly SettingError[]> {
  const errors: SettingError[] = [];
  const values: [string, unknown][] = [];
  const overruled = overruledSource(sources);
  for (const row of settingRows()) {
    const raw = row.key === overruled ? undefined : pick(sources, row.flag);
    const parsed = parse(row, raw);
    if (!parsed.ok) errors.push(parsed.failure);
    else if (parsed.value !== undefined) values.push([row.key, parsed.value]);
  }
  if (errors.length > 0) return fail(errors);
  // Every key came through its own kind above; the compiler cannot follow a loop over keys of different types.
  const settings = Object.fromEntries(values) as unknown as Settings;
  const misfits = [...checkPairs(settings), ...checkRange(settings), ...checkBinds(settings)];
  return misfits.length > 0 ? fail(misfits) : ok(settings);
}

function pick(sources: SettingSources, flag: string): RawSetting | undefined {
  return sources.flags.get(flag) ?? sources.env.get(flag) ?? sources.file.get(flag);
}

/** `--apps` and `--marathon` exclude each other; the one from the stronger source wins, so that a flag can overrule a file. */
function overruledSource({ flags, env, file }: SettingSources): 'apps' | 'marathon' | undefined {
  for (const source of [flags, env, file]) {
    const apps = source.has('apps');
    const marathon = source.has('marathon');
    if (apps && marathon) return undefined;
    if (apps) return 'marathon';
    if (marathon) return 'apps';
  }
  return undefined;
}

function parse(spec: SettingRow, raw: RawSetting | undefined): Result<unknown, SettingError> {
  if (raw === undefined && spec.default === undefined) return ok(spec.kind.repeatable ? [] : undefined);
  const value = raw === undefined ? spec.default : raw.value;
  const parsed = spec.kind.schema.safeParse(value);
  if (parsed.success) return ok(parsed.data);
  const custom = parsed.error.issues.find((issue) => issue.code === 'custom');
  return fail({
    at: raw?.at ?? `--${spec.flag}`,
    value: printable(shown(value)),
    ...(custom === undefined ? {} : { reason: printable(custom.message, 200) }),
    expected: spec.kind.expected,
    example: spec.example,
  });
}

/** The refused value for people, without the password that a URL may hold. */
function shown(value: unknown): string {
  const isList = Array.isArray(value) && value.every((entry) => typeof entry !== 'object');
  const text = isList ? value.join(',') : typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value));
  return text.replace(/(\/\/)[^/@\s]*@/g, '$1***@');
}

function misfit(key: keyof Settings, value: string | undefined, expected: string, example?: string) {
  const spec = SETTINGS_TABLE[key];
  return {
    at: `--${spec.flag}`,
    ...(value === undefined ? {} : { value: printable(value) }),
    expected,
    example: example ?? `--${spec.flag} ${spec.example ?? spec.default ?? ''}`,
  } satisfies SettingError;
}

function checkPairs(settings: Settings): readonly SettingError[] {
  const errors: SettingError[] = [];
  if (settings.marathon.length > 0 && settings.apps !== undefined) {
    errors.push(misfit('apps', settings.apps, 'either --marathon or --apps, not both'));
  }
  if (settings.marathonCert !== undefined && settings.marathonKey === undefined) {
    errors.push(misfit('marathonKey', undefined, 'the private key that belongs to --marathon-cert'));
  }
  if (settings.marathonKey !== undefined && settings.marathonCert === undefined) {
    errors.push(misfit('marathonCert', undefined, 'the certificate that belongs to --marathon-key'));
  }
  if (settings.marathonAuthFile !== undefined && settings.marathonTokenFile !== undefined) {
    errors.push(
      misfit('marathonTokenFile', settings.marathonTokenFile, 'either --marathon-auth-file or --marathon-token-file'),
    );
  }
  return errors;
}

function checkRange(settings: Settings): readonly SettingError[] {
  const { minServPortIpPerTask: min, maxServPortIpPerTask: max } = settings;
  if (min <= max && (min === 0) === (max === 0)) return [];
  return [
    misfit(
      'minServPortIpPerTask',
      `${min}`,
      `no more than --max-serv-port-ip-per-task (${max}), or both 0`,
      '--min-serv-port-ip-per-task 10050 --max-serv-port-ip-per-task 10100',
    ),
  ];
}

const LISTENERS = ['httpBind', 'httpsBind', 'appidBind', 'statsBind'] as const;

/** HAProxy accepts one address in two frontends and deals connections between them (2.6.12), so that is found here. */
function checkBinds(settings: Settings): readonly SettingError[] {
  const taken: { readonly flag: string; readonly bind: BindAddress }[] = [];
  const errors: SettingError[] = [];
  for (const key of [...LISTENERS, 'adminBind'] as const) {
    const own = key === 'adminBind' ? [settings.adminBind] : settings[key];
    for (const bind of own) {
      const clash = taken.find((other) => overlap(other.bind, bind));
      if (clash !== undefined) {
        errors.push(misfit(key, formatBind(bind), `an address that --${clash.flag} does not use already`));
      }
      taken.push({ flag: SETTINGS_TABLE[key].flag, bind });
    }
  }
  return errors;
}

/** Whether two listeners would meet. */
const overlap = (a: BindAddress, b: BindAddress): boolean =>
  a.port === b.port && a.port !== 0 && listenersOverlap(a.address, b.address);

/** Whether only this machine can reach the address. */
function isLoopback(address: string): boolean {
  return address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
}

/** What `run` needs beyond values that are right one by one. Errors: no source of apps, no group, an open admin API without token. */
export function checkRun(settings: Settings): readonly SettingError[] {
  const errors: SettingError[] = [];
  if (settings.marathon.length === 0 && settings.apps === undefined) {
    errors.push(misfit('marathon', undefined, 'the URL of at least one Marathon master, or a file by --apps'));
  }
  if (settings.group.length === 0) {
    errors.push(misfit('group', undefined, 'at least one group to serve, or * for all'));
  }
  if (!isLoopback(settings.adminBind.address) && settings.adminTokenFile === undefined) {
    errors.push(
      misfit('adminBind', formatBind(settings.adminBind), 'a loopback address, or --admin-token-file beside it'),
    );
  }
  return errors;
}
