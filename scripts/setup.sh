#!/bin/sh
# Brings a fresh Debian machine to where Portolan's commands run: HAProxy, openssl, the npm packages and the Node they ship.
# Does only what is missing, says what it does, and may be run again at any time. Sourced by demo.sh and test.sh.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
# Where Debian keeps haproxy and ldconfig; an ordinary user's PATH lacks it.
PATH="$PATH:/usr/sbin:/sbin"; export PATH

missing=""
command -v haproxy >/dev/null 2>&1 || missing="$missing haproxy"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
# Node's own binary from npm links libatomic.
ldconfig -p 2>/dev/null | grep -q 'libatomic\.so\.1' || missing="$missing libatomic1"
if [ -n "$missing" ]; then
  if ! command -v apt-get >/dev/null 2>&1; then
    say "needed but not found:$missing. This script installs with apt-get only: install them by hand and run it again."; exit 1
  fi
  sudo=""
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || { say "needed but not found:$missing. Run as root: apt-get install$missing"; exit 1; }
    sudo="sudo"
  fi
  say "installing with apt-get:$missing"
  $sudo apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends ca-certificates $missing >/dev/null
fi
haproxy=$(haproxy -v 2>/dev/null | sed -nE '1s/^HA-?Proxy version ([^ ]+).*/\1/p')
[ -n "$haproxy" ] || { say "haproxy is installed but does not run: 'haproxy -v' gave no version"; exit 1; }

stamp=node_modules/.portolan-lock
if ! cmp -s package-lock.json "$stamp" || ! node_modules/.bin/node -v >/dev/null 2>&1; then
  say "installing npm packages (with Node itself) from package-lock.json"
  # A machine-wide ignore-scripts would leave out the node package's binary.
  npm ci --no-audit --no-fund --loglevel=error --ignore-scripts=false >&2
  cp package-lock.json "$stamp"
fi
PATH="$PWD/node_modules/.bin:$PATH"; export PATH
node_version=$(node_modules/.bin/node -v 2>/dev/null || true)
case "$node_version" in
  v2[4-9].*|v[3-9][0-9].*) ;;
  *) say "the Node of node_modules is '$node_version', 24 or newer is needed: remove node_modules and run again"; exit 1 ;;
esac
say "HAProxy $haproxy, Node $node_version"
