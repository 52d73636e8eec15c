#!/bin/sh
# The fault suite in its full form: every scenario with its whole duration, and again with Portolan killed in the middle.
# Arguments are passed to vitest, e.g. `npm run test:faults -- outages`. `npm test` runs the short form. Two files at a time, which
# takes about an hour; PORTOLAN_FAULT_LANES=1 plays them one after the other.
set -eu
. "$(dirname "$0")/setup.sh"
npm run --silent build
PORTOLAN_LAUNCHER="$PWD/bin/portolan"; export PORTOLAN_LAUNCHER

PORTOLAN_FAULT_LANES="${PORTOLAN_FAULT_LANES:-2}"; export PORTOLAN_FAULT_LANES
rm -f node_modules/.cache/portolan-faults.ndjson
status=0
if [ $# -eq 0 ]; then
  PORTOLAN_FAULTS=full vitest run --project fault test/fault/suite || status=1
  node scripts/fault-table.mjs --complete || status=1
else
  PORTOLAN_FAULTS=full vitest run --project fault "$@" || status=1
  node scripts/fault-table.mjs
fi
exit "$status"
