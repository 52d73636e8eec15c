import { connect } from 'node:net';
import { join } from 'node:path';

/** Where the API listens for the owner of the state folder. */
export const adminSocketPath = (stateDir: string): string => join(stateDir, 'admin.sock');

/** Whether another Portolan serves this state folder. */
export const isServed = (stateDir: string): Promise<boolean> => answers(adminSocketPath(stateDir));

/** Whether somebody listens on a UNIX socket; a file that a killed process left does not. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
