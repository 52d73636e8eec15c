import { formatChanges } from '../admin/changes-stream.ts';
import type { Clock } from '../core/ports.ts';
import { mergeSettings } from '../core/settings-merge.ts';
import { runDemo } from '../demo/demo.ts';
import { statePaths } from '../haproxy/paths.ts';
import { findByMasterSocket, signalAll } from '../haproxy/processes.ts';
import { type DaemonSurroundings, runDaemon } from './daemon.ts';
import type { CliDeps, DaemonFailure, DemoRequest } from './deps.ts';
import { reportDaemonFailure } from './report-failure.ts';

/** Between two looks (ms) for processes of HAProxy that `cut` is to end. */
const CUT_AGAIN_MS = 100;

/**
 * The demo with the real daemon in it: the same that `run` starts, its changes one line each, of its log only errors.
 * After the signal of `around`, HAProxy's connections may finish until `cut` is aborted.
 */
export async function runDemoWith(
  request: DemoRequest,
  around: DaemonSurroundings,
  cut: AbortSignal,
  deps: Pick<CliDeps, 'out' | 'err'>,
): Promise<number> {
  const defaults = mergeSettings({ flags: new Map(), env: new Map(), file: new Map() });
  if (!defaults.ok) throw new Error('the defaults do not fit together');
  let failure: DaemonFailure | undefined;
  const code = await runDemo({
    stdout: { write: deps.out },
    signal: around.signal,
    startPortolan: async (overrides) => {
      const ending = new AbortController();
      const tellers: ((line: string) => void)[] = [];
      const ended = runDaemon(
        {
          ...defaults.value,
          logLevel: 'error',
          ...overrides,
          ...(request.haproxy === undefined ? {} : { haproxy: request.haproxy }),
        },
        {
          ...around,
          signal: ending.signal,
          write: (line) => {
            for (const tell of tellers) tell(line);
          },
          terminal: { ...around.terminal, pretty: true },
          listener: (event) => {
            if (event.type === 'applied')
              for (const line of formatChanges(event)) for (const tell of tellers) tell(line);
          },
        },
      ).then((result) => {
        if (!result.ok) failure = result.failure;
      });
      return {
        ended,
        stop: async () => {
          ending.abort();
          const cutNow = (): void => void cutUntil(ended, overrides.stateDir, around.clock);
          if (cut.aborted) cutNow();
          else cut.addEventListener('abort', cutNow, { once: true });
          await ended;
        },
        onChange: (tell) => {
          tellers.push(tell);
        },
      };
    },
  });
  return failure === undefined ? code : reportDaemonFailure(failure, deps);
}

/** Kills HAProxy again and again until Portolan has ended: it may be about to start another one. */
async function cutUntil(ended: Promise<unknown>, stateDir: string, clock: Clock): Promise<void> {
  const over = new AbortController();
  const end = (): void => over.abort();
  ended.then(end, end);
  while (!over.signal.aborted) {
    await signalAll(await findByMasterSocket(statePaths(stateDir).masterSocket), 'SIGKILL');
    await clock.sleep(CUT_AGAIN_MS, over.signal);
  }
}
