import { byText } from './order.ts';
import type { Problem } from './problem.ts';
import { remembered } from './remembered.ts';

const keyOf = remembered(({ origin, code, message }: Problem): string => {
  const app = origin.from === 'app' || origin.from === 'label' ? origin.app : '';
  return [app, origin.from === 'label' ? origin.label : '', code, message].join('\n');
});

/** The order in which problems are told: by app, label, code and words. */
export function byProblem(a: Problem, b: Problem): number {
  if (a === b) return 0;
  return byText(keyOf(a), keyOf(b)) || byText(JSON.stringify(a), JSON.stringify(b));
}

/** Sorted problems, each once: two that say the same are one. */
export const eachOnce = (sorted: readonly Problem[]): readonly Problem[] =>
  sorted.filter((problem, index) => {
    const last = sorted[index - 1];
    return last === undefined || keyOf(last) !== keyOf(problem);
  });
