import { describe, expect, it } from 'vitest';
import type { LineOwner, RenderedConfig } from '../../../src/core/config.ts';
import { MAX_RELOAD_REASONS, planApply, planReload } from '../../../src/core/plan.ts';
import { formatReason, mainWord, RELOAD_WORDS, type ReloadReason, wordOf } from '../../../src/core/reload-reason.ts';
import type { BackendName, ServerName } from '../../../src/core/routing.ts';

/** A configuration of named sections and map files. */
function config(
  sections: Readonly<Record<string, string>>,
  maps: Readonly<Record<string, string>> = {},
): RenderedConfig {
  const owners: LineOwner[] = [];
  const lines: string[] = [];
  for (const [section, body] of Object.entries(sections)) {
    const own = [section, ...body.split('\n')];
    owners.push({ from: lines.length + 1, to: lines.length + own.length, origin: { from: 'default' }, section });
    lines.push(...own);
  }
  const files = new Map([['haproxy.cfg', `${lines.join('\n')}\n`], ...Object.entries(maps)]);
  return { files, owners, digest: JSON.stringify([...files]) };
}

const before = config({ global: '  daemon', 'backend a': '  server s 1' }, { 'maps/hosts.map': 'a a\n' });
const running = { known: true, config: before } as const;

describe('planApply', () => {
  it('needs nothing when the digests are equal', () => {
    expect(
      planApply(running, config({ global: '  daemon', 'backend a': '  server s 1' }, { 'maps/hosts.map': 'a a\n' })),
    ).toEqual({
      reload: [],
    });
  });

  it('names the sections and files that differ', () => {
    const after = config(
      { global: '  daemon', 'backend b': '  server s 1' },
      { 'maps/hosts.map': 'b b\n', 'maps/new.map': '' },
    );
    expect(planApply(running, after).reload).toEqual([
      { because: 'section-added', section: 'backend b' },
      { because: 'section-removed', section: 'backend a' },
      { because: 'file-changed', file: 'maps/hosts.map' },
      { because: 'file-changed', file: 'maps/new.map' },
    ]);
    expect(
      planApply(running, config({ global: '  daemon', 'backend a': '  server s 2' }, { 'maps/hosts.map': 'a a\n' }))
        .reload,
    ).toEqual([{ because: 'section-changed', section: 'backend a' }]);
  });

  it('sees that a file is gone', () => {
    expect(planApply(running, config({ global: '  daemon', 'backend a': '  server s 1' })).reload).toEqual([
      { because: 'file-changed', file: 'maps/hosts.map' },
    ]);
  });

  it('is not moved by sections that only stand on other lines', () => {
    const after = config({ global: '  daemon\n  more', 'backend a': '  server s 1' }, { 'maps/hosts.map': 'a a\n' });
    expect(planApply(running, after).reload).toEqual([{ because: 'section-changed', section: 'global' }]);
  });

  it('misses no difference, even one that no section owns', () => {
    const after = {
      ...before,
      files: new Map([...before.files, ['haproxy.cfg', `${before.files.get('haproxy.cfg')}# more\n`]]),
      digest: 'x',
    };
    expect(planApply(running, after).reload).toEqual([{ because: 'file-changed', file: 'haproxy.cfg' }]);
    expect(planApply(running, { ...before, digest: 'x' }).reload).toEqual([
      { because: 'file-changed', file: 'haproxy.cfg' },
    ]);
  });

  it('tells a first configuration from an unknown one', () => {
    expect(planApply({ known: false, nothingYet: true }, before).reload).toEqual([{ because: 'first-configuration' }]);
    expect(planApply({ known: false }, before).reload).toEqual([{ because: 'running-unknown' }]);
  });

  it('stays readable however much differs', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`backend b${n}`, '  mode http']));
    expect(planApply(running, config(many)).reload).toHaveLength(MAX_RELOAD_REASONS);
  });
});

const BACKEND = 'prod_web_10000' as BackendName;
const SERVER = '10_0_0_1_31000' as ServerName;
/** One of each, with the word that it counts under and how it reads. */
const EACH: readonly (readonly [ReloadReason, string, string])[] = [
  [{ because: 'first-configuration' }, 'start', 'first configuration'],
  [{ because: 'running-unknown' }, 'unknown', 'what runs is unknown'],
  [{ because: 'no-runtime' }, 'no-runtime', 'no runtime socket'],
  [{ because: 'doubt', detail: 'silence' }, 'doubt', 'doubt: silence'],
  [{ because: 'drift', detail: 'no backend' }, 'drift', 'not repaired: no backend'],
  [{ because: 'section-changed', section: 'global' }, 'shared-sections', 'global changed'],
  [{ because: 'file-changed', file: 'maps/hosts.map' }, 'shared-sections', 'maps/hosts.map changed'],
  [{ because: 'section-changed', section: 'certificates.list' }, 'certificates', 'certificates.list changed'],
  [{ because: 'service-added', service: BACKEND }, 'service-port', 'service port of prod_web_10000 added'],
  [{ because: 'backend-changed', backend: BACKEND }, 'own-text', 'backend-changed prod_web_10000'],
  [{ because: 'no-fitting-spare', backend: BACKEND }, 'own-text', 'no-fitting-spare prod_web_10000'],
  [
    { because: 'server-changed', backend: BACKEND, server: SERVER },
    'server-words',
    'server-changed prod_web_10000/10_0_0_1_31000',
  ],
  [{ because: 'spares-exhausted', backend: BACKEND }, 'spares-exhausted', 'spares-exhausted prod_web_10000'],
  [{ because: 'tombstones', count: 2_001 }, 'tombstones', '2001 removed servers are still there'],
];

describe('reasons', () => {
  it.each(EACH)('%j counts under %s', (reason, word, phrase) => {
    expect(wordOf(reason)).toBe(word);
    expect(formatReason(reason)).toBe(phrase);
  });

  it('has a reason for every word', () => {
    expect(new Set(EACH.map(([reason]) => wordOf(reason)))).toEqual(new Set(Object.keys(RELOAD_WORDS)));
  });

  it('one reload counts under its weightiest reason, and names all', () => {
    const all = EACH.map(([reason]) => reason);
    const { reload } = planReload(all.toReversed());
    expect(reload.map(wordOf)).toEqual(all.map(wordOf));
    const spared = planReload([
      { because: 'spares-exhausted', backend: BACKEND },
      { because: 'service-added', service: BACKEND },
    ]);
    expect(mainWord(spared.reload)).toBe('service-port');
    expect(spared.reload).toHaveLength(2);
  });
});
