import { Counter, type Registry } from 'prom-client';

/** Counts the events of the stream. */
export type EventTally = (type: string, relevant: boolean) => void;

/** Types remembered between two scrapes; more of them go to the counter before. */
const MOST_TYPES = 100;

/**
 * Registers the counter. Marathon tells hundreds of things a second: each is a look into a map, and the set of labels is made when
 * somebody asks for it.
 */
export function createEventTally(registry: Registry): EventTally {
  const told = { relevant: new Map<string, number>(), other: new Map<string, number>() };
  const handOver = (to: Counter<'type' | 'relevant'>): void => {
    for (const [kind, types] of Object.entries(told)) {
      for (const [type, count] of types)
        to.inc({ type: eventType(type), relevant: String(kind === 'relevant') }, count);
      types.clear();
    }
  };
  const events = new Counter({
    name: 'portolan_events_total',
    help: 'Events of the stream',
    labelNames: ['type', 'relevant'],
    registers: [registry],
    collect() {
      handOver(this);
    },
  });
  return (type, relevant) => {
    const types = relevant ? told.relevant : told.other;
    types.set(type, (types.get(type) ?? 0) + 1);
    if (types.size > MOST_TYPES) handOver(events);
  };
}

/** What may stand in a label: a type comes from outside. */
const eventType = (type: string): string => (/^[a-z][a-z_]{0,59}$/.test(type) ? type : 'other');
