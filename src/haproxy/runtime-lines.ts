import { isIP } from 'node:net';
import type { MapFile } from '../core/maps.ts';
import { unreachable } from '../core/result.ts';
import type { Server } from '../core/routing.ts';
import type { RuntimeCommand, Tier } from '../core/runtime.ts';
import { COOKIE_KEY } from '../core/template-views.ts';
import { backendGuid, isGuid } from './backend-guid.ts';
import type { SocketLine } from './runtime-socket.ts';

/**
 * What the reply to a line has to be. `silence`: empty. `gone`: deleted, or not there any more. `absent-too`: empty, or
 * what it was about is not there any more. `unpublished`, `backend-gone`: so, or not there any more. `any`: it does not matter.
 */
export type Expected =
  | 'silence'
  | 'registered'
  | 'moved'
  | 'gone'
  | 'absent-too'
  | 'version'
  | 'backend-registered'
  | 'published'
  | 'unpublished'
  | 'backend-gone'
  | 'any';

/** A line with what its reply has to be. */
export interface RuntimeLine extends SocketLine {
  readonly expect: Expected;
  /** The server that `add server` is about. */
  readonly server?: string;
}

/** Bytes of a line that are sent at most: its buffer is `tune.bufsize`, 16 kB by default. */
const LONGEST_LINE = 14_000;

/**
 * Bytes of a payload that fit with its command into `tune.bufsize`, 16 kB by default. 3.4 takes 128 kB, but stalls now and
 * then (3.4.0) when payloads larger than its buffer come one after the other.
 */
const LARGEST_PAYLOAD = 14_000;

const line = (text: string, expect: Expected): RuntimeLine => ({ text, payload: false, expect });

/** A text as one word: `;` ends a command, `<<` begins a payload, a backslash takes the next character as it is. */
function word(text: string): string {
  return text.replace(/[;\\ \t<]/g, '\\$&');
}

/** `add server`; it starts in maintenance, unchecked. */
export function addServerLine(tier: Tier, backend: string, server: Server): RuntimeLine {
  const { name, endpoint, id, check, cookie } = server;
  const words = [`add server ${backend}/${name} ${addressAndPort(endpoint)} id ${id}`];
  if (check) words.push(`check inter ${check.interMs}ms fall ${check.fall}`);
  if (check?.port !== undefined) words.push(`port ${check.port}`);
  if (check?.tls) words.push('check-ssl verify none');
  // 2.6 reuses no connection of a dynamic server without these words, and takes no cookie for one.
  if (tier === 'C') words.push('pool-purge-delay 5s pool-max-conn -1');
  else if (cookie !== undefined) words.push(`cookie ${word(cookie)}`);
  return { ...line(words.join(' '), 'registered'), server: name };
}

function addressAndPort({ address, port }: Server['endpoint']): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Has HAProxy 2.6 compute the cookies of servers that were added to a backend with the key that it has; those of all others stay
 * what they are. A backend whose configuration names cookies is left alone by it.
 */
export function cookieKeyLine(backend: string): RuntimeLine {
  return line(`set dynamic-cookie-key backend ${backend} ${COOKIE_KEY}`, 'silence');
}

/** `enable health` where it is checked, then its admission: what lets in a server that was just added. */
export function admitLines(backend: string, server: Server): readonly RuntimeLine[] {
  const admission = stateLine(backend, server.name, server.admission);
  return server.check ? [line(`enable health ${backend}/${server.name}`, 'silence'), admission] : [admission];
}

/** What lets in a server of that name that is in maintenance. */
export function reviveLines(backend: string, server: Server): readonly RuntimeLine[] {
  const { name, endpoint } = server;
  const address = `set server ${backend}/${name} addr ${endpoint.address} port ${endpoint.port}`;
  return [line(address, 'moved'), ...admitLines(backend, server)];
}

/** `set server … state`. */
export function stateLine(backend: string, server: string, admission: Server['admission']): RuntimeLine {
  return line(`set server ${backend}/${server} state ${admission}`, 'silence');
}

/** `set server … state maint` for a server that is to go: it may be gone already. */
export function retireLine(backend: string, server: string): RuntimeLine {
  return line(`set server ${backend}/${server} state maint`, 'absent-too');
}

/** `del server`; only one in maintenance without connections can go. */
export function deleteServerLine(backend: string, server: string): RuntimeLine {
  return line(`del server ${backend}/${server}`, 'gone');
}

/** Commands about a whole backend. */
export type BackendCommand = Extract<
  RuntimeCommand,
  { do: 'add-backend' | 'publish-backend' | 'unpublish-backend' | 'delete-backend' }
>;

/** A whole backend. */
export function backendLine(command: BackendCommand): RuntimeLine {
  const { backend } = command;
  switch (command.do) {
    case 'add-backend': {
      const { profile } = command;
      return line(`add backend ${backend} from ${profile} guid ${backendGuid(backend, profile)}`, 'backend-registered');
    }
    case 'publish-backend':
      return line(`publish backend ${backend}`, 'published');
    case 'unpublish-backend':
      return line(`unpublish backend ${backend}`, 'unpublished');
    case 'delete-backend':
      return deleteBackendLine(backend);
    default:
      return unreachable(command);
  }
}

