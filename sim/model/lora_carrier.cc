#include "sim/model/lora_carrier.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ns3/nstime.h"
#include "ns3/simulator.h"

namespace selvage::sim {
namespace {

constexpr std::uint16_t kEverybody = 0xffff;
constexpr std::size_t kStationsMax = 64;
// As transports/radios/lora_link.cc: a hello in its unit; hellos get one thousandth of the time, of
// at most 2,000 s; the largest unit by spreading factor.
constexpr std::size_t kHelloBytes = 39;
constexpr int kHelloGapPerAirtime = 1000;
constexpr Duration kHelloGapMax = 2000s;
constexpr std::size_t kAirBytes[] = {235, 235, 128, 64, 64, 64};  // SF7 to SF12

Time Now() { return TimeFromNanos(ns3::Simulator::Now().GetNanoSeconds()); }

std::size_t AirBytesMax(const LoraNetDevice& device) {
  return kAirBytes[device.Modulation().spreading_factor - 7];
}

// From the first part of a frame to its last.
Duration PatienceOf(const LoraNetDevice& device) {
  return device.TimeOnAir(AirBytesMax(device)) * (4 * static_cast<int>(kFragmentsMax)) + 10s;
}

PeerAddress AddressOf(std::uint16_t station) {
  const std::array<std::uint8_t, 2> bytes{static_cast<std::uint8_t>(station >> 8),
                                          static_cast<std::uint8_t>(station)};
  return PeerAddress::From(bytes);
}

}  // namespace

LoraCarrier::LoraCarrier(ns3::Ptr<LoraNetDevice> device, std::uint16_t station, std::uint64_t seed)
    : device_(device), station_(station), random_(seed), reassembler_(PatienceOf(*device)) {
  info_ = Describe();
}

LoraCarrier::~LoraCarrier() { Close(); }

LinkInfo LoraCarrier::Describe() const {
  LinkInfo info;
  info.name = "lora" + std::to_string(station_);
  info.transport = "lorawan";
  info.mtu_bytes =
      static_cast<std::uint32_t>(FrameBytesMax(unit_bytes_max(), kFrameBytesMax));
  const double unit_s = ToSeconds(device_->TimeOnAir(AirBytesMax(*device_)));
  info.rate_bps =
      static_cast<std::uint64_t>(static_cast<double>(unit_bytes_max()) * 8 / unit_s);
  info.broadcast = true;
  info.slow = true;
  info.tariff = Tariff::kDear;
  const int neighbors = std::max<int>(1, static_cast<int>(stations_.size()));
  info.idle_gap = std::min<Duration>(
      device_->TimeOnAir(kHelloBytes) * kHelloGapPerAirtime * neighbors, kHelloGapMax);
  return info;
}

void LoraCarrier::Open(ns3::Ptr<ns3::Node> /*node*/, Receive receive) {
  receive_ = std::move(receive);
  open_ = true;
  device_->SetReceiveCallback(ns3::MakeCallback(&LoraCarrier::OnReceive, this));
}

void LoraCarrier::Close() {
  open_ = false;
  timer_.Cancel();
  if (device_ == nullptr) return;
  device_->SetReceiveCallback(ns3::NetDevice::ReceiveCallback());
  device_ = nullptr;
}

std::optional<double> LoraCarrier::MarginDb(LinkId /*link*/, const PeerAddress& /*from*/) {
  return last_margin_db_;
}

std::size_t LoraCarrier::unit_bytes_max() const { return AirBytesMax(*device_) - kAddressBytes; }

void LoraCarrier::Send(LinkId /*link*/, const PeerAddress& to, Bytes* frame,
                       const PacketLabel* /*label*/) {
  Add(to, frame, false);
}

void LoraCarrier::SendControl(LinkId /*link*/, const PeerAddress& to, Bytes* frame) {
  Add(to, frame, true);
}

void LoraCarrier::Add(const PeerAddress& to, Bytes* frame, bool control) {
  if (!open_) return;
  queue_.Add(Now(), to, *frame, control);
  Arm();
}

SendAnswer LoraCarrier::SendUnit(Time now, const PeerAddress& to, ByteSpan unit, bool control) {
  using What = SendAnswer::What;
  if (unit.size() > unit_bytes_max()) return {What::kTooBig, kNever};
  const std::size_t bytes = unit.size() + kAddressBytes;
  if (now < not_before_) return {What::kBusy, not_before_};
  if (!to.IsBroadcast() && to.size != 2) return {What::kRefused, kNever};
  if (device_->sending()) return {What::kBusy, device_->sending_until()};
  const Time legal = device_->NextSend(bytes);
  if (legal > now) return {What::kNoBudget, legal};
  const Duration airtime = device_->TimeOnAir(bytes);
  // Nodes that started together would call each other at the same moments, and hear nothing.
  if (to.IsBroadcast() && !std::exchange(spread_, !spread_)) {
    const auto spread = static_cast<std::uint64_t>(4 * airtime.count());
    return {What::kBusy, now + Duration(static_cast<std::int64_t>(random_.Below(spread)) + 1)};
  }
  const bool whole = unit[0] == 0x50;  // fragments.h: the frame fits
  if (control && !budget_.Take(now, airtime, whole)) return {What::kNoBudget, kNever};
  Bytes air(bytes);
  ByteWriter w(air);
  w.U16(station_);
  if (to.IsBroadcast()) {
    w.U16(kEverybody);
  } else {
    w.Put(to.Span());
  }
  w.Put(unit);
  const auto packet = ns3::Create<ns3::Packet>(air.data(), static_cast<std::uint32_t>(air.size()));
  if (!device_->Send(packet, device_->GetBroadcast(), 0)) return {What::kBusy, now + 1s};
  return {What::kAccepted, kNever};
}

bool LoraCarrier::OnReceive(ns3::Ptr<ns3::NetDevice> /*device*/,
                            ns3::Ptr<const ns3::Packet> packet, std::uint16_t /*protocol*/,
                            const ns3::Address& /*from*/) {
  if (!open_) return false;
  const Time now = Now();
  Bytes bytes(packet->GetSize());
  packet->CopyData(bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  ByteReader in(bytes);
  const std::uint16_t from = in.U16();
  const std::uint16_t to = in.U16();
  if (!in.ok() || from == 0 || from == kEverybody || from == station_) return false;
  // Whoever it was for, two may want to answer: not both at once.
  const auto spread = static_cast<std::uint64_t>(device_->TimeOnAir(kHelloBytes).count());
  not_before_ = now + Duration(static_cast<std::int64_t>(random_.Below(spread)));
  const ByteSpan unit = ByteSpan(bytes).Sub(kAddressBytes);
  if (const int more = PartsToCome(unit); more > 0) {  // its sender has not finished
    not_before_ += more * device_->TimeOnAir(AirBytesMax(*device_));
  }
  if (to != station_ && to != kEverybody) {
    Arm();
    return true;
  }
  last_margin_db_ = device_->LastMarginDb();
  const bool fresh = stations_.count(from) == 0;
  if (fresh && stations_.size() >= kStationsMax) stations_.erase(stations_.begin());
  stations_[from] = last_margin_db_;
  if (fresh) {
    info_ = Describe();
    if (change_) change_(LinkId(0), &info_);
  }
  std::optional<Bytes> frame = reassembler_.OnUnit(now, AddressOf(from), unit);
  if (frame && receive_) receive_(LinkId(0), AddressOf(from), *frame);
  Arm();
  return true;
}

Duration LoraCarrier::control_airtime() const { return budget_.Used(Now()); }

void LoraCarrier::Pump() {
  const Time now = Now();
  reassembler_.OnTimeout(now);
  queue_.Pump(now, this);
  Arm();
}

void LoraCarrier::Arm() {
  if (!open_) return;
  const Time due = std::min(queue_.NextDeadline(), reassembler_.NextDeadline());
  timer_.Cancel();
  if (due == kNever) return;
  // Not from inside the caller, and never without time moving.
  const Duration wait = std::max<Duration>(due == Time::min() ? 0ns : due - Now(), 1us);
  timer_ = ns3::Simulator::Schedule(ns3::NanoSeconds(wait.count()), &LoraCarrier::Pump, this);
}

}  // namespace selvage::sim
