// Leaves bytecode beside the program that was built: of what runs while Portolan starts, reads a cluster and tells of it. Without
// it, as with another Node than this one, everything is compiled at each start.
// Usage: node FLAGS scripts/code.mjs, with the flags of bin/portolan.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { codePath, loadProgram } from '../src/compiled.ts';

const folder = resolve(import.meta.dirname, '../dist');
const place = mkdtempSync(join(tmpdir(), 'portolan-code-'));
const app = (n) => ({
  id: `/app-${n}`,
  version: '2026-01-01T00:00:00.000Z',
  instances: 1,
  labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: `app-${n}.example` },
  portDefinitions: [{ port: 10_000 + n, protocol: 'tcp' }],
  healthChecks: [{ protocol: 'HTTP', path: '/', portIndex: 0 }],
  tasks: [{ id: `app-${n}.task`, appId: `/app-${n}`, host: '127.0.0.1', ports: [30_000 + n], state: 'TASK_RUNNING' }],
});
writeFileSync(join(place, 'apps.json'), JSON.stringify({ apps: [app(0), app(1)] }));

process.argv = [process.execPath, join(folder, 'main.js'), 'run', '--config', '/dev/null', '--group', 'external'];
process.argv.push('--apps', join(place, 'apps.json'), '--state-dir', place, '--log-level', 'error');
// A HAProxy of somebody else's, who has none: nothing is started.
process.argv.push('--haproxy-mode', 'external', '--admin-bind', '127.0.0.1:0', '--https-bind', 'off');
process.on('exit', () => rmSync(place, { recursive: true, force: true }));

const program = loadProgram(folder);
program.run();
const socketPath = join(place, 'admin.sock');
const ask = (path) =>
  new Promise((done) => {
    get({ socketPath, path, agent: false }, (answer) => answer.resume().on('end', () => done(answer.statusCode))).on(
      'error',
      () => done(0),
    );
  });
const until = Date.now() + 10_000;
while ((await ask('/v1/status')) !== 200 && Date.now() < until) await new Promise((done) => setTimeout(done, 50));
for (const path of ['/livez', '/readyz', '/metrics', '/v1/routes', '/v1/apps']) await ask(path);
writeFileSync(codePath(folder), program.code());
process.kill(process.pid, 'SIGTERM');
