#include "agents/runtime/node_runtime.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>
#include <variant>

#include "agents/membership/state_files.h"
#include "agents/runtime/scorer_loader.h"
#include "agents/runtime/sensors.h"
#include "agents/runtime/stream_identity.h"
#include "agents/runtime/tun.h"
#include "agents/store/commit_queue.h"
#include "agents/store/rocks_store.h"
#include "core/crypto.h"
#include "transports/registry.h"

namespace selvage {
namespace {

constexpr Duration kWallInterval = 60s;
constexpr Duration kSensorInterval = 1s;  // as often as the node samples its links
// The floor of the wall clock is written that often: flash memory wears, and an hour is nothing to
// a certificate's validity.
constexpr WallSeconds kWallFloorStep = 3600;
constexpr char kEpochKey[] = "runtime/epoch";
constexpr char kWallKey[] = "runtime/wall";
constexpr char kRadioKeys[] = "radio";
// Tokens of transports have this bit; the core counts from 1.
constexpr std::uint64_t kRadioToken = std::uint64_t{1} << 63;
constexpr std::size_t kRadioWaitingMax = 1024;
constexpr std::size_t kRadioRecordsMax = 4096;
// 2020-01-01. A store that was lost begins with the seconds since then as its epoch, which is more
// than any it used before unless the node restarted once a second for years.
constexpr WallSeconds kEpochOrigin = 1577836800;

WallSeconds SystemWall() {
  const time_t t = time(nullptr);
  // Clocks of devices without a battery begin in 1970: that is no time at all.
  return t > static_cast<time_t>(kEpochOrigin) ? static_cast<WallSeconds>(t) : 0;
}

// Unsigned decimal; 0 when it is none.
std::uint64_t ParseNumber(const std::optional<std::string>& text) {
  std::uint64_t v = 0;
  if (!text || text->empty() || text->size() > 19) return 0;
  for (const char c : *text) {
    if (c < '0' || c > '9') return 0;
    v = v * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return v;
}

// Calls every listener; each may remove itself or others and add new ones meanwhile.
template <typename Map, typename Argument>
void CallAll(const Map& listeners, const Argument& argument) {
  for (auto it = listeners.begin(); it != listeners.end();) {
    const std::uint64_t number = it->first;
    const auto listener = it->second;
    (*listener)(argument);
    it = listeners.upper_bound(number);
  }
}

std::string DescribeLink(std::size_t index, const LinkConfig& link) {
  std::string name = !link.interface.empty() ? "interface " + link.interface : link.listen;
  const auto port = link.options.find("at_port");
  if (name.empty() && port != link.options.end()) name = "port " + port->second;
  if (name.empty() && !link.peers.empty()) name = "peer " + link.peers.front();
  return "[[link]] number " + std::to_string(index + 1) + " (" + link.transport + ", " + name +
         "): ";
}

absl::Status WithContext(const absl::Status& s, const std::string& context) {
  return absl::Status(s.code(), context + std::string(s.message()));
}

}  // namespace

struct NodeRuntime::Impl final : public LinkListener, public TransportStore {
  explicit Impl(AgentConfig c) : config(std::move(c)) {}
  ~Impl() override {
    transports.clear();
    if (post_fd >= 0) {
      reactor->RemoveFd(post_fd);
      close(post_fd);
    }
  }

  // ---- set-up
  absl::Status LoadIdentity();
  absl::Status OpenStore(std::unique_ptr<Store> given);
  absl::Status MakeCore();
  absl::Status StartLinks();

  // ---- the loop
  Time TurnEnd(Time now);
  void FollowBackPressure();
  bool Drain();  // true when there was anything to perform
  void OnPosted();
  void OnCommitted();
  void OnWall(Time now);
  void OnSensors(Time now);
  void Ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t n = write(post_fd, &one, sizeof(one));
  }
  void Tell(std::string kind, std::string text, std::map<std::string, std::string> fields = {});
  void Record(Event event);

  // ---- effects
  void Perform(SendFrame& e);
  void Perform(Deliver& e);
  void Perform(Persist& e);
  void Perform(MessageReport& e) { CallAll(report_listeners, e); }
  void Perform(Event& e);

