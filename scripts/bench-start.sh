#!/bin/sh
# Times and memory of `portolan render` and of whole starts of 1,000 apps × 3 tasks, beside `haproxy -c` of the same file.
set -eu
. "$(dirname "$0")/setup.sh"
exec node test/bench/render-and-start.ts "$@"
