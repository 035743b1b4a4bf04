#!/bin/bash
# What tools/build does about missing packages, with dpkg-query, id and sudo played by functions.
#   packages_test.sh SOURCE_DIR
set -uo pipefail
source "$1/tools/lib/build.sh"
LOG=$(mktemp)
trap 'rm -f "$LOG"' EXIT
failures=0

expect() {  # what, got, wanted
  [[ $2 == "$3" ]] || { echo "$1: got \"$2\", wanted \"$3\""; failures=$((failures + 1)); }
}

ABSENT=""  # names that are not installed
dpkg-query() {
  local name
  for name in "${@:3}"; do
    [[ " $ABSENT " == *" $name "* ]] || echo "$name installed"
  done
}
id() { echo 1000; }
sudo() { return 1; }
apt-get() { echo "apt-get was called"; exit 99; }

expect "nothing missing" "$(install_missing </dev/null; echo "$INSTALLED")" "0"

ABSENT="libzmq3-dev"
said=$(install_missing </dev/null); status=$?
expect "a needed package and no way to install it: status" "$status" "1"
expect "a needed package and no way to install it: advice" "$(tail -n 1 <<<"$said")" \
  "  apt-get update && apt-get install -y --no-install-recommends libzmq3-dev"

ABSENT="libns3-dev"
said=$(install_missing </dev/null); status=$?
expect "ns-3 alone: status" "$status" "0"
expect "ns-3 alone: advice" "$(tail -n 1 <<<"$said")" \
  "Only ns-3 is missing: building all but selvage-sim."

ABSENT="cmake ns3"
expect "needed ones" "$(missing_packages needed | xargs)" "cmake"
expect "all" "$(missing_packages all | xargs)" "cmake ns3"

# As root: installs what is missing and nothing else.
id() { echo 0; }
CALLS=$(mktemp)
env() { shift; "$@"; }
apt-get() {
  echo "apt-get $*" >>"$CALLS"
  [[ $1 == install ]] && ABSENT=""
  return 0
}
ABSENT="libgsl-dev ninja-build"
install_missing </dev/null >/dev/null
expect "as root: installed" "$INSTALLED" "1"
expect "as root: calls" "$(paste -sd';' "$CALLS")" \
  "apt-get update -q;apt-get install -y -q --no-install-recommends libgsl-dev ninja-build"
: >"$CALLS"
install_missing </dev/null >/dev/null
expect "as root, again: calls" "$(cat "$CALLS")" ""
rm -f "$CALLS"

((failures == 0)) && echo "package checks hold"
exit $((failures > 0))
