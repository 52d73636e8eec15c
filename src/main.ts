#!/usr/bin/env node
// The composition root: alone reads process.*, and hands everything on.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type DaemonSurroundings, runDaemon } from './cli/daemon.ts';
import type { CliDeps } from './cli/deps.ts';
import { runProgram } from './cli/program.ts';
import { resolveHost } from './cli/resolve-host.ts';
import { runDemoWith } from './cli/run-demo.ts';
import type { Instant } from './core/app.ts';
import type { Clock } from './core/ports.ts';

const root = resolve(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as { version: string };

const templates = resolve(root, 'templates');

const clock: Clock = {
  now: () => Date.now() as Instant,
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

/** Aborted by the first SIGTERM or SIGINT; a second one does not wait. */
function untilSignalled(): AbortSignal {
  const ending = new AbortController();
  const end = (): void => {
    if (ending.signal.aborted) process.exit(1);
    ending.abort();
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  return ending.signal;
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
  onReady: ({ requestPass, bug }) => {
    process.on('SIGHUP', () => requestPass('SIGHUP'));
    process.on('unhandledRejection', bug);
  },
});

const deps: CliDeps = {
  version,
  env: process.env,
  cwd: process.cwd(),
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  startDaemon: (settings) => runDaemon(settings, surroundings(untilSignalled())),
  runDemo: (request) => runDemoWith(request, surroundings(untilSignalled()), deps),
  templates,
  now: clock.now,
  resolveHost,
};

// A closed pipe (`portolan routes | head`) ends the output, nothing else.
process.stdout.on('error', () => undefined);
process.exitCode = await runProgram(process.argv.slice(2), deps);
