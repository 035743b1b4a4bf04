// Two members who know each other's certificates, for tests of delivery.
#pragma once

#include <map>

#include "agents/delivery/receiver.h"
#include "agents/delivery/sender.h"
#include "tests/agents/node/mesh.h"

namespace selvage {

class MapBook : public CertificateBook {
 public:
  void Add(const Certificate& c) { all_[c.id.Short().value] = c; }
  const Certificate* FindCertificate(ShortId id) const override {
    auto it = all_.find(id.value);
    return it == all_.end() ? nullptr : &it->second;
  }

 private:
  std::map<std::uint32_t, Certificate> all_;
};

struct TwoMembers {
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  TestNetwork members{crypto};
  Identity ida = members.Admit("a");
  Identity idb = members.Admit("b");
  MapBook book;
  EndToEndCipher a{crypto.get(), &ida, &book};
  EndToEndCipher b{crypto.get(), &idb, &book};
  Epoch epoch{0x10002};
  Time now = TimeFromNanos(1'000'000'000);

  TwoMembers() {
    book.Add(ida.certificate);
    book.Add(idb.certificate);
  }
  ShortId ShortA() const { return ida.certificate.id.Short(); }
  ShortId ShortB() const { return idb.certificate.id.Short(); }
  OutgoingMessage Message(TrafficClass c, std::size_t bytes, std::uint8_t fill = 1) const {
    return {ShortB(), c, PayloadKind::kMessage, 7, Bytes(bytes, fill), Duration(0), false};
  }
};

}  // namespace selvage
