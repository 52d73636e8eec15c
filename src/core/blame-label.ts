import type { App } from './app.ts';
import type { Diagnostic, RenderedConfig } from './config.ts';
import { isSecretLabel } from './label-reader.ts';
import { printable } from './problem.ts';
import { remembered } from './remembered.ts';

/** The label that made HAProxy refuse an app. */
export interface BlamedLabel {
  readonly label: string;
  /** Printable; masked where it is a secret. */
  readonly value: string;
}

const MASK = '***';
/** Shorter parts of values are found everywhere. */
const LEAST_PART = 2;
/** Shorter parts of secrets are no secrets, and words of HAProxy's would be masked for them. */
const LEAST_SECRET = 6;

/** Thousands of apps may be refused in one configuration. */
const linesOf = remembered(({ files }: RenderedConfig): readonly string[] =>
  (files.get('haproxy.cfg') ?? '').split('\n'),
);

/** The texts that HAProxy refused: its own words, and the lines of haproxy.cfg that they name. */
export function refusedTexts(diagnostics: readonly Diagnostic[], config: RenderedConfig): readonly string[] {
  const alerts = diagnostics.filter(({ severity }) => severity === 'alert');
  const named = alerts.flatMap(({ line }) => (line === undefined ? [] : [line]));
  const lines = named.length === 0 ? [] : linesOf(config);
  return [...alerts.map(({ message }) => message), ...named.map((line) => lines[line - 1] ?? '')];
}

/**
 * The label whose value, or a part of it, is in what was refused; of those that are not as they were in the last good definition
 * if one of these is. A single label that changed is the one, whatever was said. Undefined where nothing tells.
 */
export function blamedLabel(app: App, good: App | undefined, refused: readonly string[]): BlamedLabel | undefined {
  const labels = [...app.labels].filter(([label]) => label.startsWith('HAPROXY_'));
  const changed = good === undefined ? [] : labels.filter(([label, value]) => good.labels.get(label) !== value);
  const found =
    longestIn(changed, refused) ?? longestIn(labels, refused) ?? (changed.length === 1 ? changed[0] : undefined);
  if (found === undefined) return undefined;
  const [label, value] = found;
  return { label: printable(label), value: isSecretLabel(label) === false ? printable(value) : MASK };
}

/** A text without the secrets of an app's labels. */
export function withoutSecrets(text: string, app: App): string {
  const secrets = [...app.labels].flatMap(([label, value]) => (isSecretLabel(label) === true ? value.split(':') : []));
  return secrets
    .filter(({ length }) => length >= LEAST_SECRET)
    .reduce((shown, secret) => shown.replaceAll(secret, MASK), text);
}

type Label = readonly [label: string, value: string];

function longestIn(labels: readonly Label[], refused: readonly string[]): Label | undefined {
  let longest = LEAST_PART - 1;
  let found: Label | undefined;
  for (const label of labels) {
    for (const part of [label[1], ...label[1].split(/[\s,:]+/)]) {
      if (part.length <= longest || !refused.some((text) => text.includes(part))) continue;
      longest = part.length;
      found = label;
    }
  }
  return found;
}
