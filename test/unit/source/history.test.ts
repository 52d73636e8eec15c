import { describe, expect, it } from 'vitest';
import type { AppId, Version } from '../../../src/core/app.ts';
import { carriesClaim, oldestHolder } from '../../../src/core/claim-age.ts';
import { app, json, never, settings, startFake, startSource, text } from './rig.ts';

const id = '/web' as AppId;
const YEARS = ['2021', '2022', '2023'].map((year) => `${year}-01-01T00:00:00.000Z`);
const definition = (version: string, host: string) => ({
  ...app('/web', version),
  tasks: undefined,
  labels: { HAPROXY_GROUP: 'external', HAPROXY_0_VHOST: host },
});
const hosts: Readonly<Record<string, string>> = {
  '2021': 'other.example',
  '2022': 'www.example,*.shop.example',
  '2023': 'www.example',
};
const asks = (key: string) => (value: unknown) => carriesClaim(value, key, settings([]));

/** A Marathon that knows three versions of one app. */
const startMarathon = () =>
  startFake((request, response) => {
    const url = decodeURIComponent(request.url ?? '');
    if (url === '/v2/apps/web/versions') return json({ versions: YEARS.toReversed() })(request, response);
    const version = /^\/v2\/apps\/web\/versions\/(.*)$/.exec(url)?.[1];
    const host = version === undefined ? undefined : hosts[version.slice(0, 4)];
    if (version === undefined || host === undefined)
      return text(404, `{"message":"App '/web' does not exist"}`)(request, response);
    return json(definition(version, host))(request, response);
  });

describe('the versions of an app', () => {
  it('tell since when it has asked for a name, and no further ones are read', async () => {
    const marathon = await startMarathon();
    const { source } = startSource([marathon.url]);
    expect(await source.earliest?.(id, asks('host www.example'), never())).toBe(YEARS[1]);
    expect(marathon.seen).toHaveLength(3);
    expect(await source.earliest?.(id, asks('host .shop.example'), never())).toBe(YEARS[1]);
    expect(await source.earliest?.(id, asks('host other.example'), never())).toBe(YEARS[0]);
    expect(await source.earliest?.(id, asks('backend web_10000'), never())).toBe(YEARS[0]);
  });

  it('that never asked for it, or are gone, are none', async () => {
    const { source } = startSource([(await startMarathon()).url]);
    expect(await source.earliest?.(id, asks('host never.example'), never())).toBe('none');
    expect(await source.earliest?.('/gone' as AppId, asks('host www.example'), never())).toBe('none');
  });

  it('that cannot be read tell nothing', async () => {
    const { source } = startSource([(await startFake(text(500, 'x'))).url]);
    expect(await source.earliest?.(id, asks('host www.example'), never())).toBeUndefined();
  });
});

it('who asked first has it; of several at once, the first by id', () => {
  const age = (holder: string, since: string) => ({ holder: holder as AppId, since: since as Version });
  expect(oldestHolder([age('/a', '2023'), age('/b', '2022')])).toBe('/b');
  expect(oldestHolder([age('/b', '2022'), age('/a', '2022')])).toBe('/a');
});
