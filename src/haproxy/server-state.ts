import { rm } from 'node:fs/promises';
import type { LiveServer } from '../core/ports.ts';
import { onDisk, replaceFile } from './durable-files.ts';
import { type ConfiguredServer, readServers, serverKey } from './server-lines.ts';

/** A state file that says nothing: HAProxy 2.6 warns at every start and check when there is none at all. */
const NOTHING = '1\n';

/** Bits of srv_check_state and srv_admin_state (haproxy/server-t.h, haproxy/check-t.h). */
const CHECK_CONFIGURED = 0x02;
const MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20 | 0x40;
const DRAIN = 0x08 | 0x10;

/** One row of `show servers state`, by column name. */
type Row = ReadonlyMap<string, string>;

/** Reads the answer of `show servers state`: version line, header, one row a server. Unreadable text gives no rows. */
function parseRows(text: string): { readonly header: readonly string[]; readonly rows: readonly Row[] } {
  const lines = text.split('\n');
  const header =
    lines
      .find((line) => line.startsWith('# '))
      ?.slice(2)
      .trim()
      .split(/\s+/) ?? [];
  const rows = lines
    .filter((line) => /^\d+ \S/.test(line))
    .map(
      (line) =>
        new Map(
          line
            .trim()
            .split(/\s+/)
            .map((value, column) => [header[column] ?? '', value]),
        ),
    );
  return { header, rows };
}

/** The servers of an answer to `show servers state`, in its order. */
export function parseLiveServers(text: string): readonly LiveServer[] {
  return parseRows(text).rows.map((row) => ({
    backend: row.get('be_name') ?? '',
    server: row.get('srv_name') ?? '',
    address: row.get('srv_addr') ?? '',
    port: number(row, 'srv_port'),
    state: stateOf(number(row, 'srv_admin_state'), number(row, 'srv_op_state')),
  }));
}

/** `srv_op_state`: 0 stopped, 1 starting (slow start: it takes requests), 2 running, 3 stopping (no new ones). */
function stateOf(admin: number, operational: number): LiveServer['state'] {
  if ((admin & MAINTENANCE) !== 0) return 'maint';
  if ((admin & DRAIN) !== 0 || operational === 3) return 'drain';
  return operational === 0 ? 'down' : 'up';
}

/**
 * The part of `show servers state` that may be told to a worker of the new configuration, as a state file.
 *
 * HAProxy (2.6 to 3.5) takes port, check port, TLS and maintenance from the state file rather than from the
 * configuration. So only rows are kept that agree with it in all of them; a server whose maintenance or weight was
 * changed by hand starts as its configuration says. What is left is what the checks have found out.
 */
export function sanitiseState(text: string, haproxyCfg: string): string {
  const { header, rows } = parseRows(text);
  const configured = readServers(haproxyCfg);
  const kept = rows.filter((row) => fits(row, configured));
  if (kept.length === 0) return NOTHING;
  const lines = kept.map((row) => header.map((column) => columnOf(row, column)).join(' '));
  return `1\n# ${header.join(' ')}\n${lines.join('\n')}\n`;
}

function fits(row: Row, configured: ReadonlyMap<string, ConfiguredServer>): boolean {
  const server = configured.get(serverKey(row.get('be_name') ?? '', row.get('srv_name') ?? ''));
  if (!server || server.disabled || number(row, 'srv_admin_state') !== 0) return false;
  return (
    server.port === number(row, 'srv_port') &&
    server.check === ((number(row, 'srv_check_state') & CHECK_CONFIGURED) !== 0) &&
    server.checkPort === number(row, 'srv_check_port') &&
    server.tls === (number(row, 'srv_use_ssl') !== 0)
  );
}

function columnOf(row: Row, column: string): string {
  return row.get(column === 'srv_uweight' ? 'srv_iweight' : column) ?? '-';
}

function number(row: Row, column: string): number {
  const value = Number(row.get(column) ?? 0);
  return Number.isInteger(value) ? value : 0;
}

/** Puts a state file in place just before a reload. A disk that refuses it: none, rather than an old one. */
export async function writeServerState(path: string, text: string): Promise<void> {
  const written = await onDisk('write the server state', () => replaceFile(path, text));
  if (!written.ok) await onDisk('remove the server state', () => rm(path, { force: true }));
}

/** Makes sure that no worker finds an old state: after a reload, before a start, and when the state could not be read. */
export async function clearServerState(path: string): Promise<void> {
  await writeServerState(path, NOTHING);
}
