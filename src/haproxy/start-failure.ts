/** HAProxy could not be started. */
export interface StartFailure {
  readonly kind: 'start-failed' | 'disk';
  readonly detail: string;
}
