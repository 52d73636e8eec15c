/** Whether labels fulfil a selector, or why the selector is none. */
export type Selector =
  | { readonly ok: true; readonly matches: (labels: Readonly<Record<string, string>>) => boolean }
  | { readonly ok: false; readonly error: string };

type Condition = (labels: Readonly<Record<string, string>>) => boolean;

const KEY = String.raw`((?:\\.|[^\\\s,=!()])+)`;
const VALUE = String.raw`((?:\\.|[^\\,()\s])*)`;
const FORMS: readonly { readonly form: RegExp; readonly make: (key: string, value: string) => Condition }[] = [
  { form: new RegExp(`^${KEY}==${VALUE}$`), make: (key, value) => (labels) => labels[key] === unescaped(value) },
  {
    form: new RegExp(`^${KEY}!=${VALUE}$`),
    make: (key, value) => (labels) => labels[key] !== undefined && labels[key] !== unescaped(value),
  },
  {
    form: new RegExp(`^${KEY}\\s+in\\s*\\(([^)]*)\\)$`),
    make: (key, list) => (labels) => labels[key] !== undefined && listed(list).includes(labels[key]),
  },
  {
    form: new RegExp(`^${KEY}\\s+notin\\s*\\(([^)]*)\\)$`),
    make: (key, list) => (labels) => labels[key] !== undefined && !listed(list).includes(labels[key]),
  },
  { form: new RegExp(`^${KEY}$`), make: (key) => (labels) => labels[key] !== undefined },
];

/** Reads a label selector: commas mean AND; `key`, `key==v`, `key!=v`, `key in (a, b)`, `key notin (a, b)`. */
export function parseSelector(text: string): Selector {
  const conditions: Condition[] = [];
  for (const part of splitOutsideLists(text)) {
    const trimmed = part.trim();
    const form = FORMS.find(({ form }) => form.test(trimmed));
    const match = form?.form.exec(trimmed);
    if (form === undefined || !match) return { ok: false, error: `Can not parse label selector ${text}` };
    conditions.push(form.make(unescaped(match[1] ?? ''), match[2] ?? ''));
  }
  return { ok: true, matches: (labels) => conditions.every((holds) => holds(labels)) };
}

function splitOutsideLists(text: string): readonly string[] {
  return text.split(/,(?![^(]*\))/);
}

function listed(list: string): readonly string[] {
  return list.split(',').map((value) => unescaped(value.trim()));
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, '$1');
}
