import Handlebars from 'handlebars';
import { TEMPLATE_NAMES, type TemplateFailure, type TemplateName, type TemplateSources } from './config.ts';
import { literalFormat, quoteWord } from './quoting.ts';
import { fail, ok, type Result } from './result.ts';

/** What a template sees: plain objects with own properties only (Handlebars shows getters and prototypes as nothing). */
export type View = Readonly<Record<string, unknown>>;

/** The compiled templates. */
export interface Templates {
  /** The text of one section or block, or where in its file the template went wrong. */
  render(name: TemplateName, view: View): Result<string, TemplateFailure>;
}

/** The helpers that a template may use; no other name is one. */
const KNOWN_HELPERS = { if: true, unless: true, each: true, quote: true, format: true } as const;
type HelperName = keyof typeof KNOWN_HELPERS;

/**
 * Compiles every template. Refused with file and line: text that does not parse, a helper that does not exist, a
 * partial, a decorator. What is only seen when rendering (a name that the view lacks) is refused there.
 */
export function compileTemplates(sources: TemplateSources): Result<Templates, TemplateFailure> {
  const handlebars = createEnvironment();
  const compiled = new Map<TemplateName, Handlebars.TemplateDelegate<View>>();
  for (const name of TEMPLATE_NAMES) {
    const { file, text } = sources[name];
    const template = attempt(file, () => {
      const ast = handlebars.parse(text.replaceAll('\r\n', '\n'));
      refusePartials(ast.body);
      // Handlebars compiles at the first call; precompile shows unknown helpers now.
      handlebars.precompile(ast, COMPILE_OPTIONS);
      return handlebars.compile<View>(ast, COMPILE_OPTIONS);
    });
    if (!template.ok) return template;
    compiled.set(name, template.value);
  }
  return ok({
    render(name, view) {
      const template = compiled.get(name);
      if (template === undefined) return fail({ file: name, message: 'no such template' });
      return attempt(sources[name].file, () => template(view));
    },
  });
}

const COMPILE_OPTIONS = {
  noEscape: true, // HTML escaping would turn & ' = into entities; words are quoted by `quote`
  strict: true,
  knownHelpersOnly: true,
  knownHelpers: { ...KNOWN_HELPERS, log: false, lookup: false, with: false },
} as const;

function createEnvironment(): typeof Handlebars {
  const handlebars = Handlebars.create();
  for (const name of Object.keys(handlebars.helpers)) {
    if (!(name in KNOWN_HELPERS) && !name.endsWith('Missing')) handlebars.unregisterHelper(name);
  }
  // Strict mode does not look at the arguments of helpers and blocks: a misspelt name there would render as nothing.
  const block = (name: 'if' | 'unless', shown: boolean): void =>
    handlebars.registerHelper(name, function (this: unknown, value: unknown, options: Handlebars.HelperOptions) {
      refuseUndefined(value, name, options);
      const holds = Array.isArray(value) ? value.length > 0 : Boolean(value);
      return holds === shown ? options.fn(this) : options.inverse(this);
    });
  block('if', true);
  block('unless', false);
  const each = handlebars.helpers['each'];
  handlebars.registerHelper('each', function (this: unknown, items: unknown, options: Handlebars.HelperOptions) {
    refuseUndefined(items, 'each', options);
    return each?.call(this, items, options);
  });
  const word = (name: HelperName, spell: (text: string) => string): void =>
    handlebars.registerHelper(name, (value: unknown, options: unknown) => spell(textOf(value, name, options)));
  word('quote', quoteWord);
  word('format', (text) => quoteWord(literalFormat(text)));
  return handlebars;
}

function refuseUndefined(value: unknown, helper: HelperName, options: unknown): void {
  if (value === undefined) throw new HelperMisuse(`"${helper}" was given a name that the view lacks`, options);
}

function textOf(value: unknown, helper: HelperName, options: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw new HelperMisuse(`"${helper}" needs a text or a number`, options);
}

/** An error of one of our helpers, with the line that Handlebars passes to helpers. */
class HelperMisuse extends Error {
  readonly lineNumber: number | undefined;
  constructor(message: string, options: unknown) {
    super(message);
    this.lineNumber = lineIn(options, ['loc', 'start', 'line']);
  }
}

/** Partials would be looked up when rendering, in a registry that is always empty. */
function refusePartials(body: readonly hbs.AST.Statement[]): void {
  for (const node of body) {
    if (/Partial|Decorator/.test(node.type)) {
      throw Object.assign(new Error('partials and decorators are not supported'), { lineNumber: node.loc.start.line });
    }
    for (const key of ['program', 'inverse'] as const) {
      const inner: unknown = Reflect.get(node, key);
      if (isProgram(inner)) refusePartials(inner.body);
    }
  }
}

function isProgram(value: unknown): value is hbs.AST.Program {
  return typeof value === 'object' && value !== null && Array.isArray(Reflect.get(value, 'body'));
}

/** Handlebars tells by exceptions; this is where they become values. */
function attempt<T>(file: string, work: () => T): Result<T, TemplateFailure> {
  try {
    return ok(work());
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const named = /Parse error on line (\d+)/.exec(message)?.[1];
    const line = lineIn(error, ['lineNumber']) ?? (named === undefined ? undefined : Number(named));
    return fail({ file, ...(line === undefined ? {} : { line }), message: message.trim() });
  }
}

function lineIn(value: unknown, path: readonly string[]): number | undefined {
  let at: unknown = value;
  for (const key of path) at = typeof at === 'object' && at !== null ? Reflect.get(at, key) : undefined;
  return typeof at === 'number' ? at : undefined;
}
