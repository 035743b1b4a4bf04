/* An example of a transport for Selvage: everybody in a room hears everybody, over UNIX datagrams.
 *
 * A room is a directory; each station has a socket in it, named by its random number. A unit is a
 * datagram: the sender's number in 8 bytes, then the data. Real radios differ in what they open and
 * how long it takes, not in the shape of this file. docs/plugins.md walks through it.
 *
 *   cc -shared -fPIC -o room.so room_transport.c $(pkg-config --cflags selvage)
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <selvage/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { ID_BYTES = 8, STATIONS_MAX = 64, FIELDS = 2 };
#define SECOND INT64_C(1000000000)
#define REOPEN_NS (SECOND / 2)
#define BUSY_NS (SECOND / 200)

struct selvage_transport {
  char directory[80];
  uint32_t mtu;
  uint64_t id;
  uint64_t seed;
  int epoll_fd; /* the same from start to stop; the socket behind it comes and goes */
  int socket_fd;
  int64_t reopen_at;
  int64_t sample_at;
  int tell; /* capabilities have changed */
  int unplugged, deaf, no_budget;
  uint64_t sent, lost;
  uint8_t buffer[ID_BYTES + SELVAGE_UNIT_MAX];
  double values[FIELDS];
  char reason[128];
};

static int say(char* error, size_t size, const char* text, const char* about) {
  snprintf(error, size, "%s%s", text, about);
  return -1;
}

/* ---- making and starting */

static int create(const selvage_transport_config* config, selvage_transport** out, char* error,
                  size_t error_size) {
  selvage_transport* t = calloc(1, sizeof(*t));
  if (t == NULL) return say(error, error_size, "no memory", "");
  snprintf(t->directory, sizeof(t->directory), "/tmp/selvage-room");
  t->mtu = 200;
  t->epoll_fd = t->socket_fd = -1;
  t->seed = config->seed;
  for (uint32_t i = 0; i < config->setting_count; ++i) {
    const char* key = config->settings[i].key;
    const char* value = config->settings[i].value;
    if (strcmp(key, "directory") == 0 && strlen(value) < sizeof(t->directory)) {
      snprintf(t->directory, sizeof(t->directory), "%s", value);
    } else if (strcmp(key, "mtu") == 0) {
      t->mtu = (uint32_t)strtoul(value, NULL, 10);
    } else {
      free(t);
      return say(error, error_size, "settings are directory (short) and mtu, not ", key);
    }
  }
  if (t->mtu < SELVAGE_UNIT_MIN || t->mtu > SELVAGE_UNIT_MAX) {
    free(t);
    return say(error, error_size, "mtu must be 16 to 1453", "");
  }
  *out = t;
  return 0;
}

static struct sockaddr_un address_of(const selvage_transport* t, uint64_t id) {
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof(a.sun_path), "%s/%016" PRIx64, t->directory, id);
  return a;
}

static void close_socket(selvage_transport* t, const char* reason) {
  if (t->socket_fd >= 0) {
    const struct sockaddr_un a = address_of(t, t->id);
    unlink(a.sun_path);
    close(t->socket_fd); /* epoll forgets it */
    t->tell = 1;
  }
  t->socket_fd = -1;
  snprintf(t->reason, sizeof(t->reason), "%s", reason);
}

