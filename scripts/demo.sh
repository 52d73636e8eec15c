#!/bin/sh
# The whole of Portolan on this machine: a stand-in Marathon, real tasks, a real HAProxy. Ctrl-C ends all of it.
set -eu
. "$(dirname "$0")/setup.sh"
exec node src/main.ts demo "$@"
