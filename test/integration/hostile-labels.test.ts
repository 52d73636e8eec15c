import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { App, Instant } from '../../src/core/app.ts';
import { buildRoutingTable } from '../../src/core/build.ts';
import type { CertificateSet } from '../../src/core/certificates.ts';
import { NO_MEMORY } from '../../src/core/memory.ts';
import { createRenderer } from '../../src/core/render.ts';
import { apps } from '../support/hostile-apps.ts';
import { selfSignedPem } from '../support/pem.ts';
import { settings, templates } from '../support/tables.ts';

const HAPROXY = process.env['HAPROXY'] ?? 'haproxy';
const SAMPLES = 40;

let folder = '';
let certificates: CertificateSet;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pt-'));
  const pem = await selfSignedPem(folder);
  for (const name of ['web.pem', 'ca.pem']) await writeFile(join(folder, name), pem);
  const path = join(folder, 'web.pem');
  certificates = {
    folders: [folder],
    usable: [{ path, names: ['localhost'], notAfter: '' }],
    refused: [],
    authorities: [join(folder, 'ca.pem')],
  };
});
afterAll(() => rm(folder, { recursive: true }));

/** What `haproxy -c` finds wrong with what some apps ask for. */
async function complaints(list: readonly App[], into: string): Promise<string> {
  const node = settings({
    httpBind: [{ address: '*', port: 80 }],
    httpsBind: [{ address: '*', port: 443 }],
    appidBind: [{ address: '*', port: 9091 }],
    statsBind: [{ address: '127.0.0.1', port: 9090 }],
  });
  const table = buildRoutingTable({ takenAt: 0 as Instant, apps: list }, node, certificates, NO_MEMORY).value;
  const renderer = createRenderer(templates());
  if (!renderer.ok) throw new Error(renderer.failure.message);
  const place = { runtimeSocket: join(into, 'haproxy.sock'), stateFile: join(folder, 'server-state') };
  const config = renderer.value.render(table, node, certificates, place);
  if (!config.ok) throw new Error(config.failure.message);
  for (const [name, text] of config.value.files) {
    await mkdir(dirname(join(into, name)), { recursive: true });
    await writeFile(join(into, name), text);
  }
  const { exitCode, all } = await execa(HAPROXY, ['-c', '-C', into, '-f', 'haproxy.cfg'], { reject: false, all: true });
  const found = all.split('\n').filter((line) => /\[(ALERT|WARNING)\]/.test(line) && !line.includes('state file'));
  return exitCode === 0 ? found.join('\n') : all;
}

test('HAProxy takes whatever labels say, without a word', async () => {
  const found = new Map<string, string>();
  const drawn = fc.sample(apps, { numRuns: SAMPLES, seed: 20_261_122 });
  for (const [index, list] of drawn.entries()) {
    const said = await complaints(list, join(folder, `${index}`));
    if (said !== '') found.set(JSON.stringify(list.map(({ labels }) => [...labels])), said);
  }
  expect(Object.fromEntries(found)).toEqual({});
});
