/** One complaint of a 422 answer. */
export interface Invalid {
  readonly path: string;
  readonly error: string;
}
