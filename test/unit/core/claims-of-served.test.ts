import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createBuilder } from '../../../src/core/build.ts';
import { claimsOfServed } from '../../../src/core/claims-of-served.ts';
import { NO_MEMORY } from '../../../src/core/memory.ts';
import { servedByText } from '../../../src/core/served-text.ts';
import { packagedRenderer, renderedBy } from '../../support/config-grammar.ts';
import { createPlayedMarathon, sequence } from '../../support/sequences.ts';
import { app, build, CERTIFICATES, SETTINGS, snapshot } from './table-rig.ts';

const renderer = packagedRenderer();

describe('claims of what is served', () => {
  test('are those that were granted, by the text alone; a group holds its own', () => {
    const group = { HAPROXY_DEPLOYMENT_GROUP: 'shop', HAPROXY_DEPLOYMENT_STARTED_AT: '2024-05-01T00:00:00' };
    const apps = [
      app('/a', {
        labels: { HAPROXY_0_VHOST: 'a.example,*.a.example', HAPROXY_0_PATH: '-i /Api /b' },
        ports: [10_001],
      }),
      app('/b', { labels: { HAPROXY_0_BIND_ADDR: '10.0.0.1,::1' }, ports: [10_002] }),
      app('/shop-blue', { labels: { ...group, HAPROXY_0_VHOST: 'shop.example' }, ports: [10_003] }),
      app('/shop-green', { labels: { ...group, HAPROXY_0_VHOST: 'shop.example' }, ports: [10_003] }),
    ];
    const { value, memory } = build(apps, { certificates: CERTIFICATES });
    const claims = claimsOfServed(
      servedByText(renderedBy(renderer, value)),
      snapshot(...apps).apps,
      SETTINGS.pathMatch,
    );
    expect(new Map([...claims].sort())).toEqual(new Map([...memory.claims].sort()));
    expect(claims.get('host shop.example')).toBe('/shop/');
  });

  test('of an app that is gone hold nothing', () => {
    const { value } = build([app('/a', { labels: { HAPROXY_0_VHOST: 'a.example' } })]);
    expect(claimsOfServed(servedByText(renderedBy(renderer, value)), [], 'prefix').size).toBe(0);
  });

  test('never take a name from whom it was given to, and a node that lost its memory serves on what it served', () => {
    fc.assert(
      fc.property(sequence, (steps) => {
        const marathon = createPlayedMarathon();
        const builder = createBuilder();
        let memory = NO_MEMORY;
        for (const moves of steps) {
          marathon.play(moves);
          const { apps } = marathon.snapshot();
          const built = builder({ takenAt: 0 as never, apps }, SETTINGS, CERTIFICATES, memory);
          memory = built.memory;
          const served = servedByText(renderedBy(renderer, built.value));
          const claims = claimsOfServed(served, apps, SETTINGS.pathMatch);
          for (const [key, holder] of claims) expect([key, memory.claims.get(key)]).toEqual([key, holder]);
          const forgetful = { ...memory, claims };
          const again = createBuilder('nobody')({ takenAt: 0 as never, apps }, SETTINGS, CERTIFICATES, forgetful);
          expect(again.value.routes).toEqual(expect.arrayContaining([...built.value.routes]));
        }
      }),
      { numRuns: 120 },
    );
  }, 60_000);
});
