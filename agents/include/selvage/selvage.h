/* A whole mesh node inside a C program: the C face of selvage/node.h.
 *
 *   char error[256];
 *   selvage_node* node = selvage_create_from_file("/etc/selvage/node.toml", error, sizeof error);
 *   if (node == NULL) { fprintf(stderr, "%s\n", error); return 1; }
 *   selvage_on_receive(node, 7000, on_receive, NULL);
 *   if (selvage_start(node, error, sizeof error) != 0) ...
 *   selvage_send(node, "r2c2", SELVAGE_RELIABLE, 7000, "hello", 5, 0, NULL, NULL, error,
 *                sizeof error);
 *   selvage_destroy(node);
 *
 * Results: functions that return int give 0 when fine and -1 otherwise; then `error`, unless NULL,
 * holds a text for people, always terminated, cut to `error_size`. Strings are UTF-8.
 *
 * Threads: any function may be called from any thread, also from inside a callback, except
 * selvage_destroy, which waits until no callback runs any more. Callbacks come one at a time from a
 * thread of the node's own; what they are given is theirs only until they return. A NULL node is an
 * error, not a crash.
 */
#ifndef SELVAGE_SELVAGE_H_
#define SELVAGE_SELVAGE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct selvage_node selvage_node;

typedef enum {
  SELVAGE_CRITICAL = 0,  /* once, in order, within its deadline, or the sender is told */
  SELVAGE_RELIABLE = 1,  /* once, any order; waits on disk while there is no way */
  SELVAGE_TELEMETRY = 2, /* best effort, cheapest way */
  SELVAGE_BULK = 3       /* throughput */
} selvage_class;

typedef enum {
  SELVAGE_ACCEPTED = 0,  /* critical, reliable: on this node's disk; others: handed over */
  SELVAGE_DELIVERED = 1, /* the destination has it; critical and reliable only */
  SELVAGE_FAILED = 2     /* refused or given up; `reason` says why */
} selvage_outcome;

typedef void (*selvage_receive_fn)(void* context, const char* from, uint16_t port,
                                   selvage_class traffic_class, const void* payload, size_t size);
typedef void (*selvage_report_fn)(void* context, selvage_outcome outcome, const char* reason);

/* "0.1.0". Never NULL. */
const char* selvage_version(void);

/* Reads and checks the configuration (docs/configuration.md), loads the identity, opens the store.
 * Nothing runs yet. NULL on error. The node belongs to the caller until selvage_destroy. */
selvage_node* selvage_create_from_file(const char* path, char* error, size_t error_size);
selvage_node* selvage_create_from_text(const char* toml, char* error, size_t error_size);

/* Opens links and sockets and starts the node. Once. */
int selvage_start(selvage_node* node, char* error, size_t error_size);

/* Sends `size` bytes (at most 65,536) to a node by name or id (32 hexadecimal digits).
 * `deadline_ms` 0: the class's own. `report` may be NULL; otherwise it is called with
 * SELVAGE_ACCEPTED or SELVAGE_FAILED, and for critical and reliable later with SELVAGE_DELIVERED or
 * SELVAGE_FAILED; after selvage_destroy never. 0: handed over. -1: not, with the reason ("queue
 * full": try again later), and `report` is not called. */
int selvage_send(selvage_node* node, const char* to, selvage_class traffic_class, uint16_t port,
                 const void* payload, size_t size, uint32_t deadline_ms, selvage_report_fn report,
                 void* context, char* error, size_t error_size);

/* One function a port (1 to 65535); NULL takes it away. May be called before selvage_start. */
int selvage_on_receive(selvage_node* node, uint16_t port, selvage_receive_fn receive,
                       void* context);

/* How many neighbours are up now; -1 when the node does not run. */
int selvage_neighbors_up(const selvage_node* node);

/* Stops the node and frees it. NULL is fine. Not from inside a callback. */
void selvage_destroy(selvage_node* node);

#ifdef __cplusplus
}
#endif

#endif /* SELVAGE_SELVAGE_H_ */
