import type { BindAddress } from '../core/settings.ts';

/** HAProxy could not be started. */
export interface StartFailure {
  readonly kind: 'start-failed' | 'disk';
  readonly detail: string;
  /** Addresses that it could not have. */
  readonly unbound?: readonly BindAddress[];
}
