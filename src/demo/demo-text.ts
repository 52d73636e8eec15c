import { helloApp, SITE } from './demo-apps.ts';
import type { DemoPorts, MovedPort } from './demo-ports.ts';

/** One line per port that could not be had. */
export function movedText(moved: readonly MovedPort[]): string {
  return moved.map(({ name, wanted, used }) => `Port ${wanted} (${name}) is taken, using ${used}.\n`).join('');
}

/** What can be opened and tried: URLs and curl lines that work as they are. */
export function guideText(ports: DemoPorts, marathon: string, control: string): string {
  const hello = 'hello.demo.localhost';
  const resolve = (host: string): string => `--resolve ${host}:${ports.http}:127.0.0.1`;
  const json = "-H 'Content-Type: application/json'";
  return `
Open
  http://${SITE}:${ports.http}/         the site, two tasks
  http://${SITE}:${ports.http}/api      the API behind a path of the same host
  http://127.0.0.1:${ports.stats}/                    HAProxy's statistics
  http://127.0.0.1:${ports.admin}/v1/status           Portolan's own view, also /v1/routes and /config
  ${marathon}/v2/apps?embed=apps.tasks       the stand-in Marathon

Try, in another terminal
  # ask the site, see both tasks answer
  for i in 1 2 3 4; do curl -s ${resolve(SITE)} http://${SITE}:${ports.http}/; done

  # a new app: routed as soon as it is healthy
  curl -s -X POST ${marathon}/v2/apps ${json} -d '${JSON.stringify(helloApp())}'
  curl -s ${resolve(hello)} http://${hello}:${ports.http}/

  # scale it 1 -> 6 and see the answers rotate
  curl -s -X PUT ${marathon}/v2/apps/demo/hello ${json} -d '{"instances":6}'
  for i in 1 2 3 4 5 6; do curl -s ${resolve(hello)} http://${hello}:${ports.http}/; done

  # delete it: its host answers 503, then is gone
  curl -s -X DELETE ${marathon}/v2/apps/demo/hello

  # the TCP service
  printf 'ping\\n' | timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${ports.echo}; cat >&3; cat <&3'

  # Marathon dies (connection refused) and comes back: the routes serve on. Other faults: curl ${control}/faults
  curl -s -X PUT ${control}/faults/all/refuse
  curl -s -X DELETE ${control}/faults

`;
}
