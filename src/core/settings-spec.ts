import type { Settings } from './settings.ts';
import type { Kind } from './settings-kinds.ts';

/** Commands that take settings. */
export type CommandName = 'run' | 'demo' | 'render' | 'routes' | 'config' | 'status' | 'guard';

/** One setting: everything that flags, environment, file, help and the README need to know of it. */
export interface SettingSpec<T> {
  /** Without dashes; also the key in the YAML file. */
  readonly flag: string;
  readonly kind: Kind<T>;
  /** As it would be typed; absent where nothing is set by default (a list is then empty). */
  readonly default?: string;
  /** One sentence without full stop. */
  readonly help: string;
  /** A right value, ready to copy; absent where the default is one. */
  readonly example?: string;
  /** Commands that take it; absent: `run` alone. */
  readonly commands?: readonly CommandName[];
}

/** The commands that decide what is routed. */
export const ROUTING = ['run', 'render'] as const;

/** Every key of `Settings` with the type of its value. */
export type SettingsTable = { readonly [K in keyof Settings]-?: SettingSpec<NonNullable<Settings[K]>> };

/** The environment variable of a flag: `poll-interval` is `PORTOLAN_POLL_INTERVAL`. */
export function envName(flag: string): string {
  return `PORTOLAN_${flag.toUpperCase().replaceAll('-', '_')}`;
}
