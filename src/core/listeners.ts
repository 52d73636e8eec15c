import type { RenderedConfig } from './config.ts';

/**
 * Every address that a configuration listens on, as one text. A configuration that is valid and yet cannot be loaded mostly
 * asks for an address that somebody else has: another one that asks for the same addresses meets the same fate.
 */
export function listenersOf(config: RenderedConfig): string {
  const lines = (config.files.get('haproxy.cfg') ?? '').split('\n');
  return lines
    .filter((line) => /^\s*(?:bind|stats socket)\s/.test(line))
    .map((line) => line.trim())
    .sort()
    .join('\n');
}
