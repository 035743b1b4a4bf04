#include "agents/control/control_server.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <map>
#include <vector>

#include "agents/control/commands.h"
#include "agents/control/control_connection.h"
#include "agents/control/control_socket.h"

namespace selvage {
namespace {

using control::Json;

// Connections handled in one turn of the reactor; the rest waits for the next.
constexpr int kEventsPerTurn = 16;
// Requests answered for one connection in one turn.
constexpr int kRequestsPerTurn = 8;

std::string ErrorLine(const std::string& error, bool usage) {
  return control::Line(Json{{"ok", false}, {"error", error}, {"usage", usage}});
}

absl::Status SystemError(const char* what) {
  return absl::UnavailableError(std::string(what) + ": " + strerror(errno));
}

}  // namespace

struct ControlServer::Impl {
  explicit Impl(AgentView& a) : agent(a) {}
  ~Impl();

  absl::Status Open(const std::string& path);
  absl::Status Watch(int fd);
  void OnReadable();
  void OnListen();
  void OnTimer();
  // All three: false when the connection is to be dropped.
  bool OnClient(ControlConnection& client, std::uint32_t events);
  bool AnswerRequests(ControlConnection& client);
  bool AnswerOne(ControlConnection& client, const std::string& line);
  bool StartFollowing(ControlConnection& client, const Json& request);
  bool Send(ControlConnection& client, const std::string& line);
  void WatchWritable(ControlConnection& client);
  void ArmTimer(bool on);
  void OnEvent(const Event& event);
  void Drop(int fd);

  AgentView& agent;
  std::unique_ptr<AgentView> owned;  // empty: somebody else's; outlives what ~Impl() does
  std::string path;
  int listen_fd = -1;
  int epoll_fd = -1;
  int timer_fd = -1;
  bool timer_armed = false;
  bool registered = false;
  std::uint64_t listener = 0;
  std::map<int, std::unique_ptr<ControlConnection>> clients;
  Counters counters;
};

ControlServer::Impl::~Impl() {
  if (registered) {
    agent.RemoveEventListener(listener);
    agent.reactor().RemoveFd(epoll_fd);
  }
  clients.clear();
  if (listen_fd >= 0) {
    close(listen_fd);
    unlink(path.c_str());
  }
  if (timer_fd >= 0) close(timer_fd);
  if (epoll_fd >= 0) close(epoll_fd);
}

absl::Status ControlServer::Impl::Watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) return SystemError("epoll_ctl");
  return absl::OkStatus();
}

absl::Status ControlServer::Impl::Open(const std::string& where) {
  path = where;
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return SystemError("epoll_create1");
  timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (timer_fd < 0) return SystemError("timerfd_create");
  auto fd = ListenUnix(path, static_cast<int>(kClientsMax));
  if (!fd.ok()) return fd.status();
  listen_fd = *fd;
  if (absl::Status s = Watch(listen_fd); !s.ok()) return s;
  if (absl::Status s = Watch(timer_fd); !s.ok()) return s;
  agent.reactor().AddFd(epoll_fd, [this] { OnReadable(); });
  listener = agent.AddEventListener([this](const Event& event) { OnEvent(event); });
  registered = true;
  return absl::OkStatus();
}

void ControlServer::Impl::OnReadable() {
  epoll_event events[kEventsPerTurn];
  int n = epoll_wait(epoll_fd, events, kEventsPerTurn, 0);
  for (int i = 0; i < n; ++i) {
    int fd = events[i].data.fd;
    if (fd == listen_fd) {
      OnListen();
    } else if (fd == timer_fd) {
      OnTimer();
    } else if (auto client = clients.find(fd); client != clients.end()) {
      if (!OnClient(*client->second, events[i].events)) Drop(fd);
    }
  }
}

void ControlServer::Impl::OnListen() {
  int fd = accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (clients.size() >= kClientsMax) {
    ++counters.clients_refused;
    std::string line = ErrorLine("too many clients on the control socket; try again", false);
    (void)!send(fd, line.data(), line.size(), MSG_NOSIGNAL);
    close(fd);
    return;
  }
  auto client = std::make_unique<ControlConnection>(fd, kRequestBytesMax, kReplyBytesMax);
  if (!Watch(fd).ok()) return;
  ++counters.clients_accepted;
  clients.emplace(fd, std::move(client));
}

bool ControlServer::Impl::OnClient(ControlConnection& client, std::uint32_t events) {
  Time now = agent.now();
  if ((events & EPOLLOUT) != 0 && !client.Flush(now)) return false;
  bool alive = true;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) alive = client.Read();
  if (client.following) {
    // What a follower still sends is of no interest; that it closed is.
    client.Discard();
    if (!alive) return false;
  } else if (!AnswerRequests(client)) {
    return false;
  }
  // A client may close its writing half and still read the answers to what it asked.
  if (!alive) client.ended = true;
  bool more = client.HasLine() && !client.close_when_written;
  if (!client.waiting() && (client.close_when_written || (client.ended && !more))) return false;
  WatchWritable(client);
  return true;
}

