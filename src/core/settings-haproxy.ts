import { choice, command, duration, toggle, whole } from './settings-kinds.ts';
import { ROUTING, type SettingsTable } from './settings-spec.ts';

/** The knobs of HAProxy itself: which one, who runs it, how it follows changes, and what is kept of it. */
export const HAPROXY_SETTINGS = {
  haproxy: {
    flag: 'haproxy',
    kind: command,
    default: '/usr/sbin/haproxy',
    help: 'the HAProxy to run, 2.6 or newer',
    example: '/usr/local/sbin/haproxy',
  },
  haproxyMode: {
    flag: 'haproxy-mode',
    kind: choice(['managed', 'external']),
    default: 'managed',
    help: 'start and watch over HAProxy (managed), or drive one that systemd or another container runs (external)',
    example: 'external',
  },
  runtime: {
    flag: 'runtime',
    kind: toggle,
    default: 'true',
    help: 'bring changes to HAProxy over its socket where that can carry them; without it every change is a reload',
  },
  spareHttp: {
    flag: 'spare-http',
    kind: whole(0, 10_000),
    default: '200',
    help: 'empty HTTP backends held ready for new apps, which then need no reload; refilled at the next one; HAProxy 3.4 needs none',
  },
  spareSticky: {
    flag: 'spare-sticky',
    kind: whole(0, 10_000),
    default: '50',
    help: 'the same with a cookie, for apps with HAPROXY_{n}_STICKY',
  },
  spareTcp: {
    flag: 'spare-tcp',
    kind: whole(0, 10_000),
    default: '50',
    help: 'the same for TCP',
  },
  onStop: {
    flag: 'on-stop',
    kind: choice(['keep', 'drain']),
    default: 'keep',
    help: 'what becomes of HAProxy when Portolan ends: it serves on (keep), or finishes its requests and ends (drain)',
    example: 'drain',
  },
  keepGenerations: {
    flag: 'keep-generations',
    kind: whole(2, 1000),
    default: '10',
    help: 'how many configurations stay on disk',
  },
  hardStopAfter: {
    flag: 'hard-stop-after',
    kind: duration(1000, 604_800_000),
    default: '3610s',
    help: 'how long an old HAProxy worker may finish its connections after a reload',
    example: '1h',
    commands: ROUTING,
  },
  maxReloads: {
    flag: 'max-reloads',
    kind: whole(1, 1000),
    default: '10',
    help: 'how many reloads an old HAProxy worker survives',
    commands: ROUTING,
  },
  reloadBudget: {
    flag: 'reload-budget',
    kind: whole(1, 600),
    default: '60',
    help: 'how many reloads a minute there may be; what the socket can carry does not wait for them',
    example: '12',
  },
  maxOldWorkers: {
    flag: 'max-old-workers',
    kind: whole(1, 1000),
    default: '10',
    help: 'reload no further while this many old HAProxy workers finish their connections, at most for --hard-stop-after',
  },
  oldWorkersMemory: {
    flag: 'old-workers-memory',
    kind: whole(0, 1_000_000),
    default: '2048',
    help: 'the same while they hold this many megabytes of memory; 0 is no limit',
  },
} as const satisfies Partial<SettingsTable>;
