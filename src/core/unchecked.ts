import type { Diagnostic } from './config.ts';
import type { ValidationFailure } from './ports.ts';

/**
 * What is told of a configuration that did not pass: HAProxy's own words, or (`unchecked`) why it could not be asked: a full
 * disk, a deadline, a binary that does not run. Neither is loaded.
 */
export function toldOf(failure: ValidationFailure): {
  readonly diagnostics: readonly Diagnostic[];
  readonly unchecked?: true;
} {
  if (failure.kind === 'invalid') return { diagnostics: failure.diagnostics };
  return { diagnostics: [{ severity: 'alert', message: `${failure.kind}: ${failure.detail}` }], unchecked: true };
}
