#include "agents/membership/state_files.h"

#include <sodium.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "agents/membership/files.h"

namespace selvage {
namespace {

constexpr char kNetworkKeyFile[] = "network.key";
constexpr char kAnchorFile[] = "trust-anchor.json";
constexpr char kSerialFile[] = "serial";
constexpr char kIssuedFile[] = "issued.txt";
constexpr char kIdentityFile[] = "identity.key";
constexpr char kCertificateFile[] = "certificate.bin";

constexpr char kNetworkKeyTitle[] = "selvage network key 1";
constexpr char kIdentityTitle[] = "selvage identity 1";
constexpr char kAnchorFormat[] = "selvage trust anchor 1";

constexpr std::size_t kSmallFileBytesMax = 4096;
constexpr std::size_t kIssuedBytesMax = 16u << 20;  // about 100,000 certificates
constexpr int kKeyAttemptsMax = 16;  // a taken short id once in a million draws at 4,000 nodes
constexpr WallSeconds kDaySeconds = 86400;

// Text with a secret in it; wiped when it goes.
struct SecretText {
  std::string text;
  ~SecretText() { sodium_memzero(text.data(), text.size()); }
};

absl::Status Damaged(const std::string& path, const std::string& why) {
  return absl::DataLossError(path + " is damaged: " + why + "; restore it from a copy");
}

template <std::size_t N>
bool ParseHex(std::string_view hex, std::array<std::uint8_t, N>* out) {
  Bytes bytes;
  if (!FromHex(hex, &bytes) || bytes.size() != N) return false;
  std::copy(bytes.begin(), bytes.end(), out->begin());
  sodium_memzero(bytes.data(), bytes.size());
  return true;
}

// ---- trust anchor

std::string AnchorText(const TrustAnchor& anchor) {
  const nlohmann::ordered_json json = {
      {"format", kAnchorFormat}, {"network", anchor.network}, {"key", ToHex(anchor.key)}};
  return json.dump(2) + "\n";
}

absl::StatusOr<TrustAnchor> LoadAnchor(const std::string& dir) {
  const std::string path = dir + "/" + kAnchorFile;
  auto text = ReadWholeFile(path, kSmallFileBytesMax);
  if (!text.ok()) return text.status();
  const auto json = nlohmann::json::parse(*text, nullptr, /*allow_exceptions=*/false);
  const auto field = [&json](const char* name) -> std::string {
    if (!json.is_object()) return {};
    const auto it = json.find(name);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (field("format") != kAnchorFormat) {
    return Damaged(path, std::string("it is not JSON with \"format\": \"") + kAnchorFormat + "\"");
  }
  TrustAnchor anchor;
  anchor.network = field("network");
  if (!IsValidName(anchor.network)) return Damaged(path, "\"network\" " + DescribeNameRule());
  if (!ParseHex(field("key"), &anchor.key)) {
    return Damaged(path, "\"key\" must be 64 hexadecimal digits");
  }
  return anchor;
}

// ---- key files: a title line, then "name hex" lines

absl::StatusOr<std::vector<SecretText>> LoadKeyFile(const std::string& path,
                                                    const std::string& title,
                                                    const std::vector<std::string>& names) {
  auto text = ReadSecretFile(path, kSmallFileBytesMax);
  if (!text.ok()) return text.status();
  SecretText wiped{*std::move(text)};
  std::istringstream in(wiped.text);
  std::string line;
  if (!std::getline(in, line) || line != title) {
    return Damaged(path, "it does not begin with \"" + title + "\"");
  }
  std::vector<SecretText> values(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::string name;
    if (!(in >> name >> values[i].text) || name != names[i]) {
      return Damaged(path, "the line \"" + names[i] + "\" is missing");
    }
  }
  return values;
}

struct Network {
  TrustAnchor anchor;
  SigningKey key{};
  ~Network() { sodium_memzero(key.data(), key.size()); }
};

// A key pair that does not belong together would sign what nobody accepts: find out now.
bool Matches(Crypto& crypto, const SigningKey& secret, const VerifyKey& pub) {
  const ByteSpan probe = ByteSpan::Of("selvage key check");
  return crypto.Verify(pub, probe, crypto.Sign(secret, probe));
}

absl::Status LoadNetwork(Crypto& crypto, const std::string& dir, Network* network) {
  const std::string path = dir + "/" + kNetworkKeyFile;
  if (!FileExists(path)) {
    return absl::NotFoundError("no network in " + dir + " (" + kNetworkKeyFile +
                               " is missing): run `selvage network create` first");
  }
  auto anchor = LoadAnchor(dir);
  if (!anchor.ok()) return anchor.status();
  network->anchor = *std::move(anchor);
  auto keys = LoadKeyFile(path, kNetworkKeyTitle, {"signing"});
  if (!keys.ok()) return keys.status();
  if (!ParseHex((*keys)[0].text, &network->key)) {
    return Damaged(path, "\"signing\" must be 128 hexadecimal digits");
  }
  if (!Matches(crypto, network->key, network->anchor.key)) {
    return Damaged(path, std::string("it does not belong to ") + kAnchorFile + " beside it");
  }
  return absl::OkStatus();
}

// ---- what was issued

struct IssuedLine {
  std::uint64_t serial = 0;
  std::string name;
  NodeId id;
  WallSeconds not_after = 0;
  std::string address;  // "-": none
};

absl::StatusOr<std::vector<IssuedLine>> ParseIssued(const std::string& path,
                                                    const std::string& text) {
  std::vector<IssuedLine> lines;
  std::istringstream in(text);
  for (std::string row; std::getline(in, row);) {
    std::istringstream fields(row);
    IssuedLine line;
    std::string id;
    if (!(fields >> line.serial >> line.name >> id >> line.not_after >> line.address) ||
        !NodeId::FromHex(id, &line.id)) {
      return Damaged(path, "line " + std::to_string(lines.size() + 1) + " does not parse");
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

std::string IssuedText(const Certificate& c) {
  return std::to_string(c.serial) + " " + c.name + " " + c.id.ToHex() + " " +
         std::to_string(c.not_after) + " " + (c.tun_address.empty() ? "-" : c.tun_address) + "\n";
}

// Refuses a name or an address that is taken. The last line of a name is the one that counts.
absl::Status CheckFree(const std::vector<IssuedLine>& issued, const std::string& name,
                       const AdmitOptions& options) {
  std::vector<std::string> later;  // names seen below this line
  for (auto line = issued.rbegin(); line != issued.rend(); ++line) {
    if (line->name == name && !options.replace) {
      return absl::AlreadyExistsError("the name " + name + " was issued before, as serial " +
                                      std::to_string(line->serial) +
                                      ": choose another, or ask for it to be replaced");
    }
    const bool counts = std::find(later.begin(), later.end(), line->name) == later.end();
    if (counts && line->name != name && !options.address.empty() &&
        line->address == options.address && line->not_after >= options.now) {
      return absl::AlreadyExistsError("the address " + options.address + " was given to " +
                                      line->name + ": choose another");
    }
    later.push_back(line->name);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::uint64_t> LastSerial(const std::string& dir,
                                         const std::vector<IssuedLine>& issued) {
  const std::string path = dir + "/" + kSerialFile;
  auto text = ReadWholeFile(path, kSmallFileBytesMax);
  if (!text.ok()) return text.status();
  std::uint64_t serial = 0;
  const char* end = text->data() + text->size();
  const auto parsed = std::from_chars(text->data(), end, serial);
  if (parsed.ec != std::errc() || (parsed.ptr != end && *parsed.ptr != '\n')) {
    return Damaged(path, "it must hold one decimal number");
  }
  for (const IssuedLine& line : issued) serial = std::max(serial, line.serial);
  return serial;
}

// ---- admission

absl::Status CheckOptions(const std::string& node_name, const AdmitOptions& options) {
  if (!IsValidName(node_name)) {
    return absl::InvalidArgumentError("node name " + DescribeNameRule());
  }
  if (options.now == 0) return absl::InvalidArgumentError("wall time is needed to issue");
  if (options.days < 1 || options.days > 36500) {
    return absl::InvalidArgumentError("days must be 1 to 36500, not " +
                                      std::to_string(options.days));
  }
  if (!options.address.empty() && !IsValidAddress(options.address)) {
    return absl::InvalidArgumentError("address must be an IPv4 or IPv6 address without prefix " +
                                      std::string("length, not ") + options.address);
  }
  return absl::OkStatus();
}

absl::Status CheckOutDirectory(const std::string& out_dir, bool replace) {
  if (FileExists(out_dir + "/" + kNetworkKeyFile)) {
    return absl::FailedPreconditionError(
        out_dir + " holds the network's secret key, which must never be on a node: choose another");
  }
  if (!replace && FileExists(out_dir + "/" + kIdentityFile)) {
    return absl::AlreadyExistsError(out_dir + " already holds an identity (" + kIdentityFile +
                                    "): choose another directory, or ask for it to be replaced");
  }
  return absl::OkStatus();
}

// Keys with a short id nobody has: two members with equal ones would be refused by their
// neighbours.
absl::Status MakeKeys(Crypto& crypto, const std::vector<IssuedLine>& issued, Identity* identity) {
  for (int i = 0; i < kKeyAttemptsMax; ++i) {
    Certificate& c = identity->certificate;
    crypto.GenerateSigningKey(&identity->signing_key, &c.signing_key);
    crypto.GenerateKeyPair(&identity->agreement_key, &c.agreement_key);
    const ShortId id = NodeIdOf(crypto, c.signing_key).Short();
    const bool taken = std::any_of(issued.begin(), issued.end(),
                                   [id](const IssuedLine& line) { return line.id.Short() == id; });
    if (id != ShortId(0) && !taken) return absl::OkStatus();
  }
  return absl::InternalError("no free short id after 16 keys: the random numbers do not vary");
}

absl::Status WriteNode(const std::string& out_dir, const TrustAnchor& anchor,
                       const Identity& identity) {
  if (auto s = MakePrivateDirectory(out_dir); !s.ok()) return s;
  const SecretText keys{std::string(kIdentityTitle) + "\nsigning " + ToHex(identity.signing_key) +
                        "\nagreement " + ToHex(identity.agreement_key) + "\n"};
  if (auto s = ReplaceFile(out_dir, kIdentityFile, keys.text, 0600); !s.ok()) return s;
  if (auto s = ReplaceFile(out_dir, kAnchorFile, AnchorText(anchor), 0644); !s.ok()) return s;
  return ReplaceFile(out_dir, kCertificateFile, ByteSpan(identity.certificate.encoded).ToString(),
                     0644);
}

void Wipe(Identity* identity) {
  sodium_memzero(identity->signing_key.data(), identity->signing_key.size());
  sodium_memzero(identity->agreement_key.data(), identity->agreement_key.size());
}

}  // namespace

absl::Status CreateNetwork(const std::string& dir, const std::string& name) {
  if (!IsValidName(name)) return absl::InvalidArgumentError("network name " + DescribeNameRule());
  if (auto s = MakePrivateDirectory(dir); !s.ok()) return s;
  auto lock = DirectoryLock::Acquire(dir);
  if (!lock.ok()) return lock.status();
  if (FileExists(dir + "/" + kNetworkKeyFile)) {
    return absl::AlreadyExistsError(
        dir + " already holds a network (" + kNetworkKeyFile +
        "), and without that key nobody can be admitted to it again: choose another directory");
  }
  auto crypto = NewSodiumCrypto();
  Network network;
  network.anchor.network = name;
  crypto->GenerateSigningKey(&network.key, &network.anchor.key);
  // The key comes last: until it is there, this is no network and may be made again.
  if (auto s = ReplaceFile(dir, kAnchorFile, AnchorText(network.anchor), 0644); !s.ok()) return s;
  if (auto s = ReplaceFile(dir, kIssuedFile, "", 0644); !s.ok()) return s;
  if (auto s = ReplaceFile(dir, kSerialFile, "0\n", 0644); !s.ok()) return s;
  const SecretText key{std::string(kNetworkKeyTitle) + "\nsigning " + ToHex(network.key) + "\n"};
  return ReplaceFile(dir, kNetworkKeyFile, key.text, 0600);
}

absl::StatusOr<Certificate> AdmitNode(const std::string& dir, const std::string& node_name,
                                      const std::string& out_dir, const AdmitOptions& options) {
  if (auto s = CheckOptions(node_name, options); !s.ok()) return s;
  if (!FileExists(dir + "/" + kNetworkKeyFile)) {  // before a lock file is left in a wrong place
    Network none;
    return LoadNetwork(*NewSodiumCrypto(), dir, &none);
  }
  auto lock = DirectoryLock::Acquire(dir);
  if (!lock.ok()) return lock.status();
  auto crypto = NewSodiumCrypto();
  Network network;
  if (auto s = LoadNetwork(*crypto, dir, &network); !s.ok()) return s;
  if (auto s = CheckOutDirectory(out_dir, options.replace); !s.ok()) return s;

  const std::string issued_path = dir + "/" + kIssuedFile;
  auto issued_text = ReadWholeFile(issued_path, kIssuedBytesMax);
  if (!issued_text.ok()) return issued_text.status();
  auto issued = ParseIssued(issued_path, *issued_text);
  if (!issued.ok()) return issued.status();
  if (auto s = CheckFree(*issued, node_name, options); !s.ok()) return s;
  auto serial = LastSerial(dir, *issued);
  if (!serial.ok()) return serial.status();

  Identity identity;
  Certificate& wanted = identity.certificate;
  if (auto s = MakeKeys(*crypto, *issued, &identity); !s.ok()) return s;
  wanted.network = network.anchor.network;
  wanted.name = node_name;
  wanted.serial = *serial + 1;
  wanted.not_before = options.now - std::min(options.now, kDaySeconds);
  wanted.not_after = options.now + static_cast<WallSeconds>(options.days) * kDaySeconds;
  wanted.roles = options.roles;
  wanted.tun_address = options.address;
  auto certificate = IssueCertificate(*crypto, network.key, wanted);
  if (!certificate.ok()) return certificate.status();
  identity.certificate = *certificate;

  if (auto s = ReplaceFile(dir, kSerialFile, std::to_string(wanted.serial) + "\n", 0644); !s.ok()) {
    return s;
  }
  // On the list before the certificate leaves, so that no crash makes a name free that is in use.
  absl::Status status =
      ReplaceFile(dir, kIssuedFile, *issued_text + IssuedText(*certificate), 0644);
  if (status.ok()) {
    status = WriteNode(out_dir, network.anchor, identity);
    if (!status.ok()) ReplaceFile(dir, kIssuedFile, *issued_text, 0644).IgnoreError();
  }
  Wipe(&identity);
  if (!status.ok()) return status;
  return certificate;
}

absl::StatusOr<MembershipFiles> LoadMembership(const std::string& state_dir) {
  const std::string identity_path = state_dir + "/" + kIdentityFile;
  const std::string certificate_path = state_dir + "/" + kCertificateFile;
  for (const char* name : {kIdentityFile, kCertificateFile, kAnchorFile}) {
    if (!FileExists(state_dir + "/" + name)) {
      return absl::NotFoundError(
          state_dir + " has no " + name +
          ": admit this node with `selvage network admit DIR --name NODE --out " + state_dir + "`");
    }
  }
  MembershipFiles files;
  auto anchor = LoadAnchor(state_dir);
  if (!anchor.ok()) return anchor.status();
  files.anchor = *std::move(anchor);

  auto keys = LoadKeyFile(identity_path, kIdentityTitle, {"signing", "agreement"});
  if (!keys.ok()) return keys.status();
  if (!ParseHex((*keys)[0].text, &files.identity.signing_key) ||
      !ParseHex((*keys)[1].text, &files.identity.agreement_key)) {
    return Damaged(identity_path, "keys must be 128 and 64 hexadecimal digits");
  }

  auto encoded = ReadWholeFile(certificate_path, kSmallFileBytesMax);
  if (!encoded.ok()) return encoded.status();
  auto crypto = NewSodiumCrypto();
  auto certificate = VerifyCertificate(*crypto, files.anchor, ByteSpan::Of(*encoded), /*now=*/0);
  if (certificate.status().code() == absl::StatusCode::kInvalidArgument) {
    return Damaged(certificate_path, std::string(certificate.status().message()));
  }
  if (!certificate.ok()) {
    return absl::Status(certificate.status().code(),
                        certificate_path + ": " + std::string(certificate.status().message()) +
                            "; admit the node to this network, or restore both from a copy");
  }
  files.identity.certificate = *std::move(certificate);
  const Certificate& c = files.identity.certificate;
  if (!Matches(*crypto, files.identity.signing_key, c.signing_key) ||
      crypto->DerivePublic(files.identity.agreement_key) != c.agreement_key) {
    return absl::DataLossError(identity_path + " and " + certificate_path +
                               " do not belong together: restore both, or admit the node again");
  }
  return files;
}

}  // namespace selvage
