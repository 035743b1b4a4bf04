/* A transport in memory that keeps to its contract, or breaks it in the way `fault` says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "transports/include/selvage/transport.h"

enum { STATIONS = 8, QUEUE = 256, UNIT = 1453, FIELDS = 2 };

struct message {
  uint8_t from;
  uint32_t size;
  uint8_t data[UNIT];
};

struct selvage_transport {
  uint8_t id;
  char fault[32];
  int up;
  int tell;
  int fd;
  int plugged;
  int64_t sample_at;
  int64_t caught_up;
  unsigned head, count;
  struct message queue[QUEUE];
  uint8_t out[8192];
  double values[FIELDS];
};

static selvage_transport* g_stations[STATIONS];

static int is(const selvage_transport* t, const char* fault) {
  return strcmp(t->fault, fault) == 0;
}

static void ring(selvage_transport* t) {
  const uint64_t one = 1;
  if (t->fd >= 0 && write(t->fd, &one, sizeof(one)) < 0) return;
}

static int create(const selvage_transport_config* config, selvage_transport** out, char* error,
                  size_t size) {
  selvage_transport* t = calloc(1, sizeof(*t));
  for (uint32_t i = 0; i < config->setting_count; ++i) {
    if (strcmp(config->settings[i].key, "fault") == 0) {
      snprintf(t->fault, sizeof(t->fault), "%s", config->settings[i].value);
    } else if (!is(t, "takes-anything")) {
      snprintf(error, size, "the only setting is fault");
      free(t);
      return -1;
    }
  }
  t->fd = -1;
  t->plugged = 1;
  for (int i = 0; i < STATIONS; ++i) {
    if (g_stations[i] == NULL) {
      g_stations[i] = t;
      t->id = (uint8_t)(i + 1);
      *out = t;
      return 0;
    }
  }
  snprintf(error, size, "full");
  free(t);
  return -1;
}

static void stop(selvage_transport* t, int64_t now) {
  (void)now;
  t->up = 0;
  if (t->fd >= 0 && !is(t, "leaks")) close(t->fd);
  t->fd = -1;
}

static void destroy(selvage_transport* t) {
  stop(t, 0);
  g_stations[t->id - 1] = NULL;
  free(t);
}

static int start(selvage_transport* t, int64_t now, char* error, size_t size) {
  if (is(t, "never-starts")) {
    snprintf(error, size, "there is no such device");
    return -1;
  }
  t->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  t->head = t->count = 0;
  t->tell = 1;
  t->up = !is(t, "stays-down") && !(is(t, "once") && t->caught_up != 0);
  t->sample_at = now + 100000000;
  t->caught_up = now;
  ring(t);
  return 0;
}

static void get_caps(selvage_transport* t, int64_t now, selvage_transport_caps* caps) {
  (void)now;
  selvage_transport_caps full = {0};
  full.struct_size = caps->struct_size;
  full.flags = SELVAGE_LINK_BROADCAST;
  if ((t->up && t->plugged) || is(t, "claims-up")) {
    full.flags |= SELVAGE_LINK_UP | SELVAGE_LINK_CAN_SEND_NOW;
  }
  full.mtu = is(t, "tiny") ? 3 : 200;
  full.tariff = is(t, "bad-caps") ? 77 : SELVAGE_TARIFF_FREE;
  full.reason = t->plugged ? "not started" : "unplugged";
  const size_t size = caps->struct_size < sizeof(full) && !is(t, "writes-behind")
                          ? caps->struct_size
                          : sizeof(full);
  memcpy(caps, &full, size);
}

static int put(selvage_transport* to, uint8_t from, const uint8_t* data, uint32_t size) {
  if (!to->up || !to->plugged || to->count == QUEUE) return 0;
  struct message* m = &to->queue[(to->head + to->count++) % QUEUE];
  m->from = from;
  m->size = size;
  memcpy(m->data, data, size);
  if (is(to, "flips-bits") && size > 8) m->data[size / 2] ^= 1;
  ring(to);
  return 1;
}

static int send_unit(selvage_transport* t, int64_t now, const selvage_unit* unit, int64_t* retry) {
  static int calls;
  if (is(t, "blocks") && calls++ == 3) usleep(700000);
  if (is(t, "no-answer")) return 99;
  if (is(t, "crashes") && unit->address_size == SELVAGE_ADDRESS_MAX) abort();
  if (is(t, "hangs") && unit->address_size == SELVAGE_ADDRESS_MAX) {
    for (;;) pause();
  }
  if (!t->up || !t->plugged) return is(t, "claims-up") ? SELVAGE_SEND_ACCEPTED : SELVAGE_SEND_DOWN;
  if (unit->data_size == 0) return SELVAGE_SEND_REFUSED;
  if (unit->data_size > 200) {
    return is(t, "mtu-lie") ? SELVAGE_SEND_ACCEPTED : SELVAGE_SEND_TOO_BIG;
  }
  if (is(t, "hoards")) memset(malloc(8192), 1, 8192);
  if (is(t, "wild-retry") && calls++ % 2 == 0) {
    *retry = now - 1000000000;
    return SELVAGE_SEND_BUSY;
  }
  if (unit->address_size > 1) return SELVAGE_SEND_REFUSED;
  for (int i = 0; i < STATIONS; ++i) {
    selvage_transport* to = g_stations[i];
    if (to == NULL || to == t) continue;
    if (unit->address_size == 1 && unit->address[0] != to->id) continue;
    put(to, t->id, unit->data, unit->data_size);
  }
  return SELVAGE_SEND_ACCEPTED;
}

static int get_fd(selvage_transport* t) { return t->fd; }

static int64_t next_deadline(selvage_transport* t) {
  if (is(t, "never-sleeps")) return 0;
  return t->up && t->plugged ? t->sample_at : SELVAGE_NEVER;
}

static int next_event(selvage_transport* t, int64_t now, selvage_event* event) {
  if (is(t, "makes-up") && now - t->caught_up > 60000000000) {
    t->caught_up += 1000000; /* an event for each millisecond that was missed */
    event->kind = SELVAGE_EVENT_CAPS;
    return 1;
  }
  t->caught_up = now;
  if (t->tell) {
    t->tell = 0;
    event->kind = SELVAGE_EVENT_CAPS;
    return 1;
  }
  if (is(t, "too-long") && t->count > 0) {
    t->count = 0;
    event->kind = SELVAGE_EVENT_RECEIVED;
    event->address = &t->id;
    event->address_size = 1;
    event->data = t->out;
    event->data_size = sizeof(t->out);
    return 1;
  }
  if (t->count > 0) {
    struct message* m = &t->queue[t->head];
    t->head = (t->head + 1) % QUEUE;
    --t->count;
    memcpy(t->out, m->data, m->size);
    event->kind = SELVAGE_EVENT_RECEIVED;
    event->address = &m->from;
    event->address_size = 1;
    event->data = t->out;
    event->data_size = m->size;
    return 1;
  }
  if (t->up && t->plugged && now >= t->sample_at) {
    t->sample_at = now + 100000000;
    t->values[0] = is(t, "lies") ? 1e6 : -70;
    t->values[1] = 3.7;
    event->kind = SELVAGE_EVENT_TELEMETRY;
    event->values = t->values;
    event->value_count = FIELDS;
    event->present = 3;
    return 1;
  }
  uint64_t ignored;
  if (t->fd >= 0 && !is(t, "wakes") && read(t->fd, &ignored, sizeof(ignored)) < 0) return 0;
  return 0;
}

static uint32_t describe(selvage_transport* t, const selvage_telemetry_field** fields) {
  static const selvage_telemetry_field kFields[FIELDS] = {
      {sizeof(selvage_telemetry_field), 100, "signal_dbm", "dBm", -120, 0},
      {sizeof(selvage_telemetry_field), 100, "battery_v", "V", 0, 20}};
  (void)t;
  *fields = kFields;
  return FIELDS;
}

static int inject_fault(selvage_transport* t, int64_t now, int fault, int on) {
  (void)now;
  if (fault != SELVAGE_FAULT_UNPLUG) return -1;
  t->plugged = !on || is(t, "does-not-notice");
  if (on && is(t, "stays-away")) t->up = 0;
  t->tell = 1;
  ring(t);
  return 0;
}

const selvage_transport_api* selvage_transport_plugin(uint32_t host_abi) {
  static const selvage_transport_api kApi = {
      sizeof(selvage_transport_api), SELVAGE_TRANSPORT_ABI, "bad", "0", create,     destroy,
      start,                         stop,                  get_caps, send_unit, get_fd,
      next_deadline,                 next_event,            describe, inject_fault};
  return host_abi == SELVAGE_TRANSPORT_ABI ? &kApi : NULL;
}
