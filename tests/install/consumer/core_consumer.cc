#include <cstdio>

#include "core/bytes.h"
#include "core/ids.h"

int main() {
  selvage::NodeId id;
  if (!selvage::NodeId::FromHex("000102030405060708090a0b0c0d0e0f", &id)) return 1;
  std::printf("%s\n", id.ToHex().c_str());
  return id.Short().value == 0x00010203 ? 0 : 1;
}