bool ControlServer::Impl::AnswerRequests(ControlConnection& client) {
  for (int i = 0; i < kRequestsPerTurn; ++i) {
    if (client.waiting() || client.close_when_written || client.following) return true;
    std::optional<std::string> line = client.NextLine();
    if (!line) {
      if (!client.RequestTooLong()) return true;
      ++counters.requests_bad;
      client.close_when_written = true;
      return Send(
          client,
          ErrorLine("a request has at most " + std::to_string(kRequestBytesMax) + " bytes", true));
    }
    if (!AnswerOne(client, *line)) return false;
  }
  // More requests may wait in the buffer, which epoll does not know: come again by the timer.
  ArmTimer(true);
  return true;
}

bool ControlServer::Impl::AnswerOne(ControlConnection& client, const std::string& line) {
  ++counters.requests;
  Json request = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (request.is_discarded()) {
    ++counters.requests_bad;
    return Send(client, ErrorLine("the request is not JSON", true));
  }
  if (request.is_object() && request.value("command", Json()) == "events" &&
      request.value("follow", Json()) == true) {
    return StartFollowing(client, request);
  }
  control::Answer answer = control::Run(agent, request);
  if (!answer.ok()) {
    bool usage = absl::IsInvalidArgument(answer.status());
    if (usage) ++counters.requests_bad;
    return Send(client, ErrorLine(std::string(answer.status().message()), usage));
  }
  std::string reply = control::Line(Json{{"ok", true}, {"result", *std::move(answer)}});
  if (reply.size() > kReplyBytesMax)
    reply = ErrorLine("the answer is too large; ask for less", false);
  return Send(client, reply);
}

bool ControlServer::Impl::StartFollowing(ControlConnection& client, const Json& request) {
  Json without = request;
  without.erase("follow");
  control::Answer answer = control::Run(agent, without);
  if (!answer.ok()) {
    ++counters.requests_bad;
    return Send(client, ErrorLine(std::string(answer.status().message()), true));
  }
  client.following = true;
  for (const Json& event : *answer) {
    if (!Send(client, control::Line(Json{{"ok", true}, {"result", event}}))) return false;
  }
  return true;
}

bool ControlServer::Impl::Send(ControlConnection& client, const std::string& line) {
  if (client.Write(line, agent.now())) return true;
  if (client.waiting()) ++counters.clients_too_slow;
  return false;
}

void ControlServer::Impl::WatchWritable(ControlConnection& client) {
  // While something waits the client's requests are left in the kernel, hence no EPOLLIN then: that
  // is the back-pressure. A follower is still watched for its end.
  bool wanted = client.waiting();
  if (wanted) ArmTimer(true);
  if (wanted == client.writable_wanted) return;
  epoll_event event{};
  event.events = wanted ? (EPOLLOUT | (client.following ? EPOLLIN : 0u)) : EPOLLIN;
  event.data.fd = client.fd();
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, client.fd(), &event);
  client.writable_wanted = wanted;
}

void ControlServer::Impl::ArmTimer(bool on) {
  if (on == timer_armed) return;
  itimerspec when{};
  // A second is fine enough to find a stall; requests left over from a burst come again at once.
  when.it_value.tv_nsec = on ? 1 : 0;
  when.it_interval.tv_sec = on ? 1 : 0;
  timerfd_settime(timer_fd, 0, &when, nullptr);
  timer_armed = on;
}

void ControlServer::Impl::OnTimer() {
  std::uint64_t times = 0;
  (void)!read(timer_fd, &times, sizeof(times));
  ArmTimer(false);
  Time now = agent.now();
  std::vector<int> gone;
  bool again = false;
  for (auto& [fd, client] : clients) {
    if (client->waiting()) {
      again = true;
      if (now - client->last_progress() > std::chrono::seconds(kStallSeconds)) {
        ++counters.clients_too_slow;
        gone.push_back(fd);
      }
    } else if (!OnClient(*client, 0)) {
      gone.push_back(fd);
    }
  }
  for (int fd : gone) Drop(fd);
  if (again && !timer_armed) {
    itimerspec when{};
    when.it_value.tv_sec = when.it_interval.tv_sec = 1;
    timerfd_settime(timer_fd, 0, &when, nullptr);
    timer_armed = true;
  }
}

void ControlServer::Impl::OnEvent(const Event& event) {
  std::string line;
  for (auto& [fd, client] : clients) {
    if (!client->following) continue;
    if (line.empty()) {
      line = control::Line(Json{{"ok", true}, {"result", control::EventJson(event, agent.now())}});
    }
    if (Send(*client, line)) {
      WatchWritable(*client);
    } else {
      // Dropped in its own turn: this may be running inside the handling of a request.
      client->following = false;
      client->close_when_written = true;
      shutdown(fd, SHUT_RDWR);
    }
  }
}

void ControlServer::Impl::Drop(int fd) {
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
  clients.erase(fd);
}

ControlServer::ControlServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlServer::~ControlServer() = default;
const ControlServer::Counters& ControlServer::counters() const { return impl_->counters; }

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Create(AgentView& agent,
                                                                     const std::string& path) {
  auto impl = std::make_unique<Impl>(agent);
  if (absl::Status s = impl->Open(path); !s.ok()) return s;
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(impl)));
}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Create(
    std::unique_ptr<AgentView> agent, const std::string& path) {
  auto server = Create(*agent, path);
  if (server.ok()) (*server)->impl_->owned = std::move(agent);
  return server;
}

}  // namespace selvage