  // ---- LinkListener
  void OnLinkUp(LinkId link, const LinkInfo& info) override {
    core->OnLinkUp(reactor->now(), link, info);
    Drain();
  }
  void OnLinkDown(LinkId link, const std::string& reason) override {
    link_down_reason = reason;
    core->OnLinkDown(reactor->now(), link);
    Drain();
    link_down_reason.clear();
  }
  void OnConfiguredPeer(LinkId link, const PeerAddress& peer) override {
    core->OnConfiguredPeer(reactor->now(), link, peer);
    Drain();
  }
  void OnFrame(LinkId link, const PeerAddress& from, MutableByteSpan frame) override {
    core->OnFrame(reactor->now(), link, from, frame);
    Drain();
  }

  // ---- TransportStore
  Store& Records() override { return *radio_records; }
  bool MakeDurable(std::vector<StoreWrite> writes, std::function<void()> done) override {
    if (radio_waiting.size() >= kRadioWaitingMax) return false;
    const std::uint64_t token = kRadioToken | ++last_radio_token;
    if (!commits->Add(token, std::move(writes))) return false;
    radio_waiting.emplace(token, std::move(done));
    return true;
  }
  WallSeconds wall() const override { return SystemWall(); }

  const AgentConfig config;
  LinkFactory make_link;
  std::unique_ptr<Reactor> reactor;
  std::shared_ptr<Crypto> crypto = NewSodiumCrypto();
  MembershipFiles membership;
  std::unique_ptr<Store> store;
  absl::Status store_recovery;
  Epoch epoch;
  WallSeconds wall_floor = 0;
  std::unique_ptr<CommitQueue> commits;
  // Transports' own: what was there at the start (afterwards the store is the disk thread's), and
  // who waits for the disk.
  std::unique_ptr<Store> radio_records = NewMemoryStore();
  std::map<std::uint64_t, std::function<void()>> radio_waiting;
  std::uint64_t last_radio_token = 0;
  std::unique_ptr<NodeCore> core;
  std::unique_ptr<TunPort> tun;
  // By link id minus one. `flush` marks those with frames queued in this turn.
  std::vector<std::unique_ptr<Transport>> transports;
  std::vector<char> flush;

  bool running = false;  // the reactor is turning: the end of a turn will come
  Time started{};
  MachineSensors sensors{config.state_dir};
  Time next_sensors = kNever;
  std::array<Time, 256> radio_read{};  // by adjacency
  Time next_wall{};
  std::string link_down_reason;

  std::map<std::uint16_t, std::shared_ptr<DeliverHandler>> deliver_handlers;
  std::uint64_t last_listener = 0;
  std::map<std::uint64_t, std::shared_ptr<ReportListener>> report_listeners;
  std::map<std::uint64_t, std::shared_ptr<EventListener>> event_listeners;
  std::deque<Event> events;
  std::uint64_t last_event = 0;

  std::uint64_t deliveries_unclaimed = 0;
  std::uint64_t persists_refused = 0;
  std::uint64_t submits_refused_store = 0;
  bool tun_held_back = false;
  std::uint64_t tun_holds = 0;

