import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createPeers } from '../../../src/source/peers.ts';
import { clock, json, never, startFake, text } from './rig.ts';

function peersOf(peer: readonly string[], more: { peerTokenFile?: string } = {}, deadlineMs = 300) {
  const peers = createPeers({ settings: { peer, ...more }, clock, deadlineMs });
  onTestFinished(() => peers.close());
  return peers;
}

const claims = { schema: 1, digest: 'x', claims: { 'host a.example': '/a', 'port *:10000': '/b/' } };

describe('peers', () => {
  it('tell who holds what there, and are not asked twice for the same', async () => {
    const fake = await startFake((request, response) => {
      if (request.headers['if-none-match'] === '"x"') response.writeHead(304).end();
      else json(claims, { etag: '"x"' })(request, response);
    });
    const peers = peersOf([`${fake.url}/edge`]);
    const [first] = await peers.claims(never());
    expect(first).toEqual({ url: `${fake.url}/edge`, claims: new Map(Object.entries(claims.claims)) });
    const [second] = await peers.claims(never());
    expect(second?.claims).toBe(first?.claims);
    expect(fake.seen.map(({ url }) => url)).toEqual(['/edge/v1/claims', '/edge/v1/claims']);
  });

  it('that hang, refuse, or say something else are named, and keep nobody else waiting', async () => {
    const [good, silent, stranger, refusing] = await Promise.all([
      startFake(json(claims)),
      startFake(() => undefined),
      startFake(json({ schema: 1, claims: { x: 3 } })),
      startFake(text(401, '{}')),
    ]);
    const gone = await startFake(json(claims));
    await gone.stop();
    const urls = [good, silent, stranger, refusing, gone].map(({ url }) => url);
    const answers = await peersOf(urls).claims(never());
    expect(answers.map(({ url }) => url)).toEqual(urls);
    expect(answers.map((answer) => answer.claims?.size ?? answer.detail)).toEqual([
      2,
      'no answer within 300 ms',
      'the answer is no list of claims',
      'status 401',
      expect.stringContaining('ECONNREFUSED'),
    ]);
  });

  it('get the token of the file, as it is now', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'peer-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const peerTokenFile = join(folder, 'token');
    const fake = await startFake(json(claims));
    const peers = peersOf([fake.url], { peerTokenFile });
    for (const token of ['one', 'two']) {
      await writeFile(peerTokenFile, `${token}\n`);
      await peers.claims(never());
    }
    expect(fake.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer one', 'Bearer two']);
  });
});