/* Opens the socket, or says when to try again. */
static void open_socket(selvage_transport* t, int64_t now) {
  t->reopen_at = now + REOPEN_NS + (int64_t)(t->seed % (uint64_t)(REOPEN_NS / 4));
  if (t->unplugged) return;
  mkdir(t->directory, 0770);
  t->id = (t->seed += 0x9e3779b97f4a7c15u); /* another station each time */
  const struct sockaddr_un a = address_of(t, t->id);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct epoll_event event = {.events = EPOLLIN};
  if (fd < 0 || bind(fd, (const struct sockaddr*)&a, sizeof(a)) != 0 ||
      epoll_ctl(t->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
    snprintf(t->reason, sizeof(t->reason), "cannot enter the room %s: %s", t->directory,
             strerror(errno));
    if (fd >= 0) close(fd);
    t->tell = 1;
    return;
  }
  t->socket_fd = fd;
  t->reopen_at = SELVAGE_NEVER;
  t->tell = 1;
}

static int start(selvage_transport* t, int64_t now, char* error, size_t error_size) {
  t->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (t->epoll_fd < 0) return say(error, error_size, "no descriptor", "");
  t->sample_at = now + SECOND;
  open_socket(t, now);
  return 0;
}

static void stop(selvage_transport* t, int64_t now) {
  (void)now;
  close_socket(t, "stopped");
  if (t->epoll_fd >= 0) close(t->epoll_fd);
  t->epoll_fd = -1;
  t->reopen_at = t->sample_at = SELVAGE_NEVER;
}

static void destroy(selvage_transport* t) {
  stop(t, 0);
  free(t);
}

/* ---- sending */

/* What our header does not know of is left alone: an older host has a shorter structure. */
#define HAS(s, member) \
  ((s)->struct_size >= offsetof(__typeof__(*(s)), member) + sizeof((s)->member))

static void get_caps(selvage_transport* t, int64_t now, selvage_transport_caps* caps) {
  if (HAS(caps, flags)) {
    caps->flags = SELVAGE_LINK_BROADCAST;
    if (t->socket_fd >= 0) caps->flags |= SELVAGE_LINK_UP;
    if (t->socket_fd >= 0 && !t->no_budget) caps->flags |= SELVAGE_LINK_CAN_SEND_NOW;
  }
  if (HAS(caps, mtu)) caps->mtu = t->mtu;
  if (HAS(caps, rate_bps)) caps->rate_bps = 100000000;
  if (HAS(caps, budget_renews_ns) && t->no_budget) {
    caps->has_budget = 1;
    caps->budget_renews_ns = now + SECOND;
  }
  if (HAS(caps, reason)) caps->reason = t->reason;
}

/* 1 it went, 0 nobody there, -1 the receiver's buffer is full. */
static int send_to(selvage_transport* t, uint64_t id, const uint8_t* data, size_t size) {
  const struct sockaddr_un a = address_of(t, id);
  if (sendto(t->socket_fd, data, size, MSG_NOSIGNAL, (const struct sockaddr*)&a, sizeof(a)) >= 0) {
    return 1;
  }
  if (errno == EAGAIN || errno == ENOBUFS) return -1;
  if (errno == ECONNREFUSED) unlink(a.sun_path); /* left behind by one that died */
  return 0;
}

static int send_unit(selvage_transport* t, int64_t now, const selvage_unit* unit,
                     int64_t* retry_at) {
  if (t->socket_fd < 0) return SELVAGE_SEND_DOWN;
  if (unit->data_size == 0 || unit->data == NULL) return SELVAGE_SEND_REFUSED;
  if (unit->data_size > t->mtu) return SELVAGE_SEND_TOO_BIG;
  if (t->no_budget) {
    *retry_at = now + SECOND;
    return SELVAGE_SEND_NO_BUDGET;
  }
  uint8_t bytes[ID_BYTES + SELVAGE_UNIT_MAX];
  memcpy(bytes, &t->id, ID_BYTES);
  memcpy(bytes + ID_BYTES, unit->data, unit->data_size);
  const size_t size = ID_BYTES + unit->data_size;
  if (unit->address_size == ID_BYTES) {
    uint64_t to;
    memcpy(&to, unit->address, ID_BYTES);
    const int went = send_to(t, to, bytes, size);
    *retry_at = now + BUSY_NS;
    if (went < 0) return SELVAGE_SEND_BUSY;
    ++*(went ? &t->sent : &t->lost); /* a medium does not know that nobody listens */
    return SELVAGE_SEND_ACCEPTED;
  }
  if (unit->address_size != 0) return SELVAGE_SEND_REFUSED;
  DIR* room = opendir(t->directory);
  if (room == NULL) return SELVAGE_SEND_DOWN;
  int stations = 0;
  for (const struct dirent* e; stations < STATIONS_MAX && (e = readdir(room)) != NULL;) {
    char* end;
    const uint64_t id = strtoull(e->d_name, &end, 16);
    if (end != e->d_name + 2 * ID_BYTES || *end != '\0' || id == t->id) continue;
    ++stations;
    ++*(send_to(t, id, bytes, size) > 0 ? &t->sent : &t->lost); /* who is full misses it */
  }
  closedir(room);
  return SELVAGE_SEND_ACCEPTED;
}

/* ---- events */

static int get_fd(selvage_transport* t) { return t->epoll_fd; }

static int64_t next_deadline(selvage_transport* t) {
  if (t->tell) return 0;
  return t->reopen_at < t->sample_at ? t->reopen_at : t->sample_at;
}

static int next_event(selvage_transport* t, int64_t now, selvage_event* event) {
  if (t->epoll_fd < 0) return 0;
  if (t->socket_fd < 0 && now >= t->reopen_at) open_socket(t, now);
  if (t->tell) {
    t->tell = 0;
    event->kind = SELVAGE_EVENT_CAPS;
    return 1;
  }
  while (t->socket_fd >= 0) {
    const ssize_t n = recv(t->socket_fd, t->buffer, sizeof(t->buffer), 0);
    if (n < 0) break;
    if (n <= ID_BYTES || t->deaf) continue;
    event->kind = SELVAGE_EVENT_RECEIVED;
    event->address = t->buffer;
    event->address_size = ID_BYTES;
    event->data = t->buffer + ID_BYTES;
    event->data_size = (uint32_t)(n - ID_BYTES);
    return 1;
  }
  if (now >= t->sample_at && t->socket_fd >= 0) {
    t->sample_at = now + SECOND;
    const uint64_t total = t->sent + t->lost;
    t->values[0] = total > 0 ? (double)t->lost / (double)total : 0;
    t->values[1] = (double)t->sent;
    event->kind = SELVAGE_EVENT_TELEMETRY;
    event->values = t->values;
    event->value_count = FIELDS;
    event->present = total > 0 ? 3 : 2; /* without a unit sent there is no ratio */
    t->lost = t->sent = 0;
    return 1;
  }
  if (now >= t->sample_at) t->sample_at = now + SECOND;
  return 0;
}

static uint32_t describe(selvage_transport* t, const selvage_telemetry_field** fields) {
  (void)t;
  static const selvage_telemetry_field kFields[FIELDS] = {
      {sizeof(selvage_telemetry_field), 1000, "fail_ratio", "", 0, 1},
      {sizeof(selvage_telemetry_field), 1000, "units_sent", "", 0, 1e9}};
  *fields = kFields;
  return FIELDS;
}

static int inject_fault(selvage_transport* t, int64_t now, int fault, int on) {
  switch (fault) {
    case SELVAGE_FAULT_UNPLUG:
      t->unplugged = on;
      if (on) close_socket(t, "unplugged");
      t->reopen_at = now + REOPEN_NS;
      return 0;
    case SELVAGE_FAULT_DEAF:
      t->deaf = on;
      return 0;
    case SELVAGE_FAULT_NO_BUDGET:
      t->no_budget = on;
      t->tell = 1;
      return 0;
  }
  return -1;
}

const selvage_transport_api* selvage_transport_plugin(uint32_t host_abi) {
  static const selvage_transport_api kApi = {
      .struct_size = sizeof(selvage_transport_api),
      .abi_version = SELVAGE_TRANSPORT_ABI,
      .name = "room",
      .version = "1",
      .create = create,
      .destroy = destroy,
      .start = start,
      .stop = stop,
      .get_caps = get_caps,
      .send = send_unit,
      .get_fd = get_fd,
      .next_deadline = next_deadline,
      .next_event = next_event,
      .describe = describe,
      .inject_fault = inject_fault,
  };
  return host_abi == SELVAGE_TRANSPORT_ABI ? &kApi : NULL;
}
