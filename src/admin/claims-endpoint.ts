import { createHash } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { AppId } from '../core/app.ts';
import { byText } from '../core/order.ts';
import { rememberedLast } from '../core/remembered.ts';

/** Who holds which name on this edge; other edges ask for it, mostly to hear that it is as it was. */
export function addClaimsEndpoint(app: FastifyInstance, claims: () => ReadonlyMap<string, AppId>): void {
  const schema = {
    summary: 'Who holds which host, port and backend name, for other edges',
    tags: ['state'],
    querystring: { type: 'object', properties: {}, additionalProperties: false },
  } as const;
  app.get('/v1/claims', { schema }, async (request, reply) => {
    const { etag, body } = bodyOf(claims());
    reply.header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });
}

/** Made once for all that ask; there are as many claims as the cluster has names. */
const bodyOf = rememberedLast((claims: ReadonlyMap<string, AppId>) => {
  const text = JSON.stringify(Object.fromEntries([...claims].sort(([a], [b]) => byText(a, b))));
  const digest = createHash('sha256').update(text).digest('hex');
  return { etag: `"${digest}"`, body: `{"schema":1,"digest":"${digest}","claims":${text}}` };
});
