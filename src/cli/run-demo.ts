import { formatChanges } from '../admin/changes-stream.ts';
import { mergeSettings } from '../core/settings-merge.ts';
import { runDemo } from '../demo/demo.ts';
import { type DaemonSurroundings, runDaemon } from './daemon.ts';
import type { CliDeps, DaemonFailure, DemoRequest } from './deps.ts';
import { reportDaemonFailure } from './report-failure.ts';

/** The demo with the real daemon in it: the same that `run` starts, its log left out, its changes one line each. */
export async function runDemoWith(
  request: DemoRequest,
  around: DaemonSurroundings,
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
        { ...defaults.value, ...overrides, ...(request.haproxy === undefined ? {} : { haproxy: request.haproxy }) },
        {
          ...around,
          signal: ending.signal,
          write: () => undefined,
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
