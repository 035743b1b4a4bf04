/* The contract between Selvage and a transport that somebody else wrote, in C.
 *
 * A plug-in moves units of bytes between this node and its neighbours on one medium. Everything
 * else is done above it, once: cutting frames into units and putting them together, queues,
 * encryption, neighbours, routes, retries. docs/plugins.md writes one in half an hour.
 *
 * A plug-in is a shared object that exports selvage_transport_plugin(), or is linked into a program
 * that calls selvage_transport_register(). It can run inside the agent or in a process of its own
 * (selvage-transport-host); it cannot tell the difference.
 *
 * Threads: the host calls all functions of one instance from one thread, never two at a time.
 * Other instances may live on other threads. A plug-in may have threads of its own; they make
 * themselves heard through the descriptor and next_event(), never by calling the host.
 *
 * Blocking: no function may block, start() and stop() neither. What takes time is begun, and its
 * end comes as an event. The host counts calls that take longer than 50 ms.
 *
 * Time: `now_ns` and all other times are nanoseconds on the host's clock, which never goes back but
 * may jump forward by any amount (a machine that slept). Read no other clock: in tests this one is
 * virtual. SELVAGE_NEVER is "never".
 *
 * Ownership: what a pointer argument points to belongs to the caller and is valid during the call.
 * What a plug-in hands out (in an event, caps.reason, describe) stays its own and must stay valid
 * until the next call of the same instance; the host copies.
 *
 * Versions: structures begin with their size as their maker knew it, and only ever grow at their
 * end. Who receives one reads and writes no more than struct_size bytes of it, and takes what is
 * absent for zero; the meaning of zero is always "as before this field existed".
 * SELVAGE_TRANSPORT_ABI changes only when that is not enough, and then nothing old is loaded.
 */
#ifndef SELVAGE_TRANSPORT_H_
#define SELVAGE_TRANSPORT_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SELVAGE_TRANSPORT_ABI 1u
#define SELVAGE_NEVER INT64_MAX

#define SELVAGE_UNIT_MIN 16u      /* smallest largest unit: 400 bytes of handshake in 32 parts */
#define SELVAGE_UNIT_MAX 1453u    /* the host sends no larger unit, and takes none */
#define SELVAGE_ADDRESS_MAX 31u   /* bytes of an address; what they mean is the plug-in's own */
#define SELVAGE_TELEMETRY_MAX 64u /* fields of a schema */

/* An instance: one link. Defined by the plug-in. */
typedef struct selvage_transport selvage_transport;

typedef struct {
  const char* key;
  const char* value;
} selvage_setting;

/* What an instance is made from. */
typedef struct {
  uint32_t struct_size;
  uint32_t setting_count;
  const selvage_setting* settings; /* `settings = { port = 7000 }` of the [[link]], as text */
  const char* interface_name;      /* `interface` of the [[link]]; "" when it has none */
  uint64_t seed;                   /* for jitter and random numbers; another one each time */
} selvage_transport_config;

/* ---- what the medium can do now */

enum {
  SELVAGE_LINK_UP = 1u,            /* carries units at all; otherwise `reason` says why not */
  SELVAGE_LINK_CAN_SEND_NOW = 2u,  /* a unit given now would be taken */
  SELVAGE_LINK_BROADCAST = 4u,     /* address_size 0 reaches everybody in reach: discovery */
  SELVAGE_LINK_SHARED = 8u,        /* all in reach take turns on one channel */
  SELVAGE_LINK_SLOW = 16u,         /* few bytes a minute: the node speaks as little as it can */
  SELVAGE_LINK_SEND_ONLY = 32u     /* nothing can be received: no neighbour will ever answer */
};

typedef enum {
  SELVAGE_TARIFF_FREE = 0,
  SELVAGE_TARIFF_METERED = 1, /* dollars a gigabyte */
  SELVAGE_TARIFF_COSTLY = 2,  /* more, or tens of watts */
  SELVAGE_TARIFF_DEAR = 3     /* dollars a kilobyte, or seconds of legal air time */
} selvage_tariff;

typedef struct {
  uint32_t struct_size;
  uint32_t flags;              /* SELVAGE_LINK_... */
  uint32_t mtu;                /* largest unit now, SELVAGE_UNIT_MIN or more */
  uint32_t tariff;             /* selvage_tariff */
  uint64_t rate_bps;           /* nominal; 0: unknown */
  int64_t window_opens_ns;     /* the window in which units can leave, or the next one; */
  int64_t window_closes_ns;    /* both 0: always open */
  uint32_t has_budget;         /* 1: the two below count */
  uint32_t idle_gap_ms;        /* hellos on the idle link at least this far apart; 0: as usual */
  uint64_t budget_bytes_left;  /* what may still be sent until then */
  int64_t budget_renews_ns;    /* SELVAGE_NEVER: it does not */
  const char* reason;          /* while down: why, for people; NULL: not known */
} selvage_transport_caps;

/* ---- sending */

typedef struct {
  uint32_t struct_size;
  uint32_t control;        /* 1: the network's own traffic, whose share of a budget is small */
  const uint8_t* address;  /* whom it is for, as events gave it */
  uint32_t address_size;   /* 0: everybody in reach */
  uint32_t data_size;
  const uint8_t* data;
  int64_t deadline_ns;     /* worth nothing afterwards: do not send it then */
  uint64_t token;          /* of the SELVAGE_EVENT_SENT that may follow */
} selvage_unit;

