#!/bin/sh
# Everything that must be green: checks, then every level of tests. Ends with a line "N passed, N failed, N skipped".
# Arguments are passed to vitest, e.g. `npm test -- --project unit`.
set -eu
. "$(dirname "$0")/setup.sh"

results=node_modules/.cache/portolan-test-results.json
rm -f "$results" node_modules/.cache/portolan-faults.ndjson
status=0
unclean=0
if [ $# -eq 0 ]; then
  printf '== checks: format and lint, types, dependency rules, dead code\n'
  npm run --silent check || { status=1; unclean=1; }
fi
# What ships is what runs in the tests that start Portolan itself, and it starts in a third of the time.
npm run --silent build || status=1
PORTOLAN_LAUNCHER="$PWD/bin/portolan"; export PORTOLAN_LAUNCHER
printf '== tests\n'
vitest run --reporter=default --reporter=json --outputFile.json="$results" "$@" || status=1
node scripts/fault-table.mjs
node scripts/closing-line.mjs "$results" "$status" "$unclean"
exit "$status"
