#!/bin/bash
# The preset `minimal` configures, and what it would build names no database, socket library, HTTP
# or ns-3.   minimal_test.sh SOURCE_DIR
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --preset minimal -S "$1" -B "$work" >"$work/configure.log" 2>&1 ||
  { cat "$work/configure.log"; exit 1; }
grep -q 'libselvage_node\.a' "$work/build.ninja" || { echo "the library is not built"; exit 1; }
if grep -niE 'rocksdb|libzmq|httplib|prometheus|/ns3|libns3' "$work/build.ninja"; then
  echo "minimal needs what it must not need"; exit 1
fi
if grep -niE 'rocksdb|libzmq|httplib|prometheus|ns3' "$work/selvage.pc"; then
  echo "minimal's selvage.pc needs what it must not need"; exit 1
fi
