#!/bin/sh
# Unpacks other HAProxy versions of Debian beside the system's own, with the libraries they were built for. Nothing is
# installed: apt works on lists and archives of its own below the folder.
#
#   sh test/support/haproxy-versions.sh FOLDER 3.0 3.2
#
# Prints one line per version: minor, full version, path of an executable that behaves like `haproxy`. Fails when a wanted
# minor cannot be had. What is there already is used as it is, without a look at the network.
# SUITES: where to look, in this order.
set -eu

say() { printf 'haproxy-versions: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

[ $# -ge 2 ] || die "usage: $0 FOLDER MINOR..., e.g. $0 /tmp/haproxy 3.0 3.2"
mkdir -p "$1"
folder=$(cd "$1" && pwd)
shift
suites=${SUITES:-trixie trixie-backports forky sid}

# `3.0.11-1+deb13u3` of a haproxy binary that runs, nothing otherwise.
version_of() { "$1" -v 2>/dev/null | sed -nE '1s/^HA-?Proxy version ([^ ]+).*/\1/p'; }

# The Debian mirror that the system itself uses.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
    sed -nE '/^[[:space:]]*(deb |URIs:)/p' | grep -oE 'https?://[^ ]*/debian/?( |$)' | head -n 1 | tr -d ' '
}

# apt on the lists of one suite only. An empty status file: nothing counts as installed, so all libraries come along.
apt_of() {
  suite=$1 tool=$2
  shift 2
  own="$folder/.apt/$suite"
  "$tool" -q \
    -o "Dir::Etc::sourcelist=$own/sources.list" -o Dir::Etc::sourceparts=- \
    -o Dir::Etc::preferences=- -o Dir::Etc::preferencesparts=- \
    -o "Dir::State::lists=$own/lists" -o "Dir::State::status=$own/status" \
    -o "Dir::Cache=$own/cache" -o "Dir::Log=$own/log" \
    -o APT::Sandbox::User= -o APT::Default-Release= -o Debug::NoLocking=1 "$@"
}

# Lists of a suite, fetched once. False where there is no such suite.
have_lists() {
  own="$folder/.apt/$1"
  [ ! -e "$own/fetched" ] || return 0
  site=$(mirror)
  [ -n "$site" ] || die "no Debian mirror in the system's apt sources"
  mkdir -p "$own/lists/partial" "$own/cache/archives/partial" "$own/log"
  : >"$own/status"
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  signed=""
  [ ! -e "$keyring" ] || signed="[signed-by=$keyring] "
  printf 'deb %s%s %s main\n' "$signed" "$site" "$1" >"$own/sources.list"
  say "reading what $1 has"
  apt_of "$1" apt-get update -o Acquire::Languages=none -o APT::Update::Error-Mode=any >"$own/log/update" 2>&1 || return 1
  : >"$own/fetched"
}

# Full package version of a minor in a suite, nothing where it has none.
offered() {
  apt_of "$1" apt-cache madison haproxy 2>/dev/null |
    awk -F'|' -v minor="$2." '{ gsub(/ /, "", $2); if (index($2, minor) == 1) { print $2; exit } }'
}

# Downloads haproxy with everything it needs and unpacks it all into one tree.
unpack() {
  suite=$1 version=$2 tree=$3
  say "unpacking haproxy $version of $suite"
  own="$folder/.apt/$suite"
  rm -rf "$own/cache/archives"
  mkdir -p "$own/cache/archives/partial"
  apt_of "$suite" apt-get install --download-only --yes --no-install-recommends "haproxy=$version" \
    >"$own/log/download" 2>&1 || { tail -n 5 "$own/log/download" >&2; return 1; }
  rm -rf "$tree"
  mkdir -p "$tree"
  for archive in "$own"/cache/archives/*.deb; do dpkg-deb -x "$archive" "$tree"; done
  rm -rf "$own/cache/archives"
}

# Runs the tree's binary by the tree's own loader. argv[0] is the wrapper: HAProxy's master executes it again at a reload.
wrap() {
  tree=$1 wrapper=$2
  binary=$(find "$tree" -path '*/sbin/haproxy' -type f | head -n 1)
  loader=$(find "$tree" -name 'ld-linux*.so.*' \( -type f -o -type l \) -path '*-linux-gnu*' | head -n 1)
  [ -n "$binary" ] && [ -n "$loader" ] || return 1
  libraries=$(find "$tree" -name '*.so.*' -path '*-linux-gnu*' ! -path '*/share/*' -exec dirname {} + | sort -u | tr '\n' ':')
  cat >"$wrapper.new" <<END
#!/bin/sh
exec '$loader' --argv0 '$wrapper' --library-path '${libraries%:}' '$binary' "\$@"
END
  chmod 755 "$wrapper.new"
  mv "$wrapper.new" "$wrapper"
}

obtain() {
  minor=$1 wrapper=$2
  for suite in $suites; do
    have_lists "$suite" || { say "$suite cannot be had"; continue; }
    version=$(offered "$suite" "$minor")
    [ -n "$version" ] || continue
    unpack "$suite" "$version" "$folder/$minor" && wrap "$folder/$minor" "$wrapper" && return 0
  done
  return 1
}

for minor in "$@"; do
  wrapper="$folder/haproxy-$minor"
  case "$(version_of "$wrapper")" in
    "$minor".*) ;;
    *) obtain "$minor" "$wrapper" || die "HAProxy $minor cannot be had from: $suites" ;;
  esac
  version=$(version_of "$wrapper")
  case "$version" in
    "$minor".*) printf '%s %s %s\n' "$minor" "$version" "$wrapper" ;;
    *) die "$wrapper does not run, or is '$version' instead of $minor" ;;
  esac
done
