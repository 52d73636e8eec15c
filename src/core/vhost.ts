import type { Parser } from './label-parsers.ts';
import { bad, entriesOf, good, parseEach, quoted } from './label-parsers.ts';

/** A virtual host as the maps know it. */
export interface Vhost {
  readonly match: 'host' | 'wildcard';
  /** Lower-cased, without port and trailing dot; a wildcard keeps its dot: `.example.com`. */
  readonly host: string;
}

const EXPECTED = 'a host name of letters, digits, - and _, or *.example.com; other scripts in their xn-- form';
const HOST_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** One host name. Browsers send it lower-cased; a port and a trailing dot do not tell hosts apart. */
const parseVhost: Parser<Vhost> = (text) => {
  const name = text
    .trim()
    .toLowerCase()
    .replace(/:\d{1,5}$/, '')
    .replace(/\.$/, '');
  const wildcard = name.startsWith('*.');
  const plain = wildcard ? name.slice(2) : name;
  if (plain.length > (wildcard ? 251 : 253)) return bad(`${quoted(text)} is longer than 253 characters`, EXPECTED);
  if (!plain.split('.').every((label) => HOST_LABEL.test(label)))
    return bad(`${quoted(text)} is no host name`, EXPECTED);
  return good(wildcard ? { match: 'wildcard', host: `.${plain}` } : { match: 'host', host: plain });
};

/** Comma-separated host names in the label's order, each once. A bad one costs only itself. An empty text is as good as no label. */
export const parseVhosts: Parser<readonly Vhost[]> = (text) => {
  const entries = entriesOf(text, /,/);
  if (entries.length === 0 && text !== '') return bad(`${quoted(text)} holds no host name`, EXPECTED);
  const { value = [], faults } = parseEach(entries, parseVhost);
  return { value: [...new Map(value.map((vhost) => [vhost.host, vhost])).values()], faults };
};
