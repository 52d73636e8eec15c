import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { CertificateSet } from '../../src/core/certificates.ts';
import { createRenderer } from '../../src/core/render.ts';
import type { RoutingTable } from '../../src/core/routing.ts';
import type { Settings } from '../../src/core/settings.ts';
import { selfSignedPem } from './pem.ts';
import { settings, templates } from './tables.ts';

const HAPROXY = process.env['HAPROXY'] ?? 'haproxy';

/** HAProxy's own opinion of tables. */
export interface ConfigCheck {
  readonly settings: Settings;
  /** `web.pem` and `ca.pem` of a folder of its own. */
  readonly certificates: CertificateSet;
  /** What `haproxy -c` finds wrong with the table, each one in a folder of its own; empty: nothing. */
  complaints(table: RoutingTable): Promise<string>;
  remove(): Promise<void>;
}

/** A node with a certificate, whose configurations nobody runs. */
export async function createConfigCheck(): Promise<ConfigCheck> {
  const folder = await mkdtemp(join(tmpdir(), 'pt-'));
  const pem = await selfSignedPem(folder);
  for (const name of ['web.pem', 'ca.pem']) await writeFile(join(folder, name), pem);
  const node = settings({
    httpBind: [{ address: '*', port: 80 }],
    httpsBind: [{ address: '*', port: 443 }],
    appidBind: [{ address: '*', port: 9091 }],
    statsBind: [{ address: '127.0.0.1', port: 9090 }],
  });
  const path = join(folder, 'web.pem');
  const certificates = {
    folders: [folder],
    usable: [{ path, names: ['localhost'], notAfter: '' }],
    refused: [],
    authorities: [join(folder, 'ca.pem')],
  };
  const renderer = createRenderer(templates());
  if (!renderer.ok) throw new Error(renderer.failure.message);
  let checked = 0;
  return {
    settings: node,
    certificates,
    async complaints(table) {
      const into = join(folder, `${checked++}`);
      const place = { runtimeSocket: join(into, 'haproxy.sock'), stateFile: join(folder, 'server-state') };
      const config = renderer.value.render(table, node, certificates, place);
      if (!config.ok) throw new Error(config.failure.message);
      for (const [name, text] of config.value.files) {
        await mkdir(dirname(join(into, name)), { recursive: true });
        await writeFile(join(into, name), text);
      }
      const run = await execa(HAPROXY, ['-c', '-C', into, '-f', 'haproxy.cfg'], { reject: false, all: true });
      const found = run.all
        .split('\n')
        .filter((line) => /\[(ALERT|WARNING)\]/.test(line) && !line.includes('state file'));
      return run.exitCode === 0 ? found.join('\n') : run.all;
    },
    remove: () => rm(folder, { recursive: true }),
  };
}
