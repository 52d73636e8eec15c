// Asks many hosts in a process of its own: what keeps the test's event loop busy must not look like a slow router.

import type { FromProbers, ToProbers } from './many-probers.ts';
import { startProber } from './steady-prober.ts';

const running = new Map<string, ReturnType<typeof startProber>>();
const tell = (message: FromProbers): void => {
  process.send?.(message);
};

/** The app of an answer of a stand-in's task; nothing else counts as good. */
const answeredBy = (body: string): unknown => {
  try {
    return (JSON.parse(body) as { readonly app?: unknown }).app;
  } catch {
    return undefined;
  }
};

/** What was seen since the last time, once all requests sent until now have ended. */
const take = async (id: number): Promise<void> => {
  await Promise.all([...running.values()].map((prober) => prober.settled()));
  const all = [...running].map(([host, prober]) => {
    const seen = prober.seen();
    prober.reset();
    return { ...seen, failures: seen.failures.map((failure) => `${host}: ${failure}`) };
  });
  tell({
    id,
    asked: all.reduce((sum, one) => sum + one.ok + one.failed, 0),
    failed: all.reduce((sum, one) => sum + one.failed, 0),
    retried: all.reduce((sum, one) => sum + one.retried, 0),
    slowestMs: Math.round(Math.max(0, ...all.map((one) => one.slowestMs))),
    failures: all.flatMap((one) => one.failures),
  });
};

process.on('message', (message: ToProbers) => {
  if (message.kind === 'take') {
    void take(message.id);
    return;
  }
  const { port, perSecond } = message;
  for (const [n, { host, app }] of message.hosts.entries()) {
    // Not all at the same instant.
    setTimeout(
      () =>
        running.set(
          host,
          startProber({ port, host, perSecond, good: (status, body) => status === 200 && answeredBy(body) === app }),
        ),
      (n * 1000) / perSecond / message.hosts.length,
    );
  }
});
process.on('disconnect', () => process.exit(0));
