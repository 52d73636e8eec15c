import { describe, expect, test } from 'vitest';
import { backendGuid } from '../../../src/haproxy/backend-guid.ts';
import { parseDynamic } from '../../../src/haproxy/runtime-backends.ts';

const FE = '#fe guid,stot,bin,\nfrontend-guid,1,2,\n\n';
const dump = (...guids: readonly string[]): string =>
  `${FE}#be guid,stot,bin,\n${guids.map((guid) => `${guid},0,0,\n`).join('')}\n#li guid,stot,\nlistener,0,\n`;
const stat = (...rows: readonly string[]): string =>
  `# pxname,svname,qcur,status,weight,\n${rows.map((row) => `${row},1,\n`).join('')}`;

describe('parseDynamic', () => {
  test('finds the profile of what was made by the digest of its name', async () => {
    const guids = [backendGuid('web_80', 'P_http'), backendGuid('db_81', 'P_hdr:28:x:29:'), 'somebody-else'];
    const seen = await parseDynamic([dump(...guids), stat()], ['web_80', 'loaded_82', 'db_81']);
    expect([...(seen?.made ?? [])]).toEqual([
      ['web_80', 'P_http'],
      ['db_81', 'P_hdr:28:x:29:'],
    ]);
  });

  test('reads what is not published', async () => {
    const text = `[WARNING] something was logged\n${stat('web_80,BACKEND,0,UP (UNPUB)', 'db_81,BACKEND,0,DOWN', 'c_82,BACKEND,0,DOWN (UNPUB)')}`;
    expect((await parseDynamic([dump(), text], []))?.unpublished).toEqual(new Set(['web_80', 'c_82']));
  });

  test.each([
    ['no dump', ['Unknown command', stat()]],
    ['no statistics', [dump(), 'Permission denied']],
    ['nothing', []],
  ])('concludes nothing from %s', async (_, replies) => {
    expect(await parseDynamic(replies, ['web_80'])).toBeUndefined();
  });
});
