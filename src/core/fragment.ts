import type { TemplateFailure } from './config.ts';
import { createListMaker } from './list-maker.ts';
import type { Origin } from './problem.ts';
import { fail, ok, type Result } from './result.ts';

/** A section of haproxy.cfg: whole lines, a blank one at the end and none before. */
export interface Fragment {
  readonly text: string;
  readonly lines: number;
  readonly section: string;
  readonly origin: Origin;
}

/** What a template wrote, as a section. */
export function asFragment(rendered: string, section: string, origin: Origin): Fragment {
  const text = sectionText(rendered);
  return { text, lines: text.split('\n').length - 1, section, origin };
}

/** A section's text as it stands in haproxy.cfg. */
export const sectionText = (rendered: string): string => `${withoutBlankLines(rendered)}\n`;

/** What a template wrote, as whole lines: a blank one would look like the end of the section. */
function withoutBlankLines(rendered: string): string {
  if (rendered.endsWith('\n') && !/\r|\n[ \t]*\n|^\n/.test(rendered)) return rendered;
  const lines = rendered.split(/\r?\n/).filter((line) => line.trim() !== '');
  return `${lines.join('\n')}\n`;
}

const isFull = <T>(list: readonly (T | undefined)[]): list is readonly T[] => !list.includes(undefined);

/** Sections of a list of things, each at most one. Only what is different from the call before is looked at. */
export function createFragments<K>(
  make: (item: K) => Result<Fragment | undefined, TemplateFailure>,
): (items: readonly K[]) => Result<readonly Fragment[], TemplateFailure> {
  let failure: TemplateFailure | undefined;
  const maker = () =>
    createListMaker((item: K): Fragment | undefined => {
      const made = make(item);
      if (!made.ok) failure = made.failure;
      return made.ok ? made.value : undefined;
    });
  let list = maker();
  let last: readonly (Fragment | undefined)[] = [];
  let fragments: readonly Fragment[] = [];
  return (items) => {
    failure = undefined;
    const made = list(items);
    if (failure !== undefined) {
      // What failed is to be tried again.
      list = maker();
      return fail(failure);
    }
    if (made !== last) fragments = isFull(made) ? made : made.filter((fragment) => fragment !== undefined);
    last = made;
    return ok(fragments);
  };
}
