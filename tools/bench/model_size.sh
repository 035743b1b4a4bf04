#!/bin/sh
# Cross-compiles the anomaly model alone for a Cortex-M4 and prints the size of its code and state.
#
#     tools/bench/model_size.sh [FEATURES [LINKS]]
#
# Needs gcc-arm-none-eabi and libstdc++-arm-none-eabi-newlib; without them it says so and exits 77.
# The size of the state is asked of the compiler: the same classes, with the pointers of the device.
set -eu
features=${1:-16}
links=${2:-8}
root=$(cd "$(dirname "$0")/../.." && pwd)
compiler=${CXX_ARM:-arm-none-eabi-g++}
if ! command -v "$compiler" >/dev/null; then
  echo "model_size: no $compiler (apt install gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib)" >&2
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
flags="-std=c++17 -Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -fno-exceptions
       -fno-rtti -ffunction-sections -fdata-sections -Wall -Wextra -I$root"
for source in "$root"/agents/anomaly/*.cc; do
  # shellcheck disable=SC2086  # a list of options
  "$compiler" $flags -c "$source" -o "$work/$(basename "$source" .cc).o"
done
echo "code for Cortex-M4 (-Os), bytes:"
arm-none-eabi-size -t "$work"/*.o

# One program per form, linked with newlib: what one model of that form really brings along.
for form in Model ByteModel; do
  cat > "$work/main.cc" <<EOF
#include "agents/anomaly/model.h"
using namespace selvage::anomaly;
float input[$features];
volatile float result;
int main() {
  static $form model({nullptr, $features, {}});
  for (;;) result = model.OnSample(input).score;
}
EOF
  # shellcheck disable=SC2086
  "$compiler" $flags -fno-threadsafe-statics -Wl,--gc-sections --specs=nosys.specs \
    --specs=nano.specs "$work/main.cc" "$work"/*.o -o "$work/$form.elf" 2>"$work/link.log" ||
    { cat "$work/link.log" >&2; exit 1; }
  set -- $(arm-none-eabi-size "$work/$form.elf" | tail -1)
  echo "$form linked with its library: $1 bytes of code and constants"
done

# Bytes of state on the device: compile-time sizes of its parts, read back from the object file.
cat > "$work/state.cc" <<EOF
#define private public
#include "agents/anomaly/model.h"
#undef private
using namespace selvage::anomaly;
constexpr unsigned n = $features;
template <class M, class S> constexpr unsigned Bytes() {
  return sizeof(M) + n * sizeof(typename M::PerFeature) +
         n * (n + 1) / 2 * (sizeof(float) + sizeof(S)) + n * n * sizeof(float) +
         3 * n * sizeof(float);
}
extern "C" const unsigned state_float = Bytes<Model, float>();
extern "C" const unsigned state_int8 = Bytes<ByteModel, Log8>();
EOF
# shellcheck disable=SC2086
"$compiler" $flags -S "$work/state.cc" -o "$work/state.s"
for form in float int8; do
  bytes=$(sed -n "/^state_$form:/,/\.word/ s/.*\.word[^0-9]*\([0-9]*\).*/\1/p" "$work/state.s")
  echo "state, $form: $bytes bytes a link of $features features, $((bytes * links)) for $links links"
done
