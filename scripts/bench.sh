#!/bin/sh
# How soon Portolan acts and what it costs, each figure beside its yardstick. Results also go to test/bench/results/.
# Options: see test/bench/options.ts, e.g. `npm run bench -- --quick`. HAPROXY: the HAProxy to measure with.
set -eu
. "$(dirname "$0")/setup.sh"
# What ships is measured: Node reads TypeScript too, but that takes memory and time of its own.
say "building dist/"
npm run --silent build
# The stand-in Marathon and the clients live in the bench's own process: their garbage must not hold up what is measured.
exec node --max-semi-space-size=64 test/bench/bench.ts "$@"
