/* A scorer for Selvage, as a project of its own: how far each feature moved within the window. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <selvage/scorer.h>

struct selvage_scorer {
  uint32_t features;
};

enum { SAMPLES = 8 };

static int create(const selvage_scorer_config* config, selvage_scorer** out, char* error,
                  size_t error_size) {
  if (config->setting_count > 0) {
    snprintf(error, error_size, "takes no settings, not even '%s'", config->settings[0].key);
    return -1;
  }
  *out = malloc(sizeof(**out));
  if (*out == NULL) {
    snprintf(error, error_size, "no memory");
    return -1;
  }
  (*out)->features = config->feature_count;
  return 0;
}

static void destroy(selvage_scorer* s) { free(s); }

static uint32_t window(selvage_scorer* s) {
  (void)s;
  return SAMPLES;
}

static int score(selvage_scorer* s, const float* w, float* per_feature) {
  const float* last = w + (SAMPLES - 1) * s->features;
  for (uint32_t f = 0; f < s->features; ++f) per_feature[f] = fabsf(last[f] - w[f]);
  return 0;
}

const selvage_scorer_api* selvage_scorer_plugin(uint32_t host_abi) {
  static const selvage_scorer_api api = {sizeof(api), SELVAGE_SCORER_ABI, "drift", "1.0",
                                         create,      destroy,            window,  score};
  return host_abi == SELVAGE_SCORER_ABI ? &api : NULL;
}
