import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isSayablePath, LARGEST_CERTIFICATE_COMMAND } from '../core/certificate-plan.ts';
import { certificatePayload } from '../core/certificates.ts';
import { fail, ok, type Result } from '../core/result.ts';
import type { CertificateCommand, CertificateQuestion, ObservedCertificates, Told } from '../core/runtime.ts';
import type { SocketLine } from './runtime-socket.ts';
import type { RuntimeWorker } from './runtime-worker.ts';

/** A line, and how the end of its reply has to read: before it there may be dots of progress, and logs from 3.4 on. */
interface CertificateLine extends SocketLine {
  readonly expect: (reply: string) => boolean;
}

const DONE: Told = { kind: 'done' };

/**
 * Carries out what a command says of a certificate. The private key goes from its file to the worker and nowhere else: not into
 * a command, a failure or what is said of one.
 */
export async function tellCertificate(worker: RuntimeWorker, command: CertificateCommand): Promise<Told> {
  const { certificate: path } = command;
  if (!isSayablePath(path)) return refused('not sent: its path cannot be said on the command line');
  if (command.do === 'remove-certificate') return tell(worker, path, removal(command.list, path));
  const payload = await readPayload(path, command.digest);
  if (!payload.ok) return refused(payload.failure);
  const given = await give(worker, path, givingLines(path, payload.value, command.do === 'add-certificate'));
  if (given.kind !== 'done' || command.do !== 'add-certificate') return given;
  // Only now: a store of that name that was left behind would be served as it is.
  return tell(worker, path, [line(`add ssl crt-list ${command.list} ${path}`, succeeds)]);
}

const refused = (reply: string): Told => ({ kind: 'refused', reply });

const line = (text: string, expect: CertificateLine['expect']): CertificateLine => ({ text, payload: false, expect });

const endsWith =
  (...ends: readonly string[]) =>
  (reply: string): boolean =>
    ends.some((end) => reply.endsWith(end));

const succeeds = (reply: string): boolean => /(?:^|\n)Success!$/.test(reply);

/** A transaction for a certificate; without store of its own yet, that is made first, or is there from an earlier try. */
function givingLines(path: string, payload: string, isNew: boolean): readonly CertificateLine[] {
  const made = endsWith(`New empty certificate store '${path}'!`, `Certificate '${path}' already exists!`);
  // The reply has to name it: 2.6 puts a payload into whichever transaction is open.
  const opened = endsWith(
    `Transaction created for certificate ${path}!`,
    `Transaction updated for certificate ${path}!`,
  );
  return [
    ...(isNew ? [line(`new ssl cert ${path}`, made)] : []),
    { ...line(`set ssl cert ${path} <<\n${payload}`, opened), payload: true, secret: true },
    line(`commit ssl cert ${path}`, succeeds),
  ];
}

function removal(list: string, path: string): readonly CertificateLine[] {
  return [
    line(
      `del ssl crt-list ${list} ${path}`,
      endsWith(`Entry '${path}' deleted in crtlist '${list}'!`, `'${path}' can't be found in crt-list '${list}'!`),
    ),
    // It stays where a service port is bound with it.
    line(
      `del ssl cert ${path}`,
      endsWith(`'${path}' deleted!`, `'${path}' doesn't exist!`, `'${path}' in use, can't be deleted!`),
    ),
  ];
}

/** The payload of a file, if that still says what it said when the command was made. */
async function readPayload(path: string, digest: string): Promise<Result<string, string>> {
  try {
    const text = await readFile(path, 'utf8');
    const keyText = text.includes('PRIVATE KEY-----') ? '' : await readFile(`${path}.key`, 'utf8').catch(() => '');
    const found = createHash('sha256').update(text).update(keyText).digest('hex');
    if (found !== digest) return fail('not sent: its file has changed meanwhile');
    const payload = certificatePayload(text, keyText);
    const size = Buffer.byteLength(payload) + path.length;
    return size > LARGEST_CERTIFICATE_COMMAND ? fail('not sent: it does not fit into a command') : ok(payload);
  } catch (error) {
    return fail(`not sent: its file cannot be read (${error instanceof Error && 'code' in error ? error.code : '?'})`);
  }
}

