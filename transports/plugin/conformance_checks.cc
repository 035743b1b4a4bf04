#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>

#include "transports/plugin/conformance_rig.h"

namespace selvage {
namespace {

using What = SendAnswer::What;
using Instance = ConformanceRig::Instance;

constexpr Duration kArrives = 3s;
constexpr int kOverloadUnits = 20000;
constexpr std::size_t kGrowthMax = 64 << 20;

void Expect(bool condition, const std::string& text) {
  if (!condition) throw ConformanceFailure{text};
}

const char* NameOf(What what) {
  switch (what) {
    case What::kAccepted:
      return "ACCEPTED";
    case What::kBusy:
      return "BUSY";
    case What::kNoBudget:
      return "NO_BUDGET";
    case What::kTooBig:
      return "TOO_BIG";
    case What::kDown:
      return "DOWN";
    case What::kRefused:
      return "REFUSED";
  }
  return "?";
}

void ExpectAnswer(const SendAnswer& answer, What wanted, const std::string& to_what) {
  Expect(answer.what == wanted, to_what + " is answered with " + NameOf(answer.what) + ", not " +
                                    NameOf(wanted));
}

int OpenDescriptors() {
  DIR* folder = opendir("/proc/self/fd");
  if (folder == nullptr) return -1;
  int count = 0;
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

std::size_t ResidentBytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long total = 0;
  unsigned long resident = 0;
  const int n = std::fscanf(file, "%lu %lu", &total, &resident);
  std::fclose(file);
  return n == 2 ? resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) : 0;
}

// A unit that arrives at the other instance, by broadcast, and with it the sender's address.
Bytes Exchange(ConformanceRig* rig, Instance* from, Instance* to, std::size_t size,
               const std::string& when) {
  const Bytes data = rig->Random(size);
  const std::string unit =
      "a unit of " + std::to_string(size) + " bytes" + (when.empty() ? "" : " " + when);
  ExpectAnswer(rig->SendPatiently(from, {}, data), What::kAccepted, unit);
  Expect(rig->Turn(kArrives, [&] { return ConformanceRig::Has(*to, data); }),
         unit + " does not arrive unchanged at the second instance");
  for (const auto& unit : to->received) {
    if (unit.data == data) return unit.from;
  }
  return {};
}

void NeedsBroadcast(const Instance& instance) {
  if (!instance.caps.info.broadcast) {
    throw ConformanceSkip{"no broadcast: the suite does not know whom to address"};
  }
}

std::string Contract(ConformanceRig* rig) {
  PluginSettings odd = rig->settings();
  odd.settings.emplace_back("no-such-setting-as-this", "1");
  const auto made = NewLocalDriver(rig->api(), odd);
  Expect(!made.ok(), "a setting that does not exist is taken without a word");
  Expect(made.status().message().find("does not say why") == std::string::npos,
         "a setting that does not exist is refused without a word");
  odd.settings.back() = {std::string(1000, 'k'), std::string(100'000, 'v')};
  Expect(!NewLocalDriver(rig->api(), odd).ok(), "a setting of 100,000 bytes is taken");
  rig->Make();  // first, for what is opened once
  const int before = OpenDescriptors();
  for (int i = 0; i < 32; ++i) {
    Instance instance = rig->Make();
    if (i % 2 == 0) {
      rig->Start(&instance);
      if (i % 4 == 0) instance.driver->Stop(rig->Now());
    }
  }
  const int after = OpenDescriptors();
  Expect(after <= before, "32 instances leave " + std::to_string(after - before) +
                              " descriptors open when they are destroyed");
  return std::string(rig->api().name) + " " + PluginText(rig->api().version, 31);
}

std::string Versions(ConformanceRig* rig) {
  const selvage_transport_api& api = rig->api();
  // An older host: its structure ends earlier, and what is behind it is not the plug-in's.
  Instance instance = rig->Make();
  rig->Start(&instance);
  instance.driver->Stop(rig->Now());
  instance.driver.reset();
  selvage_transport* t = nullptr;
  std::vector<selvage_setting> list;
  for (const auto& [k, v] : rig->settings().settings) list.push_back({k.c_str(), v.c_str()});
  selvage_transport_config config{};
  config.struct_size = sizeof(config);
  config.settings = list.data();
  config.setting_count = static_cast<std::uint32_t>(list.size());
  config.interface_name = rig->settings().interface.c_str();
  config.seed = 7;
  char error[256] = "";
  Expect(api.create(&config, &t, error, sizeof(error)) == 0, "create() fails the second time");
  for (const std::size_t size : {offsetof(selvage_transport_caps, tariff),
                                 offsetof(selvage_transport_caps, has_budget)}) {
    selvage_transport_caps caps;
    std::memset(&caps, 0, size);
    std::memset(reinterpret_cast<char*>(&caps) + size, 0x5a, sizeof(caps) - size);
    caps.struct_size = static_cast<std::uint32_t>(size);
    api.get_caps(t, ToNanos(rig->Now()), &caps);
    const auto* bytes = reinterpret_cast<const unsigned char*>(&caps);
    const bool intact = std::all_of(bytes + size, bytes + sizeof(caps),
                                    [](unsigned char b) { return b == 0x5a; });
    Expect(intact, "get_caps() writes behind a structure of " + std::to_string(size) +
                       " bytes, as an older host has it");
  }
  api.destroy(t);
  return "";
}

std::string Start(ConformanceRig* rig) {
  const Time begun = rig->Now();
  rig->BringUp(1);
  Instance& a = rig->at(0);
  rig->ExpectNoFaults();
  Expect(a.driver->fd() >= 0 || a.driver->NextDeadline() != SELVAGE_NEVER,
         "there is neither a descriptor nor a deadline: nobody would ask for events");
  // On an idle link it must be possible to sleep.
  rig->Turn(300ms, nullptr);
  selvage_event event;
  int wakes = 0;
  for (int i = 0; i < 100; ++i) {
    if (PluginTime(a.driver->NextDeadline()) > rig->Now()) break;
    while (a.driver->NextEvent(rig->Now(), &event)) {
    }
    ++wakes;
  }
  Expect(wakes < 100, "the deadline lies in the past and stays there: a node could never sleep");
  const double ms = ToMillis(rig->Now() - begun - 300ms);
  return "up in " + std::to_string(static_cast<int>(ms)) + " ms, units of " +
         std::to_string(a.caps.mtu);
}

std::string MtuEdge(ConformanceRig* rig) {
  rig->BringUp(2);
  Instance& a = rig->at(0);
  const std::size_t mtu = a.caps.mtu;
  for (const std::size_t more : {mtu + 1, mtu + 100, std::size_t{65535}}) {
    rig->ReadCaps(&a);
    // What the medium carries beyond what a host ever sends is not tried.
    if (more <= SELVAGE_UNIT_MAX || more == 65535) {
      ExpectAnswer(rig->Send(&a, {}, rig->Random(more)), What::kTooBig,
                   "a unit of " + std::to_string(more) + " bytes, with a largest of " +
                       std::to_string(mtu));
    }
  }
  ExpectAnswer(rig->Send(&a, {}, {}), What::kRefused, "an empty unit");
  NeedsBroadcast(a);
  const std::set<std::size_t> sizes{1, 2, SELVAGE_UNIT_MIN, mtu / 2, mtu - 1, mtu};
  for (const std::size_t size : sizes) Exchange(rig, &a, &rig->at(1), size, "");
  const Bytes address = Exchange(rig, &rig->at(1), &a, mtu, "the other way");
  const Bytes back = rig->Random(mtu);
  ExpectAnswer(rig->SendPatiently(&a, address, back), What::kAccepted,
               "an answer to the address a unit came from");
  Expect(rig->Turn(kArrives, [&] { return ConformanceRig::Has(rig->at(1), back); }),
         "an answer to the address a unit came from does not arrive");
  rig->ExpectNoFaults();
  return std::to_string(sizes.size()) + " sizes up to " + std::to_string(mtu);
}

std::string Overload(ConformanceRig* rig) {
  rig->BringUp(2);
  Instance& a = rig->at(0);
  const std::size_t before = ResidentBytes();
  int accepted = 0;
  int busy = 0;
  for (int i = 0; i < kOverloadUnits; ++i) {  // nobody drains
    const SendAnswer answer = rig->Send(&a, {}, rig->Random(a.caps.mtu));
    if (answer.what == What::kAccepted) ++accepted;
    if (answer.what == What::kBusy) ++busy;
    Expect(answer.what == What::kAccepted || answer.what == What::kBusy ||
               answer.what == What::kNoBudget,
           std::string("under load send() says ") + NameOf(answer.what));
  }
  const std::size_t after = ResidentBytes();
  Expect(after < before + kGrowthMax, "its buffer grows without a bound: " +
                                          std::to_string((after - before) >> 20) + " MB for " +
                                          std::to_string(kOverloadUnits) + " units");
  rig->ExpectNoFaults();
  // And it recovers: what stands in queues goes, and new units are taken.
  rig->Turn(kArrives, [&] { return rig->Send(&a, {}, rig->Random(32)).what == What::kAccepted; });
  ExpectAnswer(rig->SendPatiently(&a, {}, rig->Random(32)), What::kAccepted,
               "a unit after the load");
  return std::to_string(accepted) + " taken, " + std::to_string(busy) + " told to wait";
}

std::string HotUnplug(ConformanceRig* rig) {
  rig->BringUp(2);
  Instance& a = rig->at(0);
  const auto comes_back = [&](const std::string& after) {
    Expect(rig->Turn(rig->patience(), [&] { return a.caps.up; }),
           "the link does not come back " + after);
    if (a.caps.info.broadcast) {
      Exchange(rig, &a, &rig->at(1), 32, after);
      Exchange(rig, &rig->at(1), &a, 32, after);
    }
  };
  for (int i = 0; i < 50; ++i) rig->Send(&a, {}, rig->Random(a.caps.mtu));
  a.driver->Stop(rig->Now());
  rig->ReadCaps(&a);
  Expect(!a.caps.up, "after stop() the link is still up");
  ExpectAnswer(rig->Send(&a, {}, rig->Random(32)), What::kDown, "a unit after stop()");
  rig->Start(&a);
  comes_back("after stop() and start()");
  if (!rig->Fault(&a, SELVAGE_FAULT_UNPLUG, true)) return "stop and start; no unplug to inject";
  Expect(rig->Turn(rig->patience(), [&] { return !a.caps.up; }),
         "the device is gone and no event says so");
  Expect(!a.caps.reason.empty(), "the device is gone and caps.reason does not say why");
  ExpectAnswer(rig->Send(&a, {}, rig->Random(32)), What::kDown, "a unit without a device");
  rig->Turn(1s, nullptr);
  rig->Fault(&a, SELVAGE_FAULT_UNPLUG, false);
  comes_back("when the device does");
  rig->ExpectNoFaults();
  return "stop and start, unplugged and back";
}

std::string OneWay(ConformanceRig* rig) {
  rig->BringUp(2);
  Instance& a = rig->at(0);
  NeedsBroadcast(a);
  const Bytes address = Exchange(rig, &rig->at(1), &a, 32, "");
  rig->at(1).driver->Stop(rig->Now());  // the neighbour is gone, the medium is not
  for (int i = 0; i < 200; ++i) {
    const SendAnswer answer = rig->Send(&a, i % 2 == 0 ? address : Bytes(), rig->Random(32));
    Expect(answer.what != What::kDown && answer.what != What::kTooBig,
           std::string("a neighbour that is gone makes send() say ") + NameOf(answer.what));
    rig->Turn(1ms, nullptr);
  }
  Expect(a.caps.up, "a neighbour that is gone takes the link down: others may still be there");
  rig->Start(&rig->at(1));
  Expect(rig->Turn(rig->patience(), [&] { return rig->at(1).caps.up; }),
         "the neighbour does not come back");
  Exchange(rig, &a, &rig->at(1), 32, "when the neighbour is back");
  if (!rig->Fault(&a, SELVAGE_FAULT_DEAF, true)) return "neighbour gone and back";
  Exchange(rig, &a, &rig->at(1), 32, "from one that hears nothing");
  a.received.clear();
  rig->SendPatiently(&rig->at(1), {}, rig->Random(32));
  rig->Turn(200ms, nullptr);
  Expect(a.received.empty(), "it hears while it should be deaf");
  rig->Fault(&a, SELVAGE_FAULT_DEAF, false);
  Exchange(rig, &rig->at(1), &a, 32, "to one that hears again");
  rig->ExpectNoFaults();
  return "neighbour gone and back, deaf and back";
}

std::string Budget(ConformanceRig* rig) {
  rig->BringUp(1);
  Instance& a = rig->at(0);
  if (rig->Fault(&a, SELVAGE_FAULT_NO_BUDGET, true)) {
    const SendAnswer answer = rig->Send(&a, {}, rig->Random(32));
    ExpectAnswer(answer, What::kNoBudget, "a unit without budget");
    Expect(answer.retry_at > rig->Now(), "without budget it may be tried again at once");
    rig->Turn(300ms, nullptr);
    rig->ReadCaps(&a);
    Expect(a.caps.up, "without budget the link is down: others could still be heard");
    Expect(!a.caps.can_send_now, "without budget CAN_SEND_NOW is still set");
    rig->Fault(&a, SELVAGE_FAULT_NO_BUDGET, false);
    rig->Turn(300ms, nullptr);
    ExpectAnswer(rig->SendPatiently(&a, {}, rig->Random(32)), What::kAccepted,
                 "a unit with a new budget");
    rig->ExpectNoFaults();
    return "used up and renewed";
  }
  rig->ReadCaps(&a);
  if (!a.caps.has_budget) throw ConformanceSkip{"it has no budget and injects none"};
  if (a.caps.budget_bytes_left > (1u << 20)) {
    throw ConformanceSkip{"its budget is more than a megabyte: not used up here"};
  }
  std::uint64_t taken = 0;
  const std::uint64_t left = a.caps.budget_bytes_left;
  for (int i = 0; i < kOverloadUnits; ++i) {
    const SendAnswer answer = rig->SendPatiently(&a, {}, rig->Random(a.caps.mtu));
    if (answer.what == What::kNoBudget) return std::to_string(taken) + " bytes, then NO_BUDGET";
    ExpectAnswer(answer, What::kAccepted, "a unit within the budget");
    taken += a.caps.mtu;
    Expect(taken <= left, "it takes more than the budget that it says is left");
  }
  throw ConformanceFailure{"the budget never ends"};
}

std::string Garbage(ConformanceRig* rig) {
  rig->BringUp(2);
  Instance& a = rig->at(0);
  const auto survives = [&](const Bytes& to, const std::string& what) {
    const SendAnswer answer = rig->Send(&a, to, rig->Random(32));
    Expect(answer.what == What::kAccepted || answer.what == What::kRefused ||
               answer.what == What::kBusy,
           what + " is answered with " + NameOf(answer.what));
  };
  for (std::size_t size = 1; size <= SELVAGE_ADDRESS_MAX; ++size) {
    survives(Bytes(size, 0xff), "an address that nobody has");
    survives(Bytes(size, 0), "an address of zeros");
  }
  for (const std::size_t size : {std::size_t{32}, std::size_t{255}, std::size_t{65536}}) {
    ExpectAnswer(rig->Send(&a, rig->Random(size), rig->Random(32)), What::kRefused,
                 "an address of " + std::to_string(size) + " bytes");
  }
  NeedsBroadcast(a);
  // Whatever is inside, it arrives as it was or not at all.
  rig->at(1).received.clear();
  std::set<Bytes> sent;
  for (int i = 0; i < 200; ++i) {
    Bytes data = rig->Random(1 + static_cast<std::size_t>(i) * 7 % a.caps.mtu);
    if (i % 10 == 0) std::fill(data.begin(), data.end(), i % 20 == 0 ? 0 : 0xff);
    if (rig->SendPatiently(&a, {}, data).what == What::kAccepted) sent.insert(data);
    rig->Turn(1ms, nullptr);
  }
  rig->Turn(500ms, nullptr);
  for (const auto& unit : rig->at(1).received) {
    Expect(sent.count(unit.data) != 0, "a unit arrives that nobody sent: changed, cut or joined");
  }
  const std::size_t arrived = rig->at(1).received.size();
  Exchange(rig, &a, &rig->at(1), 32, "after the garbage");
  rig->ExpectNoFaults();
  return std::to_string(arrived) + " of " + std::to_string(sent.size()) +
         " arrived, all as sent";
}

std::string ClockJump(ConformanceRig* rig) {
  rig->BringUp(2);
  Instance& a = rig->at(0);
  for (const Duration by : {Duration(1h), Duration(24h), Duration(24h * 365)}) {
    rig->Jump(by);
    const Time now = rig->Now();
    selvage_event event;
    int events = 0;
    for (Instance* i : {&a, &rig->at(1)}) {
      while (events < 10000 && i->driver->NextEvent(now, &event)) ++events;
    }
    Expect(events < 10000, "after a jump of the clock its events do not end: what was missed is "
                           "made up for");
    Expect(rig->Turn(rig->patience(), [&] { return a.caps.up && rig->at(1).caps.up; }),
           "after a jump of the clock the link does not come back");
    ExpectAnswer(rig->SendPatiently(&a, {}, rig->Random(32)), What::kAccepted,
                 "a unit after a jump of the clock");
    const Time due = PluginTime(a.driver->NextDeadline());
    Expect(due == kNever || due < rig->Now() + 24h,
           "after a jump of the clock its deadline is more than a day off");
  }
  if (a.caps.info.broadcast) Exchange(rig, &a, &rig->at(1), 32, "after jumps of the clock");
  rig->ExpectNoFaults();
  return "an hour, a day, a year";
}

std::string Telemetry(ConformanceRig* rig) {
  if (rig->api().describe == nullptr) throw ConformanceSkip{"it has no telemetry"};
  rig->BringUp(2);
  Instance& a = rig->at(0);
  Expect(a.schema.size() > 0, "describe() describes nothing");
  rig->ExpectNoFaults();
  Duration longest = 1s;
  for (const selvage_telemetry_field& f : a.driver->Schema()) {
    longest = std::max<Duration>(longest, std::chrono::milliseconds(f.period_ms));
  }
  for (int i = 0; i < 10; ++i) rig->Send(&a, {}, rig->Random(32));
  const bool sampled =
      rig->Turn(std::min<Duration>(3 * longest, rig->patience()), [&] { return a.samples > 0; });
  Expect(sampled || 3 * longest > rig->patience(),
         "three periods of its own schema bring no sample");
  rig->ExpectNoFaults();
  return std::to_string(a.schema.size()) + " fields, " + std::to_string(a.samples) + " samples";
}

}  // namespace

const std::vector<ConformanceEntry>& ConformanceEntries() {
  static const auto* entries = new std::vector<ConformanceEntry>{
      {"contract", "the table, unknown settings, nothing left open", Contract},
      {"versions", "an older host's shorter structures are respected", Versions},
      {"start", "comes up, says what it can, lets the node sleep", Start},
      {"mtu-edge", "the largest unit passes, one byte more is TOO_BIG", MtuEdge},
      {"overload", "bounded, never blocking, back to normal afterwards", Overload},
      {"hot-unplug", "stopped or unplugged: DOWN at once, and back by itself", HotUnplug},
      {"one-way", "a silent neighbour is no failure of the link", OneWay},
      {"budget", "used up: NO_BUDGET with a time, nothing beyond", Budget},
      {"garbage", "senseless addresses and bytes do no harm", Garbage},
      {"clock-jump", "a machine that slept for an hour, a day, a year", ClockJump},
      {"telemetry", "samples keep to their schema", Telemetry},
  };
  return *entries;
}

}  // namespace selvage
