#!/bin/sh
# Times and memory, each beside its yardstick. Results also go to test/bench/results/.
set -eu
. "$(dirname "$0")/setup.sh"
exec node test/bench/start.ts "$@"
