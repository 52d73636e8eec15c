import type { Json } from './json.ts';

/** An event as the stream carries it. */
export interface MarathonEvent {
  readonly type: string;
  readonly body: Json;
  /** The JSON line of light subscribers. */
  readonly line: string;
  /** The JSON line with the root groups of both sides, where a version has one (deployment events up to 1.7). */
  readonly heavyLine?: () => string;
}

/** Where the cluster tells what happened. */
export interface EventBus {
  /** `heavier` gives further members of the heavy form; it is asked only when somebody wants them, as they can be large. */
  publish(type: string, body: Json, heavier?: () => Json): void;
  /** Hears every event from now on; the answer ends it. */
  subscribe(hear: (event: MarathonEvent) => void): () => void;
  /** The last events, oldest first, at most 20,000. */
  recent(): readonly MarathonEvent[];
}

const KEPT = 20_000;

/** A bus without delivery guarantees of its own: it calls its subscribers in order. */
export function createEventBus(): EventBus {
  const subscribers = new Set<(event: MarathonEvent) => void>();
  let recent: MarathonEvent[] = [];
  return {
    publish: (type, body, heavier) => {
      const stamped = { ...body, eventType: type, timestamp: new Date().toISOString() };
      const light: MarathonEvent = { type, body: stamped, line: JSON.stringify(stamped) };
      recent.push(light);
      if (recent.length > 2 * KEPT) recent = recent.slice(-KEPT);
      let heavy: string | undefined;
      const heavyLine = (): string => {
        heavy ??= JSON.stringify({ ...stamped, ...heavier?.() });
        return heavy;
      };
      const event = heavier === undefined ? light : { ...light, heavyLine };
      for (const hear of [...subscribers]) hear(event);
    },
    subscribe: (hear) => {
      subscribers.add(hear);
      return () => subscribers.delete(hear);
    },
    recent: () => recent.slice(-KEPT),
  };
}
