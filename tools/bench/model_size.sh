#!/bin/sh
# Cross-compiles the anomaly model alone for a Cortex-M4 and prints the size of its code and state.
#
#     tools/bench/model_size.sh [FEATURES [LINKS]]
#
# Needs gcc-arm-none-eabi and libstdc++-arm-none-eabi-newlib; without them it says so and exits 77.
# The size of the state is asked of the compiler: the same classes, with the pointers of the device.
# With qemu-system-arm also the instructions a sample takes: QEMU counts one nanosecond for each.
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

if ! command -v qemu-system-arm >/dev/null; then
  echo "instructions: not counted (apt install qemu-system-arm)"
  exit 0
fi
# Bare metal on Arm's MPS2 board with a Cortex-M4: SysTick runs at 25 MHz, so 40 instructions a tick.
for form in Model ByteModel; do
  cat > "$work/count.cc" <<EOF
#include <cstdint>
#include "agents/anomaly/model.h"
using namespace selvage::anomaly;
namespace {
constexpr int kRows = 256;
constexpr int kWarm = 1000;  // samples: tails and baselines are in use
constexpr int kCounted = 2000;
float rows[kRows][$features];
std::uint32_t state = 1;
float Noise() {  // about normal: the sum of four uniform numbers
  float sum = -2;
  for (int i = 0; i < 4; ++i) {
    state = state * 1664525u + 1013904223u;
    sum += static_cast<float>(state >> 8) / (1 << 24);
  }
  return 1.7F * sum;
}
volatile std::uint32_t* const kControl = reinterpret_cast<std::uint32_t*>(0xE000E010);
volatile std::uint32_t* const kReload = reinterpret_cast<std::uint32_t*>(0xE000E014);
volatile std::uint32_t* const kValue = reinterpret_cast<std::uint32_t*>(0xE000E018);
void Semihost(int operation, const void* argument) {
  register int r0 asm("r0") = operation;
  register const void* r1 asm("r1") = argument;
  asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
}
}  // namespace
int main() {
  for (auto& row : rows) {
    for (float& value : row) value = 50 + Noise();
  }
  $form& model = *new $form({nullptr, $features, {}});  // no end, no destructor
  for (int i = 0; i < kWarm; ++i) model.OnSample(rows[i % kRows]);
  *kReload = 0xFFFFFF;
  *kValue = 0;
  *kControl = 5;  // on, by the processor's clock
  std::uint32_t ticks = 0;
  std::uint32_t before = *kValue;
  for (int i = 0; i < kCounted; ++i) {
    model.OnSample(rows[i % kRows]);
    const std::uint32_t after = *kValue;  // counts down, 24 bits
    ticks += (before - after) & 0xFFFFFF;
    before = after;
  }
  char text[12];
  char* at = text + sizeof(text);
  *--at = 0;
  std::uint32_t count = ticks / kCounted * 40;
  do *--at = static_cast<char>('0' + count % 10); while ((count /= 10) != 0);
  Semihost(4, at);  // SYS_WRITE0
  Semihost(0x18, reinterpret_cast<const void*>(0x20026));  // SYS_EXIT, ADP_Stopped_ApplicationExit
  for (;;) {}
}
extern "C" void Start() {
  *reinterpret_cast<volatile std::uint32_t*>(0xE000ED88) = 0xF << 20;  // CPACR: the FPU is on
  asm volatile("dsb; isb");
  main();
}
extern "C" const std::uintptr_t kVectors[2] __attribute__((section(".vectors"), used)) = {
    0x20300000, reinterpret_cast<std::uintptr_t>(&Start)};
EOF
  # shellcheck disable=SC2086
  "$compiler" $flags -fno-threadsafe-statics -Wno-register -Wno-pedantic -nostartfiles \
    -Wl,--gc-sections -Wl,--section-start=.vectors=0 -Wl,-Ttext=0x400 -Wl,-Tdata=0x20000000 \
    -Wl,--entry=Start -Wl,-u,kVectors --specs=nosys.specs --specs=nano.specs "$work/count.cc" \
    "$work"/*.o -o "$work/count.elf" 2>"$work/link.log" || { cat "$work/link.log" >&2; exit 1; }
  count=$(timeout 300 qemu-system-arm -M mps2-an386 -icount shift=0 -nographic -monitor none \
    -serial none -semihosting-config enable=on,target=native -kernel "$work/count.elf" 2>&1)
  echo "instructions a sample, $form: $count"
done
