import { isAtLeast, type ScriptedWorker } from './scripted-worker.ts';

/** Commands about whole backends, of HAProxy 3.4 and newer; undefined: it is none, or HAProxy is older. */
export function backendCommand(worker: ScriptedWorker, words: readonly string[]): string | undefined {
  if (!isAtLeast(worker, 3, 4)) return undefined;
  const { backends, guids, unpublished } = worker;
  const [verb = '', noun = '', name = ''] = words;
  if (verb === 'dump' && noun === 'stats-file') {
    return `#stats-file 1\n#be guid,\n${[...guids.values()].map((guid) => `${guid},0\n`).join('')}`;
  }
  if (verb === 'show' && noun === 'stat') {
    const rows = [...backends.keys()].map((each) => `${each},BACKEND,UP${unpublished.has(each) ? ' (UNPUB)' : ''},\n`);
    return `# pxname,svname,status,\n${rows.join('')}`;
  }
  if (noun !== 'backend' || verb === 'show') return undefined;
  if (verb === 'add') {
    if (backends.has(name)) return `name '${name}' is already used by a proxy.\n`;
    backends.set(name, new Map());
    unpublished.add(name);
    guids.set(name, words[words.indexOf('guid') + 1] ?? '');
    return 'New backend registered.\n';
  }
  const servers = backends.get(name);
  if (servers === undefined) return 'No such backend.\n';
  if (verb === 'publish') {
    unpublished.delete(name);
    return 'Backend published.\n';
  }
  if (verb === 'unpublish') {
    unpublished.add(name);
    return 'Backend unpublished.\n';
  }
  if (!unpublished.has(name)) return 'Backend must be unpublished prior to its deletion.\n';
  if (servers.size > 0) return 'Only a backend without server can be deleted.\n';
  backends.delete(name);
  unpublished.delete(name);
  guids.delete(name);
  return 'Backend deleted.\n';
}
