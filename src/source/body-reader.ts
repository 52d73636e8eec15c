import type { Result } from '../core/result.ts';
import type { Judge } from './answers.ts';
import type { RequestFailure } from './fetch-failures.ts';

/** Takes the body of one answer piece by piece and says at its end what it means. Never throws. */
export interface BodyReader<T> {
  /** The next piece. The one after it comes when the promise, where there is one, has resolved. */
  write(piece: Buffer): Promise<void> | undefined;
  /** The body ended as it should. */
  end(): Promise<Result<T, RequestFailure>> | Result<T, RequestFailure>;
}

/** Makes the reader of an answer with this status. */
export type ReadBody<T> = (status: number) => BodyReader<T>;

/** Reads a body as one text, and has it judged. */
export function asText<T>(judge: Judge<T>): ReadBody<T> {
  return (status) => {
    const pieces: Buffer[] = [];
    return {
      write: (piece) => void pieces.push(piece),
      end: () => judge({ status, text: Buffer.concat(pieces).toString('utf8') }),
    };
  };
}
