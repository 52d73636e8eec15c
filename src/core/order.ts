/** Orders texts by code unit: the same on every machine, unlike a locale's order. */
export const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The first of several comparisons that tells two values apart. */
export function byFirst(...comparisons: readonly number[]): number {
  return comparisons.find((comparison) => comparison !== 0) ?? 0;
}

/** The distinct texts, sorted. */
export const distinctSorted = (texts: Iterable<string>): readonly string[] => [...new Set(texts)].sort(byText);
