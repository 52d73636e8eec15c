#!/bin/sh
# Random faults, changes, kills and reloads; HAProxy must hold what the cluster says after each round, and no request be lost.
# Options: --minutes N (3), --seed S (another one each time), --quiet. E.g. `npm run test:chaos -- --minutes 30 --seed 7`.
set -eu
. "$(dirname "$0")/setup.sh"
npm run --silent build
PORTOLAN_LAUNCHER="$PWD/bin/portolan"; export PORTOLAN_LAUNCHER
exec node test/fault/chaos/run.ts "$@"
