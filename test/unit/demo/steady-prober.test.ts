import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { startProber } from '../../support/steady-prober.ts';
import { CHECK, marathonOf, stopLater } from './rig.ts';

test('the prober sees every failure and names the first', async () => {
  const marathon = await marathonOf();
  await marathon.post({ id: 'web', backoffSeconds: 1000, healthChecks: [CHECK] });
  await marathon.settled();
  const [task] = marathon.tasks('web');
  const at = task?.listens[0];
  const prober = startProber({ address: at?.address ?? '', port: at?.port ?? 0, perSecond: 200 });
  await prober.rounds(20);
  expect(prober.seen()).toMatchObject({ failed: 0, failures: [] });
  expect(prober.seen().answers.get(task?.id ?? '')).toBeGreaterThanOrEqual(20);
  marathon.crashTask('web');
  prober.reset();
  await prober.rounds(20);
  const seen = await prober.stop();
  expect(seen.failed).toBeGreaterThanOrEqual(15);
  expect(seen.failures.some((failure) => /ECONNREFUSED \((kept|new) connection/.test(failure))).toBe(true);
  expect(seen.pending).toBe(0);
});

test('a wrong status, a cut answer and a hang are failures', async () => {
  let turn = 0;
  const server = createServer((_request, response) => {
    turn++;
    if (turn % 3 === 0) response.writeHead(503).end('down');
    else if (turn % 3 === 1) response.writeHead(200, { 'Content-Length': 10 }).write('half', () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stopLater({
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const prober = startProber({ port, perSecond: 100, connections: 'new', timeoutMs: 100 });
  await prober.rounds(9);
  const seen = await prober.stop();
  expect(seen.ok).toBe(0);
  for (const kind of ['status 503: down', 'answer cut', 'no answer in time'])
    expect(seen.failures.join('\n')).toContain(kind);
});
