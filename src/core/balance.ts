import type { Parser } from './label-parsers.ts';
import { bad, good, quoted } from './label-parsers.ts';
import type { Balance } from './routing.ts';

/** The algorithms that a label may name, with typed arguments. */
export const parseBalance: Parser<Balance> = (text) => {
  const expected =
    'roundrobin, static-rr, leastconn, first, random, random(draws), source, uri, hdr(name), url_param(name) or rdp-cookie(name)';
  const [, rawName = '', argument] = /^([A-Za-z_-]+)(?:\(([A-Za-z0-9_-]{1,64})\))?$/.exec(text.trim()) ?? [];
  const name = rawName.toLowerCase();
  const refused = bad(`${quoted(text)} is no balance algorithm`, expected);
  switch (name) {
    case 'roundrobin':
    case 'static-rr':
    case 'leastconn':
    case 'first':
    case 'source':
    case 'uri':
      return argument === undefined ? good(name) : refused;
    case 'random':
      if (argument === undefined) return good(name);
      return /^[1-9]\d{0,2}$/.test(argument) ? good(`random(${Number(argument)})` as const) : refused;
    case 'hdr':
      return argument === undefined ? refused : good(`hdr(${argument})` as const);
    case 'url_param':
      return argument === undefined ? refused : good(`url_param(${argument})` as const);
    case 'rdp-cookie':
      return good(`rdp-cookie(${argument ?? 'mstshash'})` as const);
    default:
      return refused;
  }
};

/** Whether the algorithm looks into HTTP requests: HAProxy falls back to roundrobin with a warning in mode tcp. */
export const needsHttp = (balance: Balance): boolean => /^(?:uri|hdr|url_param)/.test(balance);
