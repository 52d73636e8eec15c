import type { SourceFailure } from '../core/ports.ts';
import { printable } from '../core/problem.ts';

/** A failure of one request before it is known whose it is. */
export interface RequestFailure {
  readonly kind: Exclude<SourceFailure['kind'], 'file-unreadable'>;
  readonly detail: string;
}

/** Where in a request an error struck. */
export type Phase = 'head' | 'body';

const TLS_CODES =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|EPROTO$|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|HOSTNAME_MISMATCH)/;

/** Names what went wrong with a request, from the error that undici, Node's TLS or zlib threw. */
export function classifyError(error: unknown, phase: Phase): RequestFailure {
  const root = rootOf(error);
  const code = codeOf(root);
  const detail = printable(
    `${code === '' ? '' : `${code}: `}${root instanceof Error ? root.message : String(root)}`,
    300,
  );
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return { kind: 'timeout', detail: 'no connection in time' };
  if (TLS_CODES.test(code)) return { kind: 'tls', detail };
  if (code === 'Z_DATA_ERROR') return { kind: 'not-json', detail };
  return phase === 'head' ? { kind: 'unreachable', detail } : { kind: 'truncated', detail };
}

/** The server closed a kept-alive connection under our request: worth one more try (marathon-api 5, idle timeout 30 s). */
export function isStaleConnection(error: unknown): boolean {
  return ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'].includes(codeOf(rootOf(error)));
}

/** Errors of `fetch` hide their cause one level down; errors of several addresses one level in. */
function rootOf(error: unknown): unknown {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  if (error instanceof Error && error.cause instanceof Error) return rootOf(error.cause);
  return error;
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}
