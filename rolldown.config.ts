import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig, type Plugin } from 'rolldown';

const PROGRAM = {
  platform: 'node',
  // Names stay: they are in stack traces and profiles.
  output: { dir: 'dist', minify: { mangle: false, codegen: true, compress: true } },
} as const;

// One file starts in a third of the time of hundreds, and takes less memory. As CommonJS, since an ES module that imports one of
// Node's gets all of its names, and with those of node:http a second HTTP client that nobody uses.
export default defineConfig([
  {
    ...PROGRAM,
    input: { main: 'src/start.ts' },
    plugins: [commonJs()],
    output: { ...PROGRAM.output, format: 'cjs', cleanDir: true },
  },
  {
    ...PROGRAM,
    input: { portolan: 'src/main.ts' },
    plugins: [licenses(), wrapped(), code()],
    output: { ...PROGRAM.output, format: 'cjs', codeSplitting: false },
  },
]);

/** The package is one of ES modules, what is built is none. */
function commonJs(): Plugin {
  return {
    name: 'common-js',
    generateBundle() {
      this.emitFile({ type: 'asset', fileName: 'package.json', source: '{ "type": "commonjs" }\n' });
    },
  };
}

/**
 * What `compiled.ts` expects: the function of a module around all of it, and ASCII only, since a text with a single character
 * beyond Latin-1 takes two bytes for each.
 */
function wrapped(): Plugin {
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return {
    name: 'wrapped',
    generateBundle(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'chunk') continue;
        const text = file.code.replace(/[^\0-\x7f]/g, escaped);
        file.code = `(function (exports, require, module, __filename, __dirname) {${text}\n})\n`;
      }
    },
  };
}

/** Puts bytecode beside the program, for the Node that builds: what another one makes of it is what it makes of the source. */
function code(): Plugin {
  return {
    name: 'code',
    writeBundle() {
      const flags = /^set -- (.*) "\$home/m.exec(readFileSync('bin/portolan', 'utf8'))?.[1] ?? '';
      const made = spawnSync(process.execPath, [...flags.split(' '), 'scripts/code.mjs'], { stdio: 'inherit' });
      if (made.status !== 0) throw new Error('the program that was built does not start');
    },
  };
}

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
