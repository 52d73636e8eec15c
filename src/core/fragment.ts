import { textDigest } from './digest.ts';
import type { Origin } from './problem.ts';

/** A section of haproxy.cfg: whole lines, a blank one at the end and none before. */
export interface Fragment {
  readonly text: string;
  readonly lines: number;
  readonly digest: Uint8Array;
  readonly section: string;
  readonly origin: Origin;
}

/** What a template wrote, as a section. */
export function asFragment(rendered: string, section: string, origin: Origin): Fragment {
  const text = sectionText(rendered);
  return { text, lines: text.split('\n').length - 1, digest: textDigest(text), section, origin };
}

/** A section's text as it stands in haproxy.cfg. */
export const sectionText = (rendered: string): string => `${withoutBlankLines(rendered)}\n`;

/** What a template wrote, as whole lines: a blank one would look like the end of the section. */
function withoutBlankLines(rendered: string): string {
  if (rendered.endsWith('\n') && !/\r|\n[ \t]*\n|^\n/.test(rendered)) return rendered;
  const lines = rendered.split(/\r?\n/).filter((line) => line.trim() !== '');
  return `${lines.join('\n')}\n`;
}
