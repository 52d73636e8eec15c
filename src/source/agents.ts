import { Agent } from 'undici';
import type { TlsMaterial } from './credentials.ts';

/** Connections to Marathon, kept while the TLS files stay the same. */
export interface AgentPool {
  agent(tls: TlsMaterial): Agent;
  close(): Promise<void>;
}

/**
 * Makes the pool. Undici's own time limits on heads and bodies are off: they tick by the half second and cannot be moved
 * while a request runs; `connectMs` is its own. Marathon speaks HTTP/1.1 only.
 */
export function createAgentPool(connectMs: number): AgentPool {
  let current: { readonly tls: TlsMaterial; readonly agent: Agent } | undefined;
  return {
    agent(tls) {
      if (current !== undefined && sameMaterial(current.tls, tls)) return current.agent;
      // Requests under way finish on the old connections.
      void current?.agent.close().catch(() => undefined);
      const { insecure, ...pems } = tls;
      const agent = new Agent({
        allowH2: false,
        headersTimeout: 0,
        bodyTimeout: 0,
        connect: { timeout: connectMs, rejectUnauthorized: !insecure, ...pems },
      });
      current = { tls, agent };
      return agent;
    },
    async close() {
      await current?.agent.destroy();
      current = undefined;
    },
  };
}

function sameMaterial(a: TlsMaterial, b: TlsMaterial): boolean {
  return a.ca === b.ca && a.cert === b.cert && a.key === b.key && a.insecure === b.insecure;
}
