import type { Diagnostic, RenderedConfig, TemplateFailure, TemplateSources } from './config.ts';
import { TEMPLATE_NAMES } from './config.ts';

/**
 * What is told of templates whose configuration HAProxy refuses, where the ones before had none refused: the file among the
 * changed ones that has the line, or else the first of them. Undefined when no template differs.
 */
export function blameTemplate(
  diagnostics: readonly Diagnostic[],
  config: RenderedConfig,
  before: TemplateSources,
  after: TemplateSources,
): TemplateFailure | undefined {
  const changed = TEMPLATE_NAMES.map((name) => after[name]).filter(
    (source, index) => source.text !== before[TEMPLATE_NAMES[index] ?? 'global'].text,
  );
  const [first] = changed;
  if (first === undefined) return undefined;
  const alert = diagnostics.find(({ severity }) => severity === 'alert');
  const message = `HAProxy refuses what it makes: ${alert?.message ?? 'without a word'}`;
  const words = alert?.line === undefined ? '' : lineOf(config, alert.line);
  for (const { file, text } of changed) {
    const at = text.split('\n').findIndex((line) => words !== '' && line.trim() === words);
    if (at >= 0) return { file, line: at + 1, message };
  }
  return { file: first.file, message };
}

const lineOf = (config: RenderedConfig, line: number): string =>
  (config.files.get('haproxy.cfg') ?? '').split('\n')[line - 1]?.trim() ?? '';