/** `del backend`; only one that is unpublished, and without servers and streams, can go. */
export function deleteBackendLine(backend: string): RuntimeLine {
  return line(`del backend ${backend}`, 'backend-gone');
}

/** Commands about one row of a map. */
export type RowCommand = Extract<RuntimeCommand, { do: 'add-row' | 'set-row' | 'delete-row' }>;

/** One row of a map. */
export function rowLine(command: RowCommand): RuntimeLine {
  const key = word(command.key);
  switch (command.do) {
    case 'add-row':
      return line(`add map ${command.map} ${key} ${word(command.value)}`, 'silence');
    case 'set-row':
      return line(`set map ${command.map} ${key} ${word(command.value)}`, 'silence');
    case 'delete-row':
      return line(`del map ${command.map} ${key}`, 'absent-too');
    default:
      return unreachable(command);
  }
}

/** Rows of a version of a map that is being prepared, in as many payloads as they need. */
export function payloadLines(map: MapFile, version: number, rows: ReadonlyMap<string, string>): readonly RuntimeLine[] {
  const head = `add map @${version} ${map} <<\n`;
  const lines: RuntimeLine[] = [];
  let body = '';
  let size = 0;
  const flush = (): void => {
    // The empty line that ends the payload is this newline and the one behind every line.
    if (body !== '') lines.push({ text: head + body, payload: true, expect: 'any' });
    body = '';
    size = 0;
  };
  for (const [key, value] of rows) {
    const row = `${key} ${value}\n`;
    const bytes = Buffer.byteLength(row);
    if (head.length + size + bytes + 1 > LARGEST_PAYLOAD) flush();
    body += row;
    size += bytes;
  }
  flush();
  return lines;
}

/** Why a command cannot be said on this command line; undefined when it can. Names come from labels: nothing is assumed. */
export function unsayable(command: RuntimeCommand): string | undefined {
  switch (command.do) {
    case 'add-server':
    case 'revive-server':
      return unsayableName(command.backend) ?? unsayableServer(command.server);
    case 'add-backend': {
      const { backend, profile } = command;
      const tooLong = isGuid(backendGuid(backend, profile)) ? undefined : 'the name of its profile is too long';
      return unsayableName(backend) ?? unsayableName(profile) ?? tooLong;
    }
    case 'publish-backend':
    case 'unpublish-backend':
    case 'delete-backend':
      return unsayableName(command.backend);
    case 'set-admission':
    case 'remove-server':
      return unsayableName(command.backend) ?? unsayableName(command.server);
    case 'add-row':
    case 'set-row':
      return unsayableRow(command.key, command.value);
    case 'delete-row':
      return unsayableRow(command.key, '-');
    case 'replace-map':
      for (const [key, value] of command.rows) {
        const why = unsayableRow(key, value);
        if (why !== undefined) return why;
      }
      return undefined;
    default:
      return unreachable(command);
  }
}

/** Characters of HAProxy's own for names of backends and servers. */
const NAME = /^[A-Za-z0-9_.:-]{1,1000}$/;

/** Why a text cannot be the name of a backend or a server. */
export function unsayableName(name: string): string | undefined {
  return NAME.test(name) ? undefined : `${JSON.stringify(name.slice(0, 100))} cannot be a name`;
}

function unsayableServer({ name, endpoint, id, check, cookie }: Server): string | undefined {
  if (isIP(endpoint.address) === 0) return `${JSON.stringify(endpoint.address)} is no address`;
  const ports = [endpoint.port, ...(check?.port === undefined ? [] : [check.port])];
  if (!ports.every((port) => isBetween(port, 1, 65_535))) return `port ${ports.join(' or ')} is none`;
  const numbers = [id, ...(check ? [check.interMs, check.fall] : [])];
  if (!numbers.every((number) => isBetween(number, 1, 2 ** 31 - 1))) return `${numbers.join(' or ')} is out of range`;
  if (cookie !== undefined && !/^[!-~]{1,200}$/.test(cookie)) return `${JSON.stringify(cookie)} cannot be a cookie`;
  return unsayableName(name);
}

const isBetween = (value: number, least: number, most: number): boolean =>
  Number.isInteger(value) && value >= least && value <= most;

const BLANK_OR_CONTROL = /[\u0000- \u007f]/;

/** Blanks and controls end a key or a row, and what begins with `#` would be taken for a pointer into the map. */
function unsayableRow(key: string, value: string): string | undefined {
  const outsider = [key, value].find((text) => text === '' || BLANK_OR_CONTROL.test(text));
  if (outsider !== undefined) return `${JSON.stringify(outsider.slice(0, 100))} cannot be in a row`;
  if (key.startsWith('#')) return `${JSON.stringify(key.slice(0, 100))} cannot be the key of a row`;
  // A character has at most three bytes, or a backslash before it.
  if ((key.length + value.length) * 3 + 200 > LONGEST_LINE) return 'the row is too long';
  return undefined;
}
