import { describe, expect, it } from 'vitest';
import type { LineOwner, RenderedConfig } from '../../../src/core/config.ts';
import { formatReason, MAX_RELOAD_REASONS, planApply } from '../../../src/core/plan.ts';

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

describe('formatReason', () => {
  it('reads as a phrase', () => {
    expect(formatReason({ because: 'section-added', section: 'backend a' })).toBe('backend a added');
    expect(formatReason({ because: 'file-changed', file: 'maps/hosts.map' })).toBe('maps/hosts.map changed');
    expect(formatReason({ because: 'running-unknown' })).toBe('what runs is unknown');
    expect(formatReason({ because: 'first-configuration' })).toBe('first configuration');
  });
});
