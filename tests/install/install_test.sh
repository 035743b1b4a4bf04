#!/bin/bash
# Installs the build tree into a fresh prefix, builds a stranger's programs against it, once by
# find_package and once by pkg-config, and runs them.   install_test.sh BUILD_DIR CONSUMER...
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

echo "== find_package"
list=$(IFS=';'; echo "${consumers[*]}")
cmake -S "$here/consumer" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug \
  -DCMAKE_PREFIX_PATH="$prefix" -DCONSUMERS="$list" >"$work/configure.log" 2>&1 ||
  { cat "$work/configure.log"; exit 1; }
cmake --build "$work/build" >"$work/build.log" 2>&1 || { cat "$work/build.log"; exit 1; }
for program in "${consumers[@]}"; do
  "$work/build/$program"
done

echo "== pkg-config"
pc=$(find "$prefix" -name selvage.pc)
export PKG_CONFIG_PATH=${pc%/*}
for program in "${consumers[@]}"; do
  # shellcheck disable=SC2046
  ${CXX:-c++} -std=c++17 -o "$work/$program" "$here/consumer/$program.cc" \
    $(pkg-config --cflags --libs selvage)
  "$work/$program"
done

echo "== every installed header compiles alone"
for header in $(cd "$prefix/include" && find . -name '*.h'); do
  # shellcheck disable=SC2046
  echo "#include \"${header#./}\"" |
    ${CXX:-c++} -std=c++17 -fsyntax-only -x c++ $(pkg-config --cflags selvage) -
done
