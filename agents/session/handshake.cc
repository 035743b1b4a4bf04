#include "agents/session/handshake.h"

#include <algorithm>

#include "core/wire_types.h"

namespace selvage {
namespace {

// The network's name is not part of it: a member of another network should be told apart by its
// certificate, with a reason, not by a message that does not decrypt.
constexpr char kPrologue[] = "selvage wire 1";
// Largest handshake message taken: keys, tags, epoch and a full certificate, with room to spare.
constexpr std::size_t kMessageBytesMax = 1024;
// A finished handshake is kept this long to repeat its last message to a peer that lost it, and
// for as long as the peer goes on asking.
constexpr Duration kLinger = 3s;

Time LingerUntil(Time now, Duration retry) {
  return now + std::max(kLinger, Handshakes::kTries * retry);
}

}  // namespace

Handshakes::Handshakes(Crypto* crypto, const Identity* identity, const TrustAnchor* anchor,
                       Epoch epoch)
    : crypto_(crypto), identity_(identity), anchor_(anchor), epoch_(epoch) {
  prologue_ = ByteSpan::Of(kPrologue).ToBytes();
}

bool Handshakes::Pending(LinkId link, const PeerAddress& peer) const {
  auto it = pending_.find({link, peer});
  return it != pending_.end() && !it->second.done;
}

// Token bucket over all peers: key agreements are what a stranger can make this node pay for.
bool Handshakes::Admit(Time now) {
  tokens_ = std::min<double>(kNewPerSecond, tokens_ + ToSeconds(now - tokens_at_) * kNewPerSecond);
  tokens_at_ = now;
  if (tokens_ < 1) {
    ++throttled_;
    return false;
  }
  tokens_ -= 1;
  return true;
}

Handshakes::Pending_* Handshakes::NewPending(Time now, const Key& key, Duration retry) {
  pending_.erase(key);
  if (pending_.size() >= kPendingMax) {
    auto oldest = std::min_element(
        pending_.begin(), pending_.end(),
        [](const auto& a, const auto& b) { return a.second.started < b.second.started; });
    pending_.erase(oldest);
  }
  Pending_& p = pending_[key];
  p.started = now;
  p.retry = retry;
  p.retry_at = now + p.retry;
  return &p;
}

void Handshakes::Initiate(Time now, LinkId link, const PeerAddress& peer,
                          std::uint16_t local_session, Duration retry) {
  if (Pending(link, peer) || !Admit(now)) return;
  const Key key{link, peer};
  Pending_* p = NewPending(now, key, retry);
  p->initiator = true;
  p->local_session = local_session;
  p->noise.emplace(crypto_, NoiseXx::Role::kInitiator, prologue_, identity_->agreement_key);
  const Bytes message = p->noise->WriteMessage({});
  Bytes frame(3 + message.size());
  ByteWriter w(frame);
  w.U8(MakeTypeByte(FrameType::kHandshake1));
  w.U16(local_session);
  w.Put(message);
  p->last_sent = frame;
  p->tries = 1;
  outgoing_.push_back({link, peer, std::move(frame)});
}

void Handshakes::OnFrame(Time now, LinkId link, const PeerAddress& from, ByteSpan frame,
                         std::uint16_t local_session, Duration retry) {
  const Key key{link, from};
  if (frame.size() > kMessageBytesMax) {
    ++malformed_;
    return;
  }
  switch (ParseTypeByte(frame.empty() ? 0 : frame[0]).value_or(FrameType::kBeacon)) {
    case FrameType::kHandshake1:
      OnFirst(now, key, frame, local_session, retry);
      break;
    case FrameType::kHandshake2:
      OnSecond(now, key, frame);
      break;
    case FrameType::kHandshake3:
      OnThird(now, key, frame);
      break;
    default:
      ++malformed_;
  }
}

void Handshakes::OnFirst(Time now, const Key& key, ByteSpan frame, std::uint16_t local_session,
                         Duration retry) {
  ByteReader in(frame.Sub(1));
  const std::uint16_t remote = in.U16();
  const ByteSpan message = in.Rest();
  if (!in.ok()) {
    ++malformed_;
    return;
  }
  auto it = pending_.find(key);
  if (it != pending_.end() && !it->second.initiator &&
      ByteSpan(it->second.first_message) == frame) {
    if (!it->second.done) outgoing_.push_back({key.first, key.second, it->second.last_sent});
    return;
  }
  // Both began at once: the message with the larger bytes is the one that both go on with.
  if (it != pending_.end() && it->second.initiator && !it->second.done &&
      std::lexicographical_compare(frame.begin(), frame.end(), it->second.last_sent.begin(),
                                   it->second.last_sent.end())) {
    return;
  }
  if (!Admit(now)) return;
  Pending_* p = NewPending(now, key, retry);
  p->first_message = frame.ToBytes();
  p->local_session = local_session;
  p->remote_session = remote;
  p->noise.emplace(crypto_, NoiseXx::Role::kResponder, prologue_, identity_->agreement_key);
  if (!p->noise->ReadMessage(message)) {
    ++malformed_;
    pending_.erase(key);
    return;
  }
  const Bytes reply = p->noise->WriteMessage(Payload());
  Bytes out(5 + reply.size());
  ByteWriter w(out);
  w.U8(MakeTypeByte(FrameType::kHandshake2));
  w.U16(local_session);
  w.U16(remote);
  w.Put(reply);
  p->last_sent = out;
  p->tries = 1;
  outgoing_.push_back({key.first, key.second, std::move(out)});
}

void Handshakes::OnSecond(Time now, const Key& key, ByteSpan frame) {
  ByteReader in(frame.Sub(1));
  const std::uint16_t remote = in.U16();
  const std::uint16_t local = in.U16();
  const ByteSpan message = in.Rest();
  auto it = pending_.find(key);
  if (!in.ok() || it == pending_.end() || !it->second.initiator ||
      it->second.local_session != local) {
    ++malformed_;
    return;
  }
  Pending_& p = it->second;
  if (p.done) {  // our third message got lost
    if (p.remote_session == remote) outgoing_.push_back({key.first, key.second, p.last_sent});
    return;
  }
  const std::optional<Bytes> payload = p.noise->ReadMessage(message);
  if (!payload) {
    ++malformed_;
    pending_.erase(it);
    return;
  }
  auto peer = CheckPayload(key, *p.noise, *payload);
  if (!peer) {
    pending_.erase(it);
    return;
  }
  p.remote_session = remote;
  const Bytes reply = p.noise->WriteMessage(Payload());
  Bytes out(5 + reply.size());
  ByteWriter w(out);
  w.U8(MakeTypeByte(FrameType::kHandshake3));
  w.U16(local);
  w.U16(remote);
  w.Put(reply);
  p.last_sent = out;
  outgoing_.push_back({key.first, key.second, std::move(out)});
  p.retry_at = LingerUntil(now, p.retry);
  Finish(now, key, &p, std::move(*peer));
}

void Handshakes::OnThird(Time now, const Key& key, ByteSpan frame) {
  ByteReader in(frame.Sub(1));
  const std::uint16_t remote = in.U16();
  const std::uint16_t local = in.U16();
  const ByteSpan message = in.Rest();
  auto it = pending_.find(key);
  if (!in.ok() || it == pending_.end() || it->second.initiator || it->second.done ||
      it->second.local_session != local || it->second.remote_session != remote) {
    ++malformed_;
    return;
  }
  Pending_& p = it->second;
  const std::optional<Bytes> payload = p.noise->ReadMessage(message);
  if (!payload) {
    ++malformed_;
    pending_.erase(it);
    return;
  }
  auto peer = CheckPayload(key, *p.noise, *payload);
  if (!peer) {
    pending_.erase(it);
    return;
  }
  p.retry_at = LingerUntil(now, p.retry);
  Finish(now, key, &p, std::move(*peer));
}

Bytes Handshakes::Payload() const {
  const Bytes& certificate = identity_->certificate.encoded;
  Bytes out(4 + certificate.size());
  ByteWriter w(out);
  w.U32(epoch_.value);
  w.Put(certificate);
  return out;
}

std::optional<std::pair<Epoch, Certificate>> Handshakes::CheckPayload(const Key& key,
                                                                      const NoiseXx& noise,
                                                                      ByteSpan payload) {
  ByteReader in(payload);
  const Epoch epoch(in.U32());
  const ByteSpan encoded = in.Rest();
  if (!in.ok()) {
    Refuse(key, "malformed handshake payload");
    return std::nullopt;
  }
  absl::StatusOr<Certificate> certificate = VerifyCertificate(*crypto_, *anchor_, encoded, wall_);
  if (!certificate.ok()) {
    Refuse(key, std::string(certificate.status().message()));
    return std::nullopt;
  }
  if (certificate->agreement_key != noise.remote_static()) {
    Refuse(key, "the certificate of " + certificate->name + " was presented by another key");
    return std::nullopt;
  }
  return std::make_pair(epoch, *std::move(certificate));
}

void Handshakes::Refuse(const Key& key, std::string reason) {
  ++refused_;
  refusals_.push_back({key.first, key.second, std::move(reason)});
}

void Handshakes::Finish(Time now, const Key& key, Pending_* p,
                        std::pair<Epoch, Certificate> peer) {
  const NoiseXx::Keys keys = p->noise->Split();
  p->done = true;
  p->noise.reset();
  established_.push_back({key.first, key.second, std::move(peer.second), peer.first,
                          SessionCipher::Keys{keys.send, keys.receive}, p->local_session,
                          p->remote_session, now - p->started});
}

void Handshakes::OnLinkDown(LinkId link) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    it = it->first.first == link ? pending_.erase(it) : std::next(it);
  }
}

void Handshakes::OnTimeout(Time now) {
  for (auto it = pending_.begin(); it != pending_.end();) {
    Pending_& p = it->second;
    if (now < p.retry_at) {
      ++it;
    } else if (p.done || p.tries >= kTries) {
      it = pending_.erase(it);
    } else {
      ++p.tries;
      p.retry_at = now + p.retry;
      outgoing_.push_back({it->first.first, it->first.second, p.last_sent});
      ++it;
    }
  }
}

Time Handshakes::NextDeadline() const {
  Time at = kNever;
  for (const auto& [key, p] : pending_) at = std::min(at, p.retry_at);
  return at;
}

}  // namespace selvage
