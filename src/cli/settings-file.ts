import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { nearestName } from '../core/nearest.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { RawSetting, RawSettings } from '../core/settings-merge.ts';
import { settingRows } from '../core/settings-rows.ts';
import { type CliFailure, EXIT } from './deps.ts';

/** Where settings are read from when nothing else is said; its absence is no error. */
export const DEFAULT_CONFIG = '/etc/portolan/portolan.yaml';

/** What to do about a `*` that YAML reads as its own. */
const QUOTED_STAR = "expected quotes around a value that begins with *, for example: http-bind: '*:80'";

/**
 * Reads the YAML file with settings: its keys are the flag names.
 * Errors: exit 3 when it cannot be read, exit 2 with one message a line when it is no YAML or has unknown keys.
 */
export function readSettingsFile(path: string): Result<RawSettings, CliFailure> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `--config ${path}: cannot be read (${why}); expected a YAML file, for example: ${DEFAULT_CONFIG}`;
    return fail({ exitCode: EXIT.unreadable, messages: [message] });
  }
  return parseSettingsFile(text, path);
}

/** The settings in a YAML text; `path` is for messages, which name file and line. */
export function parseSettingsFile(text: string, path: string): Result<RawSettings, CliFailure> {
  const name = basename(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const messages = document.errors.map((error) => {
      const line = lines.linePos(error.pos[0]).line;
      const expected = error.code === 'BAD_ALIAS' ? QUOTED_STAR : 'expected lines like: poll-interval: 30s';
      return `${path}:${line}: not YAML: ${error.message}; ${expected}`;
    });
    return usage(messages);
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return ok(new Map());
  if (!isMap(contents)) return usage([`${path}:1: expected one setting a line, for example: poll-interval: 30s`]);

  const known = settingRows().map((row) => row.flag);
  const raw = new Map<string, RawSetting>();
  const messages: string[] = [];
  for (const { key, value } of contents.items) {
    const flag = isScalar(key) ? String(key.value) : String(key);
    const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1;
    if (!known.includes(flag)) {
      const nearest = nearestName(flag.replace(/^(--)?(no-)?/, '').replaceAll('_', '-'), known);
      const hint = nearest === undefined ? 'the keys are the names of the flags' : `did you mean ${nearest}?`;
      messages.push(`${path}:${line}: unknown setting "${flag}"; ${hint}`);
      continue;
    }
    const alias = unresolvedAlias(value, document);
    if (alias !== undefined) {
      messages.push(`${path}:${line}: ${flag} "*${alias}": YAML takes it for an alias; ${QUOTED_STAR}`);
      continue;
    }
    const plain: unknown = value === null ? null : document.createNode(value).toJS(document);
    raw.set(flag, { value: plain, at: `${name}:${line}: ${flag}` });
  }
  return messages.length > 0 ? usage(messages) : ok(raw);
}

/** The first alias in a value that no anchor answers to: what `http-bind: *:80` is without its quotes. */
function unresolvedAlias(value: unknown, document: Document): string | undefined {
  if (!isNode(value)) return undefined;
  let found: string | undefined;
  visit(value, {
    Alias: (_, alias) => {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias.source;
      return visit.BREAK;
    },
  });
  return found;
}

function usage(messages: readonly string[]): Result<never, CliFailure> {
  return fail({ exitCode: EXIT.usage, messages });
}
