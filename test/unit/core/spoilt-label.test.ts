import { expect, test } from 'vitest';
import { spoiltLabel } from '../../../src/core/spoilt-label.ts';
import { app } from './table-rig.ts';

const HASH = '$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1';
const labelled = (labels: Readonly<Record<string, string>>) => app('/a', { labels, ports: [10_000] });
const spoilt = (before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>) => {
  const problem = spoiltLabel(labelled(now), labelled(before));
  return problem?.origin.from === 'label' ? problem.origin.label : problem;
};

test.each([
  ['HAPROXY_0_VHOST', 'a.example', 'a\u00a0.example'],
  ['HAPROXY_0_VHOST', 'a.example,b.example', 'a.example,b..example'],
  ['HAPROXY_0_PATH', '/a', 'a'],
  ['HAPROXY_0_PORT', '10001', 'ten'],
  ['HAPROXY_0_BIND_ADDR', '127.0.0.1', 'localhost'],
  ['HAPROXY_0_BALANCE', 'leastconn', 'fairest'],
  ['HAPROXY_0_ENABLED', 'true', 'treu'],
  ['HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL', '10.0.0.0/8', '10.0.0.0/8 all'],
  ['HAPROXY_0_AUTH', `realm:user:${HASH}`, 'realm:user'],
  ['HAPROXY_VHOST', 'a.example', 'a b'],
])('%s was %j: what works is not given up for %j', (label, before, now) => {
  expect(spoilt({ [label]: before }, { [label]: now })).toBe(label);
});

test.each([
  ['HAPROXY_0_VHOST', 'a.example', 'a.example,b.example,c d'],
  ['HAPROXY_0_VHOST', 'a.example', 'b.example'],
  ['HAPROXY_0_STICKY', 'true', 'treu'],
  ['HAPROXY_0_BALANCE', 'fairest', 'cheapest'],
  ['HAPROXY_0_VHOTS', 'a.example', 'a b'],
  ['VHOST', 'a.example', 'a b'],
])('%s was %j: nothing is lost that worked by %j, or it was asked for', (label, before, now) => {
  expect(spoilt({ [label]: before }, { [label]: now })).toBeUndefined();
});

test('a label that is new and would close the port costs nothing, one that only has no effect is none of its business', () => {
  const before = { HAPROXY_0_VHOST: 'a.example' };
  expect(spoilt(before, { ...before, HAPROXY_0_PATH: 'x y' })).toBe('HAPROXY_0_PATH');
  expect(spoilt(before, { ...before, HAPROXY_0_BALANCE: 'x y' })).toBeUndefined();
  expect(spoilt(before, {})).toBeUndefined();
});

test('what is asked to be protected for the first time is not served without it, whatever else is spoilt', () => {
  const before = { HAPROXY_0_VHOST: 'a.example' };
  expect(spoilt(before, { HAPROXY_0_VHOST: 'a b', HAPROXY_0_AUTH: 'realm:user' })).toBeUndefined();
  expect(spoilt(before, { HAPROXY_0_VHOST: 'a b', HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: 'mine' })).toBeUndefined();
});

test('an unreadable password that replaces another one is told without it', () => {
  const problem = spoiltLabel(
    labelled({ HAPROXY_0_AUTH: 'hidden:secret' }),
    labelled({ HAPROXY_0_AUTH: `realm:user:${HASH}` }),
  );
  expect(JSON.stringify(problem)).toContain('HAPROXY_0_AUTH');
  expect(JSON.stringify(problem)).not.toMatch(/hidden|secret/);
});
