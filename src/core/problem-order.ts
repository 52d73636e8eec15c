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

/** `before` where it says the same as `now`: what goes by identity sees nothing new then. */
export function keepProblems(before: readonly Problem[] | undefined, now: readonly Problem[]): readonly Problem[] {
  const same = before?.length === now.length && now.every((problem, at) => isSame(before[at], problem));
  return same ? before : now;
}

const isSame = (a: Problem | undefined, b: Problem): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Sorted problems, each once: two that say the same are one. */
export const eachOnce = (sorted: readonly Problem[]): readonly Problem[] =>
  sorted.filter((problem, index) => {
    const last = sorted[index - 1];
    return last === undefined || keyOf(last) !== keyOf(problem);
  });
