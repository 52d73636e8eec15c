// The least that a router of Marathon's can do, in a process of its own: follows the event stream, fetches every app that an event
// names, five times a second at most, and does nothing with it. `node reader.ts URL`, until it is ended.
import { EventSource } from 'eventsource';
import { Agent, fetch, request } from 'undici';
import { ROUTING_EVENTS } from '../../src/source/marathon-events.ts';
import { appWithTasksPath } from '../../src/source/paths.ts';

const [url = ''] = process.argv.slice(2);
const dispatcher = new Agent();
const named = new Set<string>();
const types = ROUTING_EVENTS.map((type) => `event_type=${type}`).join('&');
const source = new EventSource(`${url}/v2/events?plan-format=light&${types}`, {
  fetch: (target, init) => fetch(String(target), { headers: init.headers, dispatcher }),
});

function hear({ data }: { readonly data: string }): void {
  const { appId, runSpecId, appDefinition, taskStatus, condition } = JSON.parse(data) as Readonly<
    Record<string, string> & { readonly appDefinition?: { readonly id: string } }
  >;
  const app = appId ?? runSpecId ?? appDefinition?.id;
  // Portolan does not look either.
  if (app !== undefined && taskStatus !== 'TASK_STARTING' && condition !== 'Starting') named.add(app);
}
for (const type of ROUTING_EVENTS) source.addEventListener(type, hear);

async function read(app: string): Promise<void> {
  const { body } = await request(`${url}${appWithTasksPath(app)}`, { dispatcher });
  JSON.parse(await body.text());
}

setInterval(() => {
  const apps = [...named];
  named.clear();
  for (const app of apps) void read(app);
}, 200);
