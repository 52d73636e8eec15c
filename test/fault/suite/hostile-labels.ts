import type { AppView } from '../../../src/core/apps-view.ts';
import type { Json } from '../../../src/demo/json.ts';
import { type ManyProbers, startManyProbers } from '../../support/many-probers.ts';
import { customerApp } from '../../support/platform.ts';
import { get, until } from '../../support/portolan-process.ts';
import type { Scenario, Stage } from './scenario.ts';
import { FULL } from './stage.ts';

const ID = '/extra/hostile';
const HOST = 'hostile.fault.example';
const HASH = '$5$salt$Gcm6FsVtF/Qa77ZKD.iwsJlCVPY0XSMgLJL0Hnww/c1';
/** What the app has while nothing is wrong with it. */
const RIGHT: Readonly<Record<string, string>> = {
  HAPROXY_0_VHOST: HOST,
  HAPROXY_0_PATH: '/',
  HAPROXY_0_BALANCE: 'leastconn',
  HAPROXY_0_MODE: 'http',
  HAPROXY_0_BACKEND_NETWORK_ALLOWED_ACL: '127.0.0.0/8',
};

/** A label as it must not be. `short`: also in the short form. */
interface Spoilt {
  readonly what: string;
  readonly label: string;
  readonly value: string;
  readonly short?: true;
}
const spoilt = (what: string, label: string, value: string): Spoilt => ({ what, label: `HAPROXY_${label}`, value });
const also = (one: Spoilt): Spoilt => ({ ...one, short: true });

const VARIANTS: readonly Spoilt[] = [
  spoilt('a no-break space in a host', '0_VHOST', 'hostile\u00a0.fault.example'),
  also(spoilt('a line break and a section', '0_VHOST', `${HOST}\nfrontend evil\n  bind *:1`)),
  spoilt('a break that was typed', '0_VHOST', `${HOST}\\nother.example`),
  spoilt('quotes', '0_VHOST', `"${HOST}"`),
  spoilt('a host of 10 kB', '0_VHOST', `${'a'.repeat(10_000)}.example`),
  spoilt('an emoji', '0_VHOST', '🎉.fault.example'),
  spoilt('a URL', '0_VHOST', `http://${HOST}/`),
  spoilt('a blank', '0_VHOST', `${HOST} other.example`),
  spoilt('NUL', '0_VHOST', `${HOST}\u0000`),
  spoilt('nothing but commas', '0_VHOST', ', ,'),
  spoilt('a sample of HAProxy’s', '0_VHOST', '%[env(PATH)]'),
  spoilt('a brace', '0_PATH', '/a } or { always_true'),
  spoilt('no slash', '0_PATH', 'a'),
  spoilt('a flag', '0_PATH', '-m reg .*'),
  spoilt('a line of its own', '0_PATH', '/\n  server evil 10.0.0.9:80'),
  spoilt('an unknown balance', '0_BALANCE', 'fairest'),
  spoilt('a directive', '0_BALANCE', 'leastconn\n  timeout server 1ms'),
  spoilt('a mode that nobody knows', '0_MODE', 'https'),
  spoilt('a network that is none', '0_BACKEND_NETWORK_ALLOWED_ACL', '127.0.0.0/8 everybody'),
  spoilt('a network and more', '0_BACKEND_NETWORK_ALLOWED_ACL', '127.0.0.0/8 } or { always_true'),
  spoilt('a name in place of an address', '0_BIND_ADDR', 'localhost'),
  spoilt('the backend of another app', '0_PORT', 'fault_app-1_10001'),
  spoilt('no port', '0_PORT', '65536'),
  spoilt('a word that is nearly true', '0_ENABLED', 'ture'),
  also(spoilt('a certificate outside its folder', '0_SSL_CERT', '../../etc/shadow')),
  spoilt('a label that is HAProxy’s words', '0_BACKEND_HEAD', `acl x hdr(host) ${HASH}`),
];

