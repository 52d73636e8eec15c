import type { Parser } from './label-parsers.ts';
import type { Problem } from './problem.ts';

/** What a label is: one row of the vocabulary. README's reference and the linter are generated from these. */
export interface LabelSpec<T, L extends LabelLevel = LabelLevel> {
  /** Without prefix and index: `VHOST` of `HAPROXY_{n}_VHOST`. */
  readonly name: string;
  readonly level: L;
  readonly parse: Parser<T>;
  /** The kind of value, for people. */
  readonly values: string;
  /** What holds without the label, for people. */
  readonly default: string;
  readonly doc: string;
  readonly example: string;
  /** What a bad value costs, unless the parser's fault says otherwise. */
  readonly badCosts: Problem['effect'];
  /** The value is never shown. */
  readonly secret: boolean;
}

/** `port`: `HAPROXY_{n}_NAME`, or `HAPROXY_NAME` for index 0. `app`: `HAPROXY_NAME` only. */
export type LabelLevel = 'port' | 'app';

/** What else a row may say. */
export type Costs = { readonly badCosts?: Problem['effect']; readonly secret?: boolean };
/** Makes rows of the table. `texts` are: kind of values, default, example. */
export const row =
  <L extends LabelLevel>(level: L) =>
  <T>(
    name: string,
    parse: Parser<T>,
    [values, byDefault, example]: readonly [string, string, string],
    doc: string,
    { badCosts = 'value-ignored', secret = false }: Costs = {},
  ): LabelSpec<T, L> => ({ name, level, parse, values, default: byDefault, example, doc, badCosts, secret });
