#include "agents/quarantine/testimony.h"

#include <algorithm>
#include <set>

#include "core/schema/testimony.pb.h"
#include "core/signed_message.h"

namespace selvage {
namespace {

constexpr char kContext[] = "selvage testimony 1";  // of signatures

}  // namespace

void SignTestimony(Crypto& crypto, const SigningKey& key, Testimony* t) {
  schema::TestimonyBody body;
  body.set_witness(t->witness.bytes.data(), t->witness.bytes.size());
  body.set_epoch(t->version.epoch.value);
  body.set_sequence(t->version.sequence);
  for (const Word& w : t->words) {
    schema::TestimonyWord* word = body.add_word();
    word->set_node(w.node.value);
    word->set_what(static_cast<std::uint32_t>(w.what));
    word->set_destination(w.destination.value);
    word->set_passed_permille(static_cast<std::uint32_t>(w.passed_permille));
  }
  t->encoded = SignMessage<schema::Testimony>(crypto, key, kContext, body.SerializeAsString());
}

std::optional<Testimony> ParseTestimony(ByteSpan encoded) {
  schema::Testimony message;
  schema::TestimonyBody body;
  if (encoded.size() > kTestimonyBytesMax ||
      !message.ParseFromArray(encoded.data(), static_cast<int>(encoded.size())) ||
      message.signature().size() != sizeof(Signature) || !body.ParseFromString(message.body()) ||
      body.witness().size() != 16 || body.word_size() > static_cast<int>(kWordsMax)) {
    return std::nullopt;
  }
  Testimony t;
  std::copy(body.witness().begin(), body.witness().end(), t.witness.bytes.begin());
  const ShortId witness = t.witness.Short();
  if (witness.value == 0) return std::nullopt;
  t.version = {Epoch(body.epoch()), body.sequence()};
  std::set<std::uint32_t> about;
  for (const schema::TestimonyWord& word : body.word()) {
    if (word.node() == 0 || word.node() == witness.value || word.what() > 2 ||
        word.passed_permille() > 1000 || !about.insert(word.node()).second) {
      return std::nullopt;
    }
    t.words.push_back({ShortId(word.node()), static_cast<Word::What>(word.what()),
                       ShortId(word.destination()), static_cast<int>(word.passed_permille())});
  }
  t.encoded = encoded.ToBytes();
  return t;
}

bool VerifyTestimony(Crypto& crypto, const VerifyKey& key, ByteSpan encoded) {
  return VerifyMessage<schema::Testimony>(crypto, key, kContext, encoded);
}

}  // namespace selvage
