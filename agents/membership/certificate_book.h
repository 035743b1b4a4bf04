// Looks up verified certificates by short id: what sealing and opening end to end needs.
#pragma once

#include "agents/membership/certificate.h"
#include "core/ids.h"

namespace selvage {

class CertificateBook {
 public:
  virtual ~CertificateBook() = default;
  // nullptr when unknown. Holds until the next change of the book.
  virtual const Certificate* FindCertificate(ShortId id) const = 0;
};

}  // namespace selvage
