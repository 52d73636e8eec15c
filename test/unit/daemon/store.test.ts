import { describe, expect, it } from 'vitest';
import type { DaemonEvent } from '../../../src/core/events.ts';
import { createStateStore } from '../../../src/daemon/store.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { SCRIPTED_SETTINGS } from '../../support/scripted-ports.ts';

const ATTACHED = { type: 'stream-attached', endpoint: 'http://m' } as const;
const BYTE = { type: 'stream-byte', endpoint: 'http://m' } as const;

describe('the state store', () => {
  it('stamps, reduces and tells, in this order', async () => {
    const clock = createManualClock(1_000);
    const store = createStateStore('1', SCRIPTED_SETTINGS, clock);
    const heard: unknown[] = [];
    const end = store.subscribe((event, state) => heard.push([event.type, event.at, state.stream.attached?.since]));
    await clock.advance(500);
    store.emit(ATTACHED);
    end();
    store.emit(BYTE);
    expect(heard).toEqual([['stream-attached', 1_500, 1_500]]);
    expect(store.current().stream.lastByteAt).toBe(1_500);
  });

  it('delivers what a listener emits after the event it was given', () => {
    const store = createStateStore('1', SCRIPTED_SETTINGS, createManualClock());
    const first: string[] = [];
    const second: string[] = [];
    store.subscribe((event) => {
      first.push(event.type);
      if (event.type === 'stream-attached') store.emit(BYTE);
    });
    store.subscribe((event) => second.push(event.type));
    store.emit(ATTACHED);
    expect(first).toEqual(['stream-attached', 'stream-byte']);
    expect(second).toEqual(['stream-attached', 'stream-byte']);
  });

  it('survives a listener that throws, and tells the others of it', () => {
    const store = createStateStore('1', SCRIPTED_SETTINGS, createManualClock());
    const heard: DaemonEvent[] = [];
    store.subscribe(() => {
      throw new Error('no disk for the log');
    });
    store.subscribe((event) => heard.push(event));
    store.emit(ATTACHED);
    store.emit(BYTE);
    expect(heard.map((event) => event.type)).toEqual(['stream-attached', 'bug', 'stream-byte', 'bug']);
    expect(store.current().lastBug?.message).toBe('no disk for the log');
  });

  it('survives an event that cannot be reduced, and goes on delivering', () => {
    const store = createStateStore('1', SCRIPTED_SETTINGS, createManualClock());
    const heard: string[] = [];
    store.subscribe((event) => heard.push(event.type));
    store.emit({ type: 'applied' } as never);
    store.emit(ATTACHED);
    expect(heard).toEqual(['applied', 'bug', 'stream-attached']);
    expect(store.current().stream.attached).toBeDefined();
    expect(store.current().counts.bugs).toBe(1);
  });
});