typedef enum {
  SELVAGE_SEND_ACCEPTED = 0,  /* on its way, or in the plug-in's own bounded buffer */
  SELVAGE_SEND_BUSY = 1,      /* not taken: again at retry_at_ns, or after SELVAGE_EVENT_CAPS */
  SELVAGE_SEND_NO_BUDGET = 2, /* not taken, not before retry_at_ns; SELVAGE_NEVER: never */
  SELVAGE_SEND_TOO_BIG = 3,   /* not taken: caps.mtu is smaller than that */
  SELVAGE_SEND_DOWN = 4,      /* not taken: the link is down */
  SELVAGE_SEND_REFUSED = 5    /* this unit will never be taken: no such address, nothing in it */
} selvage_send_result;

/* ---- events */

typedef enum {
  SELVAGE_EVENT_RECEIVED = 1,  /* a unit came: address (of its sender), data */
  SELVAGE_EVENT_CAPS = 2,      /* ask get_caps() again; what was BUSY may be tried again */
  SELVAGE_EVENT_SENT = 3,      /* token: `failed` 0 it left (or was acknowledged), 1 it did not */
  SELVAGE_EVENT_TELEMETRY = 4  /* a sample: address (whom it is about; size 0: the link) */
} selvage_event_kind;

typedef struct {
  uint32_t struct_size;
  uint32_t kind; /* selvage_event_kind */
  const uint8_t* address;
  uint32_t address_size;
  uint32_t data_size;
  const uint8_t* data;
  uint64_t token;
  uint32_t failed;
  uint32_t value_count;  /* TELEMETRY: as many as the schema has fields */
  const double* values;
  uint64_t present;      /* bit i: values[i] is known. What is not known is absent, never 0 */
} selvage_event;

/* One field of the telemetry. Names that Selvage knows (core/link_telemetry.h: signal_dbm, snr_db,
 * retry_ratio, ...) feed its anomaly model; others are shown to people. */
typedef struct {
  uint32_t struct_size;
  uint32_t period_ms; /* about how often it is sampled; 0: when it changes */
  const char* name;   /* [a-z0-9_], at most 31 */
  const char* unit;   /* "dBm", "s"; "": a ratio or a count */
  double least;       /* a value outside is a driver's mistake and taken for absent */
  double most;
} selvage_telemetry_field;

/* ---- faults on purpose, for `selvage transport check`; never called by an agent */

typedef enum {
  SELVAGE_FAULT_UNPLUG = 1,   /* the device is gone */
  SELVAGE_FAULT_DEAF = 2,     /* what arrives is thrown away */
  SELVAGE_FAULT_NO_BUDGET = 3 /* the budget is used up */
} selvage_fault;

/* ---- the functions of a plug-in. Those marked "optional" may be NULL. */

typedef struct {
  uint32_t struct_size;
  uint32_t abi_version; /* SELVAGE_TRANSPORT_ABI */
  const char* name;     /* what `transport = "..."` says: [a-z0-9-], at most 31 */
  const char* version;  /* the plug-in's own, for people */

  /* Makes an instance; touches no device yet. 0 and *out, or -1 and a text in `error`, always
   * terminated: an unknown setting, a value out of range. */
  int (*create)(const selvage_transport_config* config, selvage_transport** out, char* error,
                size_t error_size);
  /* Frees it; stopped before if it was started. */
  void (*destroy)(selvage_transport* t);
  /* Begins to open the device. 0, or -1 and a text: the host tries again later, ever less often.
   * Afterwards the plug-in comes up, and comes back, by itself, for ever. */
  int (*start)(selvage_transport* t, int64_t now_ns, char* error, size_t error_size);
  /* Lets the device go. What was accepted and has not left is dropped. May be started again. */
  void (*stop)(selvage_transport* t, int64_t now_ns);
  /* Fills in *caps (zeros but for struct_size when called). */
  void (*get_caps)(selvage_transport* t, int64_t now_ns, selvage_transport_caps* caps);
  /* selvage_send_result. *retry_at_ns (SELVAGE_NEVER when called) goes with BUSY and NO_BUDGET. */
  int (*send)(selvage_transport* t, int64_t now_ns, const selvage_unit* unit,
              int64_t* retry_at_ns);
  /* A descriptor that is readable while next_event() has something to do; the same from start() to
   * stop(). -1: none, next_deadline() alone wakes. */
  int (*get_fd)(selvage_transport* t);
  /* When next_event() should be called even if nothing arrives; SELVAGE_NEVER. */
  int64_t (*next_deadline)(selvage_transport* t);
  /* Does what is due and gives one event: 1 and *event, or 0: nothing more now. */
  int (*next_event)(selvage_transport* t, int64_t now_ns, selvage_event* event);

  /* optional: the schema of its telemetry. How many fields there are; *fields is the first. */
  uint32_t (*describe)(selvage_transport* t, const selvage_telemetry_field** fields);
  /* optional: 0 when the fault (selvage_fault) is on or off now, -1 when it knows no such fault. */
  int (*inject_fault)(selvage_transport* t, int64_t now_ns, int fault, int on);
} selvage_transport_api;

/* What a shared object exports: its functions, in memory that stays. `host_abi` is the host's
 * SELVAGE_TRANSPORT_ABI; NULL when the plug-in cannot work with that. */
#define SELVAGE_TRANSPORT_SYMBOL "selvage_transport_plugin"
typedef const selvage_transport_api* (*selvage_transport_plugin_fn)(uint32_t host_abi);
const selvage_transport_api* selvage_transport_plugin(uint32_t host_abi);

/* For plug-ins that are linked into a program with a node in it (selvage/selvage.h): makes `api`
 * known under its name, before the node is created. 0, or -1 and a text in `error`. */
int selvage_transport_register(const selvage_transport_api* api, char* error, size_t error_size);

#ifdef __cplusplus
}
#endif

#endif /* SELVAGE_TRANSPORT_H_ */
