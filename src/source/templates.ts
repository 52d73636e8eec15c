import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { TEMPLATE_NAMES, type TemplateFailure, type TemplateName, type TemplateSources } from '../core/config.ts';
import { fail, ok, type Result } from '../core/result.ts';

/** The templates in force: the package's, each replaced where the operator's folder has one of the same name. */
export interface LoadedTemplates {
  readonly sources: TemplateSources;
  /** Names that come from the operator's folder, sorted. */
  readonly overridden: readonly TemplateName[];
  /** Files of the operator's folder that replace nothing: most likely a misspelt name. */
  readonly strangers: readonly TemplateFailure[];
}

const SUFFIX = '.hbs';

/** Reads both folders as one set. Fails where a file cannot be read; what is in them is not looked at. */
export async function loadTemplates(
  defaults: string,
  overrides: string | undefined,
): Promise<Result<LoadedTemplates, TemplateFailure>> {
  const listed = await listFolder(overrides);
  if (!listed.ok) return listed;
  const own = new Set(listed.value);
  const sources: Partial<Record<TemplateName, { readonly file: string; readonly text: string }>> = {};
  for (const name of TEMPLATE_NAMES) {
    const file = join(
      overrides !== undefined && own.has(`${name}${SUFFIX}`) ? overrides : defaults,
      `${name}${SUFFIX}`,
    );
    const text = await readText(file);
    if (!text.ok) return text;
    sources[name] = { file, text: text.value };
  }
  const known = new Set<string>(TEMPLATE_NAMES.map((name) => `${name}${SUFFIX}`));
  const strangers = [...own].filter((file) => file.endsWith(SUFFIX) && !known.has(file)).sort();
  return ok({
    sources: sources as TemplateSources,
    overridden: TEMPLATE_NAMES.filter((name) => own.has(`${name}${SUFFIX}`)).sort(),
    strangers: strangers.map((file) => ({
      file: join(overrides ?? '', file),
      message: `no template is called "${basename(file, SUFFIX)}"; expected one of ${TEMPLATE_NAMES.join(', ')}`,
    })),
  });
}

async function listFolder(folder: string | undefined): Promise<Result<readonly string[], TemplateFailure>> {
  if (folder === undefined) return ok([]);
  try {
    return ok(await readdir(folder));
  } catch (error) {
    return fail({ file: folder, message: `the folder cannot be read: ${messageOf(error)}` });
  }
}

async function readText(file: string): Promise<Result<string, TemplateFailure>> {
  try {
    return ok(await readFile(file, 'utf8'));
  } catch (error) {
    return fail({ file, message: `cannot be read: ${messageOf(error)}` });
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
