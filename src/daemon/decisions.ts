import type { AppId } from '../core/app.ts';
import type { RenderedConfig, TemplateFailure } from '../core/config.ts';
import { planApply } from '../core/plan.ts';
import type { Problem } from '../core/problem.ts';
import { withoutApps } from '../core/quarantine.ts';
import type { Result } from '../core/result.ts';
import { ok } from '../core/result.ts';
import type { RoutingTable } from '../core/routing.ts';
import type { Holding } from '../core/stand-in.ts';
import type { Inputs } from './inputs.ts';
import type { KeptListeners } from './kept-listeners.ts';
import type { KeptOwners } from './kept-owners.ts';
import type { KeptQuarantine } from './kept-quarantine.ts';
import type { KeptRunning } from './kept-running.ts';
import type { Decided, PassDeps } from './pass.ts';

interface Parts extends Pick<PassDeps, 'clock' | 'emit' | 'settings' | 'stages'> {
  readonly owners: Pick<KeptOwners, 'remembered' | 'settled'>;
  readonly running: Pick<KeptRunning, 'value'>;
  readonly quarantine: Pick<KeptQuarantine, 'cast'>;
  readonly listeners: Pick<KeptListeners, 'hold' | 'without'>;
  /** The sections that no app owns, by name. */
  readonly fixed: (inputs: Inputs) => ReadonlyMap<string, string> | undefined;
  readonly render: (table: RoutingTable, inputs: Inputs) => Result<RenderedConfig, TemplateFailure>;
  /** What the keepers have to say about apps. */
  readonly told: () => readonly (readonly Problem[])[];
}

/** Makes of what was seen what HAProxy should run: build, render, plan. */
export function createDecisions(parts: Parts) {
  const { clock, emit, settings, stages, owners, running, quarantine, listeners, fixed, render, told } = parts;
  async function decide(inputs: Inputs): Promise<Result<Decided, TemplateFailure>> {
    const startedAt = clock.now();
    const before = await owners.remembered(inputs.snapshot.value.apps);
    const build = (more?: ReadonlyMap<AppId, Holding>) => {
      const cast = quarantine.cast(inputs.snapshot.value, more);
      const built = owners.settled(before, (memory) =>
        stages.build(cast.snapshot, settings, inputs.certificates, memory),
      );
      return { ...built, table: withoutApps(built.value, cast.out) };
    };
    const { table: wanted, problems, memory: after } = build();
    const ms = clock.now() - startedAt;
    const table = await listeners.hold(wanted, fixed(inputs));
    emit({ type: 'table-built', table, problems: joined([inputs.snapshot.problems, problems, ...told()]), ms });
    const renderedAt = clock.now();
    const rendered = render(table, inputs);
    if (!rendered.ok) return rendered;
    const config = rendered.value;
    const plan = planApply(running.value(), config);
    emit({ type: 'rendered', digest: config.digest, plan, ms: clock.now() - renderedAt });
    const without: Decided['without'] = async (more) => {
      const other = listeners.without(build(more).table);
      const otherwise = render(other, inputs);
      return otherwise.ok ? ok({ table: other, config: otherwise.value }) : otherwise;
    };
    return ok({ table, config, plan, without, memory: { before, after } });
  }
  return { decide };
}

/** Lists in one, without a copy where only one of them holds anything. */
function joined<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const [first = [], ...others] = lists.filter(({ length }) => length > 0);
  return others.length === 0 ? first : first.concat(...others);
}
