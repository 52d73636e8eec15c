import type { Dispatcher } from 'undici';

/** The head of an answer, and its body to read. */
export type Response = Dispatcher.ResponseData;

/** Another place is named. */
export const isRedirect = ({ statusCode }: Pick<Response, 'statusCode'>): boolean =>
  statusCode >= 300 && statusCode < 400;

/** A header as undici gives it: the first one where there are several. */
export const singleHeader = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;
