import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * How a marked line is refused: with the number of the line, with nothing but the name of its proxy, or without a word that
 * tells whose it is. Where a configuration holds marks of several kinds, the first kind here is refused.
 */
export const PICKY_MARKS = { line: '/picky-line', name: '/picky-name', mute: '/picky-mute' } as const;
/** A part of host names, which are in maps, that is refused without a word. The socket takes them. */
export const PICKY_HOST = 'picky-host';

/**
 * Writes a HAProxy into `folder` that is the real one, but for `-c`, where it also refuses lines that hold a mark. Every check is
 * a line in `checks` beside it. Gives its path.
 */
export async function writePickyHaproxy(folder: string): Promise<string> {
  const real = process.env['HAPROXY'] ?? 'haproxy';
  const path = join(folder, 'haproxy');
  await writeFile(
    path,
    `#!/bin/sh
# Where haproxy is not on the PATH that a service has.
PATH=$PATH:/usr/local/sbin:/usr/sbin
[ "$1" = -c ] || exec ${real} "$@"
echo checked >>'${join(folder, 'checks')}'
cfg="$3/haproxy.cfg"
marked=$(grep -n -- '${PICKY_MARKS.line}' "$cfg" | cut -d: -f1)
for line in $marked; do
  echo "[ALERT]    ($$) : config : parsing [haproxy.cfg:$line] : this line is not to my taste." >&2
done
[ -z "$marked" ] || exit 1
names=$(awk '/^(backend|frontend) /{name = $2} /${PICKY_MARKS.name.replaceAll('/', '\\/')}/{print name}' "$cfg" | tr -d "'\\"")
for name in $names; do
  echo "[ALERT]    ($$) : config : Proxy '$name': something in it is not to my taste." >&2
done
[ -z "$names" ] || exit 1
if grep -q -- '${PICKY_MARKS.mute}' "$cfg" || grep -q '${PICKY_HOST}' "$3"/maps/*; then
  echo "[ALERT]    ($$) : config : Fatal errors found in configuration." >&2
  exit 1
fi
exec ${real} "$@"
`,
  );
  await chmod(path, 0o755);
  return path;
}