/**
 * Carries out a transaction, and leaves none behind. A worker has one at a time: that of another certificate, which somebody left
 * open, is thrown away, and then it is tried once more.
 */
async function give(worker: RuntimeWorker, path: string, lines: readonly CertificateLine[]): Promise<Told> {
  const first = await tell(worker, path, lines);
  if (first.kind !== 'refused') return first;
  const other = openTransaction(first.reply, path);
  const aborted = await worker.ask([abort(other ?? path)]);
  if (!aborted.ok) return { kind: 'doubt', detail: aborted.failure };
  if (other === undefined) return first;
  const again = await tell(worker, path, lines);
  if (again.kind === 'refused') await worker.ask([abort(path)]);
  return again;
}

const abort = (path: string): SocketLine => ({ text: `abort ssl cert ${path}`, payload: false });

/** The other certificate of which a reply says that it is being changed. */
function openTransaction(reply: string, path: string): string | undefined {
  const found = /ongoing transaction is about '([^']+)'|updated for certificate (\S+)!$/.exec(reply);
  const other = found?.[1] ?? found?.[2];
  return other !== undefined && other !== path && isSayablePath(other) ? other : undefined;
}

async function tell(worker: RuntimeWorker, path: string, lines: readonly CertificateLine[]): Promise<Told> {
  const replies = await worker.ask(lines);
  if (!replies.ok) return { kind: 'doubt', detail: replies.failure };
  for (const [at, { text, expect }] of lines.entries()) {
    const reply = replies.value[at] ?? '';
    if (expect(reply)) continue;
    const said = text.split(' ', 3).join(' ');
    if (!/(?:^|\n)Unknown command\b/.test(reply)) return refused(`${said}: ${withoutSecrets(reply, path)}`);
    return { kind: 'doubt', detail: worker.distrust(`${said} ${path}: not understood`) };
  }
  return DONE;
}

/** A reply for people, on one line: nothing in it that could be of a key, though its path may look so. */
function withoutSecrets(reply: string, path: string): string {
  const parts = reply.split(path).map((part) => part.replace(/[A-Za-z0-9+/=]{24,}/g, '…').replace(/\s+/g, ' '));
  return parts.join(path).trim().slice(0, 300);
}

/** Reads a list and certificates; undefined where there is no answer. */
export async function readCertificates(
  worker: RuntimeWorker,
  { list, paths }: CertificateQuestion,
): Promise<ObservedCertificates | undefined> {
  const sayable = [...new Set(paths)].filter(isSayablePath);
  const replies = await worker.ask([
    { text: `show ssl crt-list ${list}`, payload: false },
    ...sayable.map((path) => ({ text: `show ssl cert ${path}`, payload: false })),
  ]);
  if (!replies.ok) return undefined;
  const [listing = '', ...shown] = replies.value;
  const fingerprints = new Map<string, string>();
  for (const [at, path] of sayable.entries()) {
    const fingerprint = /^SHA1 FingerPrint: ([0-9A-F]{40})$/m.exec(shown[at] ?? '')?.[1];
    if (fingerprint !== undefined) fingerprints.set(path, fingerprint);
  }
  const listed = listedIn(listing, list);
  return listed === undefined ? { fingerprints } : { listed, fingerprints };
}

/** The paths of `show ssl crt-list NAME`: options and filters of a line stand behind its path. */
function listedIn(reply: string, list: string): readonly string[] | undefined {
  const lines = reply.split('\n');
  const head = lines.indexOf(`# ${list}`);
  if (head < 0) return undefined;
  return lines.slice(head + 1).flatMap((entry) => entry.trim().split(' ')[0] || []);
}
