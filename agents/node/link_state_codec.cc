#include "agents/node/link_state_codec.h"

#include "core/schema/link_state.pb.h"
#include "core/signed_message.h"

namespace selvage {
namespace {

constexpr char kContext[] = "selvage link state 1";  // of signatures
constexpr std::uint32_t kFlagSlow = 1;
constexpr int kTariffShift = 1;  // two bits

}  // namespace

void SignLinkState(Crypto& crypto, const SigningKey& key, LinkStateRecord* record) {
  schema::LinkStateBody body;
  body.set_origin(record->origin.bytes.data(), record->origin.bytes.size());
  body.set_epoch(record->version.epoch.value);
  body.set_sequence(record->version.sequence);
  for (const AdvertisedAdjacency& a : record->adjacencies) {
    schema::AdjacencyAdvert* advert = body.add_adjacency();
    advert->set_index(a.index.value);
    advert->set_neighbor(a.neighbor.value);
    advert->set_neighbor_index(a.neighbor_index.value);
    advert->set_latency_us(a.metric.latency_us);
    advert->set_loss_permille(a.metric.loss_permille);
    advert->set_rate_kbps(a.metric.rate_kbps);
    advert->set_flags((a.metric.slow ? kFlagSlow : 0) |
                      static_cast<std::uint32_t>(a.metric.tariff) << kTariffShift);
  }
  for (const std::string& address : record->addresses) body.add_address(address);
  record->encoded = SignMessage<schema::LinkState>(crypto, key, kContext, body.SerializeAsString());
}

std::optional<LinkStateRecord> ParseLinkState(ByteSpan encoded) {
  schema::LinkState message;
  schema::LinkStateBody body;
  if (encoded.size() > kLinkStateBytesMax ||
      !message.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())) ||
      message.signature().size() != sizeof(Signature) || !body.ParseFromString(message.body()) ||
      body.origin().size() != 16 || body.adjacency_size() > 255 ||
      body.address_size() > static_cast<int>(kAddressesMax)) {
    return std::nullopt;
  }
  LinkStateRecord record;
  std::copy(body.origin().begin(), body.origin().end(), record.origin.bytes.begin());
  if (record.origin.Short().value == 0) return std::nullopt;
  record.version = {Epoch(body.epoch()), body.sequence()};
  for (const schema::AdjacencyAdvert& advert : body.adjacency()) {
    if (advert.index() == 0 || advert.index() > 255 || advert.neighbor_index() == 0 ||
        advert.neighbor_index() > 255 || advert.loss_permille() > 1000) {
      return std::nullopt;
    }
    AdvertisedAdjacency a;
    a.index = AdjacencyIndex(static_cast<std::uint8_t>(advert.index()));
    a.neighbor = ShortId(advert.neighbor());
    a.neighbor_index = AdjacencyIndex(static_cast<std::uint8_t>(advert.neighbor_index()));
    a.metric = {advert.latency_us(), advert.loss_permille(), advert.rate_kbps(),
                (advert.flags() & kFlagSlow) != 0,
                static_cast<Tariff>(advert.flags() >> kTariffShift & 3)};
    record.adjacencies.push_back(a);
  }
  for (const std::string& address : body.address()) {
    if (address.size() > 45) return std::nullopt;  // longest textual IPv6 address
    record.addresses.push_back(address);
  }
  record.encoded = encoded.ToBytes();
  return record;
}

bool VerifyLinkState(Crypto& crypto, const VerifyKey& key, ByteSpan encoded) {
  return VerifyMessage<schema::LinkState>(crypto, key, kContext, encoded);
}

}  // namespace selvage