  int post_fd = -1;
  std::mutex post_mutex;
  std::vector<std::function<void()>> posted;
};

// ---- set-up

absl::Status NodeRuntime::Impl::LoadIdentity() {
  auto files = LoadMembership(config.state_dir);
  if (!files.ok()) return files.status();
  membership = std::move(*files);
  const Certificate& certificate = membership.identity.certificate;
  if (certificate.name != config.node_name) {
    return absl::FailedPreconditionError(
        "the certificate in " + config.state_dir + " is for node \"" + certificate.name +
        "\", the configuration says [node] name = \"" + config.node_name +
        "\"; set the name right, or admit this node with `selvage network admit`");
  }
  if (config.tun && !certificate.tun_address.empty() &&
      IpAddress::Parse(certificate.tun_address) != IpAddress::Parse(config.tun->address)) {
    return absl::FailedPreconditionError(
        "[tun] address is " + config.tun->address + ", but the certificate in " + config.state_dir +
        " fixes this node's address to " + certificate.tun_address + "; use that");
  }
  return absl::OkStatus();
}

absl::Status NodeRuntime::Impl::OpenStore(std::unique_ptr<Store> given) {
  RocksStore* rocks = nullptr;
  if (given != nullptr) {
    store = std::move(given);
  } else {
    auto opened = RocksStore::Open(config.state_dir + "/store");
    if (!opened.ok()) return opened.status();
    rocks = opened->get();
    store_recovery = rocks->recovery();
    store = std::move(*opened);
  }
  const std::uint64_t last_epoch = ParseNumber(store->Get(kEpochKey));
  wall_floor = ParseNumber(store->Get(kWallKey));
  // An epoch that could not be read must not be taken for "none": it would go back.
  if (rocks != nullptr && !rocks->read_status().ok()) return rocks->read_status();

  const WallSeconds wall = std::max(SystemWall(), wall_floor);
  std::uint64_t next = last_epoch + 1;
  if (last_epoch == 0 && wall > kEpochOrigin) next = wall - kEpochOrigin;
  if (next > UINT32_MAX) {
    return absl::ResourceExhaustedError(
        "this identity has used up its epochs; admit the node anew");
  }
  epoch = Epoch(static_cast<std::uint32_t>(next));
  wall_floor = wall;
  std::string error;
  if (!store->Write({{kEpochKey, std::to_string(next)}, {kWallKey, std::to_string(wall)}},
                    &error)) {
    return absl::UnavailableError(error);
  }
  return absl::OkStatus();
}

absl::Status NodeRuntime::Impl::MakeCore() {
  const auto verified = VerifyCertificate(*crypto, membership.anchor,
                                          membership.identity.certificate.encoded, wall_floor);
  if (!verified.ok()) {
    return WithContext(verified.status(),
                       "this node's own certificate in " + config.state_dir + " is refused: ");
  }
  NodeCore::Init init;
  init.identity = membership.identity;
  init.anchor = membership.anchor;
  init.epoch = epoch;
  init.crypto = crypto;
  Bytes seed(8);
  crypto->RandomBytes(seed);
  ByteReader reader(seed);
  init.seed = reader.U64();
  init.config.healing = config.healing;
  init.config.quarantine = config.quarantine;
  init.config.lab = config.lab;
  init.config.model.enabled = config.model.enabled;
  init.config.model.thresholds_only = config.model.thresholds_only;
  init.config.model.share = config.model.share;
  init.config.model.alarm_decades = static_cast<float>(config.model.alarm_decades);
  init.config.model.healer.actions_per_hour = static_cast<int>(config.model.actions_per_hour);
  for (const Action a : config.model.advise) {
    init.config.model.healer.advise_only[static_cast<std::size_t>(a)] = true;
  }
  init.config.model.rules = config.model.rules;
  if (config.model.wants_scorer()) {
    // A mesh node must not stay away for a model that it can do without.
    auto scorer = LoadScorer(config.model, SteadyNanoseconds);
    if (scorer.ok()) {
      init.config.model.scorer = scorer->scorer;
      init.config.model.scorer_note = scorer->note;
    } else {
      init.config.model.scorer_note =
          std::string(scorer.status().message()) + "; this node goes on without it";
    }
  }
  constexpr std::size_t kMegabyte = 1024 * 1024;
  const OutboxConfig& outbox = config.outbox;
  init.config.outbox_messages_max = static_cast<std::size_t>(outbox.messages);
  init.config.outbox_bytes_max = static_cast<std::size_t>(outbox.megabytes) * kMegabyte;
  init.config.carried_messages_max = static_cast<std::size_t>(outbox.carried_messages);
  init.config.carried_bytes_max = static_cast<std::size_t>(outbox.carried_megabytes) * kMegabyte;
  if (config.tun) init.config.addresses.push_back(config.tun->address);
  init.wall = wall_floor;
  const Time now = reactor->ReadClock();
  core = std::make_unique<NodeCore>(now, std::move(init), *store);
  if (const auto* rocks = dynamic_cast<const RocksStore*>(store.get());
      rocks != nullptr && !rocks->read_status().ok()) {
    return rocks->read_status();
  }
  started = now;
  next_wall = now + kWallInterval;
  next_sensors = config.model.enabled ? now + kSensorInterval : kNever;
  std::vector<StoreWrite> records;
  store->Scan(kRadioKeys, [&records](std::string_view key, std::string_view value) {
    records.push_back({std::string(key), std::string(value)});
    return records.size() < kRadioRecordsMax;
  });
  std::string ignored;
  radio_records->Write(records, &ignored);  // to memory: cannot fail
  auto queue = CommitQueue::Create(store.get());
  if (!queue.ok()) return queue.status();
  commits = std::move(*queue);
  reactor->AddFd(commits->fd(), [this] { OnCommitted(); });
  return absl::OkStatus();
}

absl::Status NodeRuntime::Impl::StartLinks() {
  transports.reserve(config.links.size());
  flush.assign(config.links.size(), 0);
  for (std::size_t i = 0; i < config.links.size(); ++i) {
    const LinkConfig& link = config.links[i];
    const LinkId id(static_cast<std::uint16_t>(i + 1));
    auto transport = make_link(link, id, *reactor, *this);
    if (!transport.ok()) return WithContext(transport.status(), DescribeLink(i, link));
    transports.push_back(std::move(*transport));
  }
  // All exist before the first starts: a frame on one may leave by another at once.
  for (std::size_t i = 0; i < transports.size(); ++i) {
    if (absl::Status s = transports[i]->Start(); !s.ok()) {
      return WithContext(s, DescribeLink(i, config.links[i]));
    }
  }
  return absl::OkStatus();
}

// ---- the loop

Time NodeRuntime::Impl::TurnEnd(Time now) {
  Time next = core->NextDeadline();
  const bool timeout = next <= now;
  if (timeout) core->OnTimeout(now);
  if (next_wall <= now) OnWall(now);
  if (next_sensors <= now) OnSensors(now);
  // Performing an effect may feed the core anew.
  const bool performed = Drain();
  if (timeout || performed) next = core->NextDeadline();
  FollowBackPressure();
  for (std::size_t i = 0; i < transports.size(); ++i) {
    if (flush[i] != 0) {
      flush[i] = 0;
      transports[i]->Flush();
    }
  }
  return std::min({next, next_wall, next_sensors});
}

// A device that is not read is not watched either, or it would wake this thread all the time.
void NodeRuntime::Impl::FollowBackPressure() {
  if (tun == nullptr || tun->held_back() == tun_held_back) return;
  tun_held_back = !tun_held_back;
  if (tun_held_back) {
    ++tun_holds;
    reactor->RemoveFd(tun->fd());
  } else {
    reactor->AddFd(tun->fd(), [this] { tun->OnReadable(reactor->now()); });
  }
}

bool NodeRuntime::Impl::Drain() {
  bool any = false;
  while (std::optional<Effect> effect = core->PollEffect()) {
    any = true;
    std::visit([this](auto& e) { Perform(e); }, *effect);
  }
  return any;
}

void NodeRuntime::Impl::OnPosted() {
  std::uint64_t ignored;
  [[maybe_unused]] const ssize_t n = read(post_fd, &ignored, sizeof(ignored));
  std::vector<std::function<void()>> functions;
  {
    const std::lock_guard<std::mutex> lock(post_mutex);
    functions.swap(posted);
  }
  for (const auto& f : functions) f();
}

void NodeRuntime::Impl::OnCommitted() {
  const CommitQueue::News news = commits->Take();
  for (const std::uint64_t token : news.durable) {
    if ((token & kRadioToken) == 0) {
      core->OnPersisted(reactor->now(), token);
      continue;
    }
    const auto it = radio_waiting.find(token);
    if (it == radio_waiting.end()) continue;
    const std::function<void()> done = std::move(it->second);
    radio_waiting.erase(it);
    done();
  }
  if (news.changed) {
    if (news.changed->ok()) {
      core->OnStoreWorks(reactor->now());
      Tell("store-recovered", "the store takes writes again: what was waiting is on disk");
    } else {
      Tell("store-failed",
           std::string(news.changed->message()) +
               "; critical and reliable messages are refused until it works, routing goes on; "
               "trying again each second");
      core->OnStoreFailed(reactor->now(), std::string(news.changed->message()));
    }
  }
  Drain();
}

void NodeRuntime::Impl::OnWall(Time now) {
  next_wall = now + kWallInterval;
  const WallSeconds wall = std::max(SystemWall(), wall_floor);
  core->OnWallClock(now, wall);
  if (wall >= wall_floor + kWallFloorStep && commits->Add(0, {{kWallKey, std::to_string(wall)}})) {
    wall_floor = wall;
  }
}

void NodeRuntime::Impl::OnSensors(Time now) {
  next_sensors = now + kSensorInterval;
  core->OnMachine(now, sensors.Read());
  for (const NeighborInfo& n : core->Neighbors(now)) {
    const std::size_t i = std::size_t{n.link.value} - 1;
    if (n.link.value == 0 || i >= transports.size()) continue;
    const std::optional<LinkTelemetry> told = transports[i]->Telemetry(n.address);
    // The same sample twice would look like a sensor that stands still.
    if (!told || told->sampled_at == radio_read[n.index.value]) continue;
    radio_read[n.index.value] = told->sampled_at;
    core->OnRadio(now, n.link, n.address, ToRadioReading(*told, n.transport));
  }
}

void NodeRuntime::Impl::Tell(std::string kind, std::string text,
                             std::map<std::string, std::string> fields) {
  Event event;
  event.time = reactor->now();
  event.kind = std::move(kind);
  event.text = std::move(text);
  event.fields = std::move(fields);
  Record(std::move(event));
}

void NodeRuntime::Impl::Record(Event event) {
  event.number = ++last_event;
  if (events.size() == kEventsMax) events.pop_front();
  events.push_back(event);
  CallAll(event_listeners, event);
}

// ---- effects

void NodeRuntime::Impl::Perform(SendFrame& e) {
  const std::size_t i = std::size_t{e.link.value} - 1;
  if (e.link.value != 0 && i < transports.size()) {
    if (e.data) {
      transports[i]->Send(e.to, e.frame);
    } else {
      transports[i]->SendControl(e.to, e.frame);
    }
    flush[i] = 1;
  }
  core->Recycle(std::move(e.frame));
}

void NodeRuntime::Impl::Perform(Deliver& e) {
  if (e.port == 0 && tun != nullptr) {
    tun->OnDeliver(e);
    return;
  }
  const auto it = deliver_handlers.find(e.port);
  if (it == deliver_handlers.end()) {
    ++deliveries_unclaimed;
    return;
  }
  const std::shared_ptr<DeliverHandler> handler = it->second;
  (*handler)(e);
}

void NodeRuntime::Impl::Perform(Persist& e) {
  if (commits->Add(e.token, std::move(e.writes))) return;
  if (e.token != 0) core->OnPersistRefused(reactor->now(), e.token);
  if (persists_refused++ == 0) {
    Tell("store-overflow",
         "more waits for the disk than memory allows: what needs it is refused until it works");
  }
}

void NodeRuntime::Impl::Perform(Event& e) {
  if (e.kind == "link-down" && !link_down_reason.empty()) {
    e.text += ": " + link_down_reason;
    e.fields["reason"] = link_down_reason;
  }
  Record(std::move(e));
}

// ---- the public face

NodeRuntime::NodeRuntime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NodeRuntime::~NodeRuntime() {
  if (impl_->core == nullptr || impl_->commits == nullptr) return;
  // What was learnt goes to the disk; nothing is sent any more.
  impl_->core->OnStopping(impl_->reactor->now());
  while (std::optional<Effect> effect = impl_->core->PollEffect()) {
    if (auto* persist = std::get_if<Persist>(&*effect)) {
      impl_->commits->Add(persist->token, std::move(persist->writes));
    }
  }
}

absl::StatusOr<std::unique_ptr<NodeRuntime>> NodeRuntime::Create(AgentConfig config) {
  return Create(std::move(config), Parts());
}

absl::StatusOr<std::unique_ptr<NodeRuntime>> NodeRuntime::Create(AgentConfig config, Parts parts) {
  auto impl = std::make_unique<Impl>(std::move(config));
  if (absl::Status s = impl->LoadIdentity(); !s.ok()) return s;
  auto reactor = Reactor::Create();
  if (!reactor.ok()) return reactor.status();
  impl->reactor = std::move(*reactor);
  Impl* const raw = impl.get();
  impl->post_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (impl->post_fd < 0) {
    return absl::ResourceExhaustedError("cannot make an event descriptor: " +
                                        std::string(std::strerror(errno)));
  }
  impl->reactor->AddFd(impl->post_fd, [raw] { raw->OnPosted(); });
  if (absl::Status s = impl->OpenStore(std::move(parts.store)); !s.ok()) return s;
  if (absl::Status s = impl->MakeCore(); !s.ok()) return s;
  impl->make_link = std::move(parts.make_link);
  if (!impl->make_link) {
    auto keys =
        MakeStreamKeys(*impl->crypto, impl->membership.identity, impl->config.stream_keys_allowed);
    impl->make_link = [keys, raw](const LinkConfig& link, LinkId id, Reactor& r, LinkListener& l) {
      return CreateTransport(link.transport, link, id, r, l, keys, raw);
    };
  }
  if (!impl->store_recovery.ok()) {
    impl->Tell("store-damaged", std::string(impl->store_recovery.message()));
  }
  return std::unique_ptr<NodeRuntime>(new NodeRuntime(std::move(impl)));
}

absl::Status NodeRuntime::Start() {
  Impl* const impl = impl_.get();
  if (impl->config.tun) {
    auto tun = Tun::Open(*impl->config.tun);
    if (!tun.ok()) return tun.status();
    impl->tun = std::make_unique<TunPort>(std::move(*tun), *impl->config.tun, impl->core.get());
    impl->reactor->AddFd(impl->tun->fd(), [impl] { impl->tun->OnReadable(impl->reactor->now()); });
  }
  impl->reactor->SetTurnEnd([impl](Time now) { return impl->TurnEnd(now); });
  return impl->StartLinks();
}

void NodeRuntime::Run() {
  impl_->running = true;
  impl_->reactor->Run();
  impl_->running = false;
}

void NodeRuntime::RunOnce() {
  impl_->running = true;
  impl_->reactor->RunOnce();
  impl_->running = false;
}

void NodeRuntime::Stop() { impl_->reactor->Stop(); }

bool NodeRuntime::Post(std::function<void()> function) {
  bool first = false;
  {
    const std::lock_guard<std::mutex> lock(impl_->post_mutex);
    if (impl_->posted.size() >= kPostedMax) return false;
    first = impl_->posted.empty();
    impl_->posted.push_back(std::move(function));
  }
  if (first) impl_->Ring();
  return true;
}

Reactor& NodeRuntime::reactor() { return *impl_->reactor; }
NodeCore& NodeRuntime::core() { return *impl_->core; }
const NodeCore& NodeRuntime::core() const { return *impl_->core; }

void NodeRuntime::Kick() {
  if (!impl_->running) impl_->Ring();
}

Time NodeRuntime::now() const { return impl_->reactor->now(); }
Time NodeRuntime::started() const { return impl_->started; }
const AgentConfig& NodeRuntime::config() const { return impl_->config; }
const TrustAnchor& NodeRuntime::anchor() const { return impl_->membership.anchor; }
Epoch NodeRuntime::epoch() const { return impl_->epoch; }
const char* NodeRuntime::Version() { return SELVAGE_VERSION; }

std::uint64_t NodeRuntime::Submit(Message message, std::string* reason) {
  if (message.port == 0) {
    *reason = "port 0 belongs to TUN";
    return 0;
  }
  const bool needs_disk = message.traffic_class == TrafficClass::kCritical ||
                          message.traffic_class == TrafficClass::kReliable;
  if (needs_disk && impl_->commits->crowded()) {
    ++impl_->submits_refused_store;
    *reason = "queue full";
    return 0;
  }
  const std::uint64_t number = impl_->core->Submit(now(), std::move(message), reason);
  Kick();
  return number;
}

bool NodeRuntime::SetDeliverHandler(std::uint16_t port, DeliverHandler handler) {
  if (!handler) {
    impl_->deliver_handlers.erase(port);
    return true;
  }
  if (port == 0 || impl_->deliver_handlers.size() >= kPortsMax) return false;
  return impl_->deliver_handlers.emplace(port, std::make_shared<DeliverHandler>(std::move(handler)))
      .second;
}

std::uint64_t NodeRuntime::AddReportListener(ReportListener listener) {
  if (impl_->report_listeners.size() >= kListenersMax) return 0;
  impl_->report_listeners[++impl_->last_listener] =
      std::make_shared<ReportListener>(std::move(listener));
  return impl_->last_listener;
}
void NodeRuntime::RemoveReportListener(std::uint64_t number) {
  impl_->report_listeners.erase(number);
}
std::uint64_t NodeRuntime::AddEventListener(EventListener listener) {
  if (impl_->event_listeners.size() >= kListenersMax) return 0;
  impl_->event_listeners[++impl_->last_listener] =
      std::make_shared<EventListener>(std::move(listener));
  return impl_->last_listener;
}
void NodeRuntime::RemoveEventListener(std::uint64_t number) {
  impl_->event_listeners.erase(number);
}

std::vector<Event> NodeRuntime::Events(std::uint64_t after, std::size_t count_max) const {
  const std::deque<Event>& events = impl_->events;
  std::vector<Event> out;
  auto it =
      std::upper_bound(events.begin(), events.end(), after,
                       [](std::uint64_t number, const Event& e) { return number < e.number; });
  for (; it != events.end() && out.size() < count_max; ++it) out.push_back(*it);
  return out;
}

std::vector<LinkStatus> NodeRuntime::Links() const {
  const std::vector<LinkStatus> known = impl_->core->Links();
  std::vector<LinkStatus> out;
  for (std::size_t i = 0; i < impl_->transports.size(); ++i) {
    LinkStatus s;
    s.id = LinkId(static_cast<std::uint16_t>(i + 1));
    const LinkConfig& config = impl_->config.links[i];
    s.info.transport = config.transport;
    s.info.name = !config.interface.empty() ? config.interface
                  : !config.listen.empty()  ? config.listen
                  : !config.peers.empty()   ? config.peers.front()
                                            : config.transport;
    const auto it =
        std::find_if(known.begin(), known.end(), [&](const LinkStatus& k) { return k.id == s.id; });
    if (it != known.end()) s = *it;
    s.radio = impl_->transports[i]->RadioState();
    s.telemetry = impl_->transports[i]->Telemetry(PeerAddress::Broadcast());
    out.push_back(std::move(s));
  }
  return out;
}

std::optional<LinkTelemetry> NodeRuntime::Telemetry(LinkId link, const PeerAddress& peer) const {
  const std::size_t i = std::size_t{link.value} - 1;
  if (link.value == 0 || i >= impl_->transports.size()) return std::nullopt;
  return impl_->transports[i]->Telemetry(peer);
}

std::map<std::string, std::uint64_t> NodeRuntime::Counters() const {
  std::map<std::string, std::uint64_t> out = impl_->core->Counters();
  TransportCounters sum;
  for (const auto& transport : impl_->transports) {
    const TransportCounters& c = transport->counters();
    sum.frames_sent += c.frames_sent;
    sum.frames_received += c.frames_received;
    sum.bytes_sent += c.bytes_sent;
    sum.bytes_received += c.bytes_received;
    sum.send_errors += c.send_errors;
    sum.system_calls += c.system_calls;
  }
  out["link_frames_sent_total"] = sum.frames_sent;
  out["link_frames_received_total"] = sum.frames_received;
  out["link_bytes_sent_total"] = sum.bytes_sent;
  out["link_bytes_received_total"] = sum.bytes_received;
  out["link_send_errors_total"] = sum.send_errors;
  out["link_system_calls_total"] = sum.system_calls;
  out["deliveries_unclaimed_total"] = impl_->deliveries_unclaimed;
  out["store_groups_written_total"] = impl_->commits->groups_written();
  out["store_writes_failed_total"] = impl_->commits->writes_failed();
  out["store_writes_refused_total"] = impl_->persists_refused;
  out["submits_refused_by_store_total"] = impl_->submits_refused_store;
  if (impl_->tun != nullptr) {
    const TunPort::Counters& t = impl_->tun->counters();
    out["tun_packets_read_total"] = t.packets_read;
    out["tun_held_back_total"] = impl_->tun_holds;
    out["tun_packets_written_total"] = t.packets_written;
    out["tun_dropped_malformed_total"] = t.dropped_malformed;
    out["tun_dropped_multicast_total"] = t.dropped_multicast;
    out["tun_dropped_unknown_total"] = t.dropped_unknown;
    out["tun_dropped_refused_total"] = t.dropped_refused;
    out["tun_dropped_spoofed_total"] = t.dropped_spoofed;
    out["tun_dropped_by_kernel_total"] = t.dropped_by_kernel;
    out["tun_unreachable_sent_total"] = t.unreachable_sent;
  }
  return out;
}

}  // namespace selvage
