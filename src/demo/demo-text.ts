import { helloApp, SITE } from './demo-apps.ts';
import type { DemoPorts, MovedPort } from './demo-ports.ts';

/** One line per port that could not be had. */
export function movedText(moved: readonly MovedPort[]): string {
  return moved.map(({ name, wanted, used }) => `Port ${wanted} (${name}) is taken, using ${used}.\n`).join('');
}

/** What can be opened and tried: URLs and curl lines that work as they are. */
export function guideText(ports: DemoPorts, marathon: string, control: string): string {
  const hello = 'hello.demo.localhost';
  const admin = `http://127.0.0.1:${ports.admin}`;
  const json = "-H 'Content-Type: application/json'";
  const ask = (host: string): string =>
    `curl -s --resolve ${host}:${ports.http}:127.0.0.1 http://${host}:${ports.http}/`;
  return `
Open
${listText([
  [`http://${SITE}:${ports.http}/`, 'the site, two tasks'],
  [`http://${SITE}:${ports.http}/api`, 'the API behind a path of the same host'],
  [`http://127.0.0.1:${ports.stats}/haproxy?stats`, "HAProxy's statistics"],
  [`${admin}/v1/status`, "Portolan's own view, also /v1/routes and /config"],
  [`${marathon}/v2/apps?embed=apps.tasks`, 'the stand-in Marathon'],
])}
Try, in another terminal
  # ask the site, see both tasks answer
  for i in 1 2 3 4; do ${ask(SITE)}; done

  # a new app; the second line waits until it is healthy, routed and served, then the first request succeeds
  curl -s -X POST ${marathon}/v2/apps ${json} -d '${JSON.stringify(helloApp())}'
  curl -s '${admin}/v1/routes/${hello}?wait=30s'
  ${ask(hello)}

  # scale it 1 -> 6 and see more and more tasks answer in turn
  curl -s -X PUT ${marathon}/v2/apps/demo/hello ${json} -d '{"instances":6}'
  for i in $(seq 18); do ${ask(hello)}; sleep 0.3; done

  # delete it: its host answers 503, and Portolan no longer knows it
  curl -s -X DELETE ${marathon}/v2/apps/demo/hello
  sleep 2; ${ask(hello)}
  curl -s ${admin}/v1/routes/${hello}

  # the TCP service
  printf 'ping\\n' | timeout 1 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${ports.echo}; cat >&3; cat <&3'

  # Marathon dies (connection refused), the site serves on, Marathon comes back. Other faults: curl -s ${control}/faults
  curl -s -X PUT ${control}/faults/all/refuse
  ${ask(SITE)}
  curl -s -X DELETE ${control}/faults

`;
}

/** Two columns, the first as wide as its longest entry. */
function listText(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}\n`).join('');
}
