/* Two nodes in one C program on loopback: one sends, the other receives, the sender is told.
 *   c_consumer STATE_A STATE_B PORT_A PORT_B */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <selvage/selvage.h>

static volatile int received = 0;
static volatile int delivered = 0;

static void on_receive(void* context, const char* from, uint16_t port, selvage_class traffic_class,
                       const void* payload, size_t size) {
  if (strcmp(from, "a") == 0 && port == 7000 && traffic_class == SELVAGE_RELIABLE && size == 5 &&
      memcmp(payload, "hello", 5) == 0 && context == &received) {
    received = 1;
  }
}

static void on_report(void* context, selvage_outcome outcome, const char* reason) {
  (void)context;
  (void)reason;
  if (outcome == SELVAGE_DELIVERED) delivered = 1;
}

static selvage_node* create(const char* name, const char* state, const char* here,
                            const char* there) {
  char text[1024];
  char error[256];
  snprintf(text, sizeof text,
           "[node]\nname = \"%s\"\nstate_dir = \"%s\"\n[[link]]\ntransport = \"ethernet\"\n"
           "listen = \"127.0.0.1:%s\"\npeers = [\"udp://127.0.0.1:%s\"]\n",
           name, state, here, there);
  selvage_node* node = selvage_create_from_text(text, error, sizeof error);
  if (node == NULL) fprintf(stderr, "create %s: %s\n", name, error);
  return node;
}

/* Waits up to ten seconds for a condition, a millisecond at a time. */
#define WAIT_FOR(condition)                                      \
  for (int i = 0; i < 10000 && !(condition); ++i) {              \
    struct timespec millisecond = {0, 1000000};                  \
    nanosleep(&millisecond, NULL);                               \
  }

int main(int argc, char** argv) {
  char error[256] = "";
  if (argc != 5) return 2;
  if (selvage_create_from_text("[nod]\n", error, sizeof error) != NULL) return 3;
  if (error[0] == '\0') return 3;
  printf("%s: a wrong configuration is refused: %s\n", selvage_version(), error);

  selvage_node* a = create("a", argv[1], argv[3], argv[4]);
  selvage_node* b = create("b", argv[2], argv[4], argv[3]);
  if (a == NULL || b == NULL) return 4;
  if (selvage_on_receive(b, 7000, on_receive, (void*)&received) != 0) return 5;
  if (selvage_start(a, error, sizeof error) != 0 || selvage_start(b, error, sizeof error) != 0) {
    fprintf(stderr, "start: %s\n", error);
    return 6;
  }
  WAIT_FOR(selvage_neighbors_up(a) == 1 && selvage_neighbors_up(b) == 1);
  if (selvage_send(a, "b", SELVAGE_RELIABLE, 7000, "hello", 5, 0, on_report, NULL, error,
                   sizeof error) != 0) {
    fprintf(stderr, "send: %s\n", error);
    return 7;
  }
  if (selvage_send(a, "b", (selvage_class)9, 7000, "x", 1, 0, NULL, NULL, NULL, 0) != -1) return 8;
  WAIT_FOR(received && delivered);
  selvage_destroy(a);
  selvage_destroy(b);
  printf("received %d, told so %d\n", received, delivered);
  return received && delivered ? 0 : 1;
}
