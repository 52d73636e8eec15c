// The composition root: alone reads process.*, and hands everything on.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type DaemonSurroundings, runDaemon } from './cli/daemon.ts';
import type { CliDeps, DemoRequest } from './cli/deps.ts';
import { neverBack } from './cli/never-back.ts';
import { runProgram } from './cli/program.ts';
import { resolveHost } from './cli/resolve-host.ts';
import type { Clock } from './core/ports.ts';
import type { Settings } from './core/settings.ts';

const root = resolve(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as { version: string };

const templates = resolve(root, 'templates');

const clock: Clock = {
  now: neverBack(Date.now, () => performance.now()),
  sleep: (ms, signal) =>
    new Promise((done) => {
      if (signal.aborted) return done();
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        done();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
    }),
};

/** Signals closer together (ms) are one: npm passes on the Ctrl-C that the terminal has sent to the whole group. */
const ONE_SIGNAL_WITHIN_MS = 500;

/** Each of these signals takes the next step; one more than there are steps does not wait. */
function onSignals(signals: readonly NodeJS.Signals[], steps: readonly AbortController[]): void {
  let last = Number.NEGATIVE_INFINITY;
  const next = (): void => {
    const now = performance.now();
    if (now - last < ONE_SIGNAL_WITHIN_MS) return;
    last = now;
    const step = steps.find(({ signal }) => !signal.aborted);
    if (step === undefined) process.exit(1);
    step.abort();
  };
  for (const signal of signals) process.on(signal, next);
}

const surroundings = (signal: AbortSignal): DaemonSurroundings => ({
  version,
  clock,
  random: Math.random,
  write: (line) => process.stdout.write(line),
  terminal: {
    pretty: process.stdout.isTTY === true,
    colour: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
  },
  templates,
  signal,
  onReady: ({ bug }) => process.on('unhandledRejection', bug),
});

function startDaemon(settings: Settings): ReturnType<CliDeps['startDaemon']> {
  const ending = new AbortController();
  onSignals(['SIGTERM', 'SIGINT'], [ending]);
  const around = surroundings(ending.signal);
  return runDaemon(settings, {
    ...around,
    onReady: (daemon) => {
      around.onReady?.(daemon);
      process.on('SIGHUP', () => daemon.requestPass('SIGHUP'));
    },
  });
}

/** The demo ends with its terminal, too; the second signal cuts what is left of connections. */
async function runDemo(request: DemoRequest): Promise<number> {
  const { runDemoWith } = await import('./cli/run-demo.ts');
  const ending = new AbortController();
  const cutting = new AbortController();
  onSignals(['SIGTERM', 'SIGINT', 'SIGHUP'], [ending, cutting]);
  return runDemoWith(request, surroundings(ending.signal), cutting.signal, deps);
}

const deps: CliDeps = {
  version,
  env: process.env,
  cwd: process.cwd(),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  startDaemon,
  runDemo,
  templates,
  now: clock.now,
  resolveHost,
};

// A closed pipe (`portolan routes | head`) ends the output, nothing else.
process.stdout.on('error', () => undefined);
void runProgram(process.argv.slice(2), deps).then((code) => {
  process.exitCode = code;
});
