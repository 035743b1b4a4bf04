// `selvage-bench crypto`: what the primitives cost through our provider and called directly.
#pragma once

#include <nlohmann/json.hpp>

namespace selvage::bench {

struct CryptoOptions {
  int size = 256;      // of the plaintext, bytes
  double seconds = 2;  // measured in all
};

nlohmann::json RunCryptoBench(const CryptoOptions& options);

}  // namespace selvage::bench
