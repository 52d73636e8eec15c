import { listenersOverlap } from './address.ts';
import type { Instant } from './app.ts';
import { sectionOf } from './held-services.ts';
import type { Listened } from './listened.ts';
import { type BindTrial, type HeldListener, reasonToHold } from './listener.ts';
import { type BindAddress, formatBind } from './settings.ts';
import type { WantedBind } from './wanted-binds.ts';

/** The address of the templates' own that a service asks for, too; one that the service has already it keeps. */
export function twinOf(
  { bind, service, setting }: WantedBind,
  listened: Listened,
  taken: readonly BindAddress[],
): BindAddress | undefined {
  if (service === undefined || setting !== undefined) return undefined;
  const twin = taken.find(({ address, port }) => port === bind.port && listenersOverlap(address, bind.address));
  if (twin === undefined) return undefined;
  const own = listened.of(sectionOf(service)).some((has) => formatBind(has) === formatBind(bind));
  return own ? undefined : twin;
}

/** What HAProxy listens on already and has to give up, where that is why an address cannot be had. */
export function ownInTheWay({ bind, outcome, holder }: BindTrial, listened: Listened): BindAddress | undefined {
  const other = outcome === 'ours' || outcome === 'untried' || (outcome === 'taken' && holder?.pid === undefined);
  return other ? listened.inTheWay(bind) : undefined;
}

/** Who sets up a machine may have reasons for a port that connections use, too. */
export function whyNot({ setting }: WantedBind, trial: BindTrial | undefined): string | undefined {
  if (trial === undefined || (setting !== undefined && trial.outcome === 'ephemeral')) return undefined;
  return reasonToHold(trial);
}

/** What is told of an address that is held. */
export function heldListener({ bind, service, setting }: WantedBind, since: Instant, why: string): HeldListener {
  const { address, port } = bind;
  const owner = service === undefined ? {} : { app: service.app, service: service.backend };
  return { bind: { address, port }, ...owner, since, why, ...(setting === undefined ? {} : { setting }) };
}
