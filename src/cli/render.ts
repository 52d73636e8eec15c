import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { fail, ok, type Result } from '../core/result.ts';
import type { Settings } from '../core/settings.ts';
import { loadCertificates } from '../source/certificates.ts';
import { loadTemplates } from '../source/templates.ts';
import { type CliDeps, type CliFailure, type EndWith, EXIT } from './deps.ts';
import { makeFolder } from './make-folder.ts';
import { withSelfSigned, writeRendered } from './render-folder.ts';
import { readSavedApps, renderOffline } from './render-offline.ts';
import { reportFailure } from './report-failure.ts';
import { addSettingOptions } from './setting-options.ts';
import { settingsFromCli } from './settings-from-cli.ts';

const EXAMPLES = `
Examples:
  curl -s 'http://10.0.0.1:8080/v2/apps?embed=apps.tasks' > apps.json
  portolan render --apps apps.json --output out
  portolan render --apps apps.json --output out --group external --https-bind off
  cd out && haproxy -c -f haproxy.cfg

Without --group every app is rendered. problems.json says what was left out, and why.`;

/** `portolan render`: from a saved answer of Marathon to a folder that HAProxy can load, without a Marathon. */
export function addRenderCommand(program: Command, deps: CliDeps, end: EndWith): void {
  const command = program
    .command('render')
    .summary("render a saved answer of Marathon's into a folder")
    .description('Renders a saved /v2/apps?embed=apps.tasks answer into a folder that HAProxy can load from there.')
    .requiredOption('--output <path>', 'folder to write haproxy.cfg, maps and problems.json to')
    .addHelpText('after', EXAMPLES);
  addSettingOptions(command, 'render').action(async (options: { readonly output: string }) => {
    const done = await render(options, deps);
    if (!done.ok) return end(reportFailure(done.failure, deps));
    deps.err(`portolan: ${done.value}\n`);
    end(EXIT.ok);
  });
}

async function render(options: { readonly output: string }, deps: CliDeps): Promise<Result<string, CliFailure>> {
  const merged = settingsFromCli('render', { ...options }, deps);
  if (!merged.ok) return merged;
  const settings = merged.value.group.length > 0 ? merged.value : { ...merged.value, group: ['*'] };
  const snapshot = await readApps(settings, deps);
  if (!snapshot.ok) return snapshot;
  const loaded = await loadTemplates(deps.templates, settings.templates);
  if (!loaded.ok) return failure(EXIT.unreadable, `template ${loaded.failure.file}: ${loaded.failure.message}`);
  for (const { file, message } of loaded.value.strangers) deps.err(`portolan: template ${file}: ${message}\n`);

  const folder = resolve(deps.cwd, options.output);
  try {
    await makeFolder(folder);
    const given = await loadCertificates(settings.sslCerts, deps.now());
    const certificates = settings.httpsBind.length > 0 ? await withSelfSigned(given, folder, deps.now()) : given;
    for (const { path, reason } of certificates.refused) {
      deps.err(`portolan: --ssl-certs ${path}: ${reason}; expected a PEM file with a certificate and its key\n`);
    }
    const rendered = renderOffline(snapshot.value, settings, loaded.value.sources, certificates);
    if (!rendered.ok) {
      const { file, line, message } = rendered.failure;
      return failure(EXIT.usage, `template ${file}${line === undefined ? '' : `:${line}`}: ${message}`);
    }
    const { table, config, problems } = rendered.value;
    writeRendered(folder, config.files, problems);
    const what = `${snapshot.value.value.apps.length} apps, ${table.routes.length} routes, ${table.services.length} service ports`;
    return ok(
      `${what}, ${table.backends.length} backends, ${problems.length} problems; wrote ${join(folder, 'haproxy.cfg')}`,
    );
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failure(EXIT.failed, `--output ${folder}: cannot be written (${why})`);
  }
}

async function readApps(settings: Settings, deps: CliDeps) {
  const { apps } = settings;
  if (apps === undefined) {
    return failure(EXIT.usage, '--apps is missing; expected a saved /v2/apps answer, for example: --apps apps.json');
  }
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(apps, 'utf8'));
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replaceAll('\n', '\\n');
    return failure(EXIT.unreadable, `--apps ${apps}: cannot be read (${why}); expected ${EXPECTED_APPS}`);
  }
  const snapshot = await readSavedApps(json, deps.now(), deps.resolveHost);
  if (snapshot.ok) return snapshot;
  return failure(EXIT.unreadable, `--apps ${apps}: ${snapshot.failure.detail} Expected ${EXPECTED_APPS}`);
}

const EXPECTED_APPS = 'JSON of /v2/apps?embed=apps.tasks, for example: {"apps": []}';

function failure(exitCode: CliFailure['exitCode'], message: string): Result<never, CliFailure> {
  return fail({ exitCode, messages: [message] });
}
