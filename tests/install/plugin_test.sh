#!/bin/bash
# Installs the build tree, builds the example plug-ins against what was installed (a transport and a
# scorer), checks them with the installed programs, and lets two installed agents talk over the
# transport, also while the process that runs it is killed.   plugin_test.sh BUILD_DIR
set -euo pipefail

build=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/prefix" >"$work/install.log" ||
  { cat "$work/install.log"; exit 1; }

echo "== the contract is C"
for contract in transport scorer; do
  echo "#include <selvage/$contract.h>" | "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror \
    -fsyntax-only -x c -I"$work/prefix/include" -
done

echo "== find_package"
cmake -S "$here/plugin" -B "$work/plugin" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
  >"$work/configure.log" 2>&1 || { cat "$work/configure.log"; exit 1; }
cmake --build "$work/plugin" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
if ldd "$work/plugin/room.so" | grep -q selvage; then
  echo "the plug-in links a library of ours"; exit 1
fi

echo "== pkg-config"
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name selvage.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046
"${CC:-cc}" -shared -fPIC -o "$work/again.so" "$here/plugin/room_transport.c" \
  $(pkg-config --cflags selvage)

echo "== scorer"
# shellcheck disable=SC2046
"${CC:-cc}" -shared -fPIC -Wall -Wextra -Werror -o "$work/drift.so" "$here/scorer/drift_scorer.c" \
  $(pkg-config --cflags selvage)
cat >"$work/scorer.toml" <<END
[node]
name = "one"
state_dir = "$work/state"
[model]
scorer = "$work/drift.so"
scorer_budget_us = 10000
END
"$work/prefix/bin/selvaged" --check-config --config "$work/scorer.toml" |
  grep "drift.so scores windows of 8 samples in "

echo "== conformance"
"$work/prefix/bin/selvage" transport check "$work/plugin/room.so" --set directory="$work/room"
"$work/prefix/bin/selvage" --json transport check "$work/again.so" --only start |
  python3 -c 'import json, sys; found = json.load(sys.stdin); assert found["failed"] == 0, found'

echo "== two agents"
python3 -B "$here/../e2e/plugin.py" "$work/prefix/bin" "$work/plugin/room.so"
