import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

// One file starts in a third of the time of hundreds, and takes less memory. Names stay: they are in stack traces and profiles.
export default defineConfig({
  input: 'src/main.ts',
  platform: 'node',
  plugins: [licenses()],
  output: { dir: 'dist', format: 'esm', minify: { mangle: false, codegen: true, compress: true }, cleanDir: true },
});

/** Puts the licenses of all that is in the bundle beside it, as most of them ask for. */
function licenses(): Plugin {
  return {
    name: 'licenses',
    generateBundle() {
      const texts = new Map<string, string>();
      for (const id of this.getModuleIds()) {
        const [folder, name] = /^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id) ?? [];
        if (folder === undefined || name === undefined || !existsSync(folder)) continue;
        const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
        texts.set(name, file === undefined ? 'See its package.' : readFileSync(join(folder, file), 'utf8').trim());
      }
      const source = [...texts]
        .sort()
        .map(([name, text]) => `${name}\n\n${text}\n`)
        .join(`\n${'-'.repeat(80)}\n\n`);
      this.emitFile({ type: 'asset', fileName: 'licenses.txt', source });
    },
  };
}