const defined = (more: Readonly<Record<string, string>> = {}) =>
  customerApp(ID, { instances: 1, taskKillGracePeriodSeconds: 3, labels: { ...RIGHT, ...more } });

const appOf = async ({ portolan }: Stage, id: string): Promise<AppView | undefined> =>
  ((await portolan.admin('/v1/apps')).body as { readonly apps?: readonly AppView[] }).apps?.find(
    (app) => app.id === id,
  );

/** What the API says of a label of the app. */
const problemOf = async (stage: Stage, label: string): Promise<string | undefined> =>
  (await appOf(stage, ID))?.problems.find((problem) => problem.label === label)?.message;

/** An app of somebody else, whose host is another one each time. */
const OTHER = '/extra/neighbour';
const otherHost = (turn: number): string => `neighbour-${turn}.fault.example`;
const neighbour = (turn: number) => customerApp(OTHER, { labels: { HAPROXY_0_VHOST: otherHost(turn) } });

/** Which label is wrong, whose, and that nobody else has to wait for it. Gives how long somebody else waited, in ms. */
async function play(stage: Stage, { what, label, value }: Spoilt, turn: number): Promise<number> {
  const { marathon, portolan } = stage;
  await marathon.put(ID, { labels: defined({ [label]: value })['labels'] as Json }, true);
  const message = await until(`${what}: the API names ${label}`, () => problemOf(stage, label), 30_000);
  if (!message.includes(label)) throw new Error(`${what}: ${message}`);
  const began = performance.now();
  await marathon.put(OTHER, { labels: neighbour(turn)['labels'] as Json }, true);
  await until(
    `${what}: the neighbour’s change is live`,
    async () => (await stage.ask(otherHost(turn))) === 200,
    30_000,
  );
  const waited = performance.now() - began;
  await marathon.settled();
  const { status, text } = await get(portolan.ports.http, '/', { host: HOST });
  if (status !== 200 || !text.includes(ID)) throw new Error(`${what}: its old form answers ${status} ${text}`);
  return waited;
}

/** The middle one: a machine that does something else for a second says nothing about labels. */
const middle = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0;

/** One label after the other; the app itself is asked all the time, too. */
export function hostileLabels(): Scenario {
  let probers: ManyProbers | undefined;
  const variants = VARIANTS.filter(({ short }) => FULL || short);
  return {
    name: `${variants.length} labels that nobody can understand, one after the other`,
    rows: ['4', 'I6'],
    seconds: { full: 60, short: 3 },
    prepare: async (stage) => {
      await stage.marathon.post(defined());
      await stage.marathon.post(neighbour(0));
      await until('it is served', async () => (await stage.ask(HOST)) === 200, 30_000);
      await stage.marathon.settled();
      probers = startManyProbers(stage.portolan.ports.http, 20, [{ host: HOST, app: ID }]);
      await probers.take();
    },
    inject: async () => undefined,
    during: async (stage) => {
      const waited: number[] = [];
      for (const [turn, variant] of variants.entries()) waited.push(await play(stage, variant, turn + 1));
      const shown = `${Math.round(middle(waited))} ms, at most ${Math.round(Math.max(...waited))} ms`;
      stage.says(`changes of others live after ${shown}`);
      if (middle(waited) > 2_000) throw new Error(`others waited ${shown}`);
    },
    heal: async ({ marathon }) => {
      await marathon.put(ID, { labels: defined()['labels'] as Json }, true);
      await marathon.settled();
    },
    after: async (stage) => {
      const seen = await probers?.take();
      stage.says(`its old form answered ${seen?.asked} more requests, ${seen?.failed} failed`);
      return seen?.failed === 0 ? undefined : seen?.failures.join('\n');
    },
    tidy: async ({ marathon }) => {
      probers?.stop();
      probers = undefined;
      for (const id of [ID, OTHER]) await marathon.delete(id);
      await marathon.settled();
    },
  };
}
