import type { FastifyReply } from 'fastify';

/** A refusal or failure as the API shows it. */
interface ErrorBody {
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  /** A sentence, for people. */
  readonly message: string;
}

/** Sends an error as JSON; `more` adds fields beside status, code and message. */
export function sendError(
  reply: FastifyReply,
  status: number,
  code: string,
  message: string,
  more: Readonly<Record<string, unknown>> = {},
): FastifyReply {
  const body: ErrorBody = { status, code, message };
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send({ ...more, ...body });
}
