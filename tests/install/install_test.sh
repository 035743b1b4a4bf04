#!/bin/bash
# Installs the build tree into a fresh prefix, builds a stranger's programs against it, once by
# find_package and once by pkg-config, and runs them.   install_test.sh BUILD_DIR CONSUMER_SOURCE...
# node_consumer and c_consumer get the states of two admitted nodes and two free ports.
set -euo pipefail

build=$1; shift
consumers=("$@")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build" --prefix "$work/first" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
mv "$work/first" "$work/moved"  # an installed tree may be moved
prefix=$work/moved
if find "$prefix" -name '*selvage-sim*' | grep -q .; then
  echo "selvage-sim was installed: it links ns-3 and must not be"; exit 1
fi
if grep -rn "$build" "$prefix" --include='*.cmake' --include='*.pc'; then
  echo "an installed file names the build tree"; exit 1
fi

run() {  # the program's path
  local name=${1##*/}
  if [[ $name != node_consumer && $name != c_consumer ]]; then "$1"; return; fi
  local net; net=$(mktemp -d -p "$work")
  "$prefix/bin/selvage" network create "$net/net" --name test >/dev/null
  for node in a b; do
    "$prefix/bin/selvage" network admit "$net/net" --name $node --out "$net/$node" >/dev/null
  done
  # shellcheck disable=SC2046
  "$1" "$net/a" "$net/b" $(python3 -c '
import socket
held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
for port in held: port.bind(("127.0.0.1", 0))
print(*(port.getsockname()[1] for port in held))')
}

echo "== find_package"
list=$(IFS=';'; echo "${consumers[*]}")
cmake -S "$here/consumer" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMERS="$list" >"$work/configure.log" 2>&1 ||
  { cat "$work/configure.log"; exit 1; }
cmake --build "$work/build" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
for source in "${consumers[@]}"; do
  run "$work/build/${source%.*}"
done

echo "== pkg-config"
pc=$(find "$prefix" -name selvage.pc)
export PKG_CONFIG_PATH=${pc%/*}
for source in "${consumers[@]}"; do
  program=${source%.*}
  case $source in *.c) compile=(${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L) ;;
                  *) compile=(${CXX:-c++} -std=c++17) ;; esac
  # shellcheck disable=SC2046
  "${compile[@]}" -c -o "$work/$program.o" "$here/consumer/$source" $(pkg-config --cflags selvage)
  # shellcheck disable=SC2046
  ${CXX:-c++} -o "$work/$program" "$work/$program.o" $(pkg-config --libs selvage)
  run "$work/$program"
done

echo "== every installed header compiles alone"
for header in $(cd "$prefix/include" && find . -name '*.h'); do
  # shellcheck disable=SC2046
  echo "#include \"${header#./}\"" |
    ${CXX:-c++} -std=c++17 -fsyntax-only -x c++ $(pkg-config --cflags selvage) -
done
