import { path, peerUrls } from './settings-kinds.ts';
import type { SettingsTable } from './settings-spec.ts';

/** Other edges of the same cluster, which must not give one name to two apps. */
export const PEER_SETTINGS = {
  peer: {
    flag: 'peer',
    kind: peerUrls,
    help: 'admin API of another edge of the same Marathon; asked who holds which name where this one does not know, and compared with it',
    example: 'http://10.0.0.2:9092',
  },
  peerTokenFile: {
    flag: 'peer-token-file',
    kind: path,
    help: 'file with the bearer token that the admin APIs of the peers ask for; read again when it changes',
    example: '/etc/portolan/peer-token',
  },
} as const satisfies Partial<SettingsTable>;
