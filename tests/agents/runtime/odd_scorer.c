/* A scorer that keeps to its contract, or breaks it in the way the setting `fault` says. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/include/selvage/scorer.h"

struct selvage_scorer {
  uint32_t samples;
  uint32_t features;
  char fault[32];
};

static int create(const selvage_scorer_config* config, selvage_scorer** out, char* error,
                  size_t size) {
  selvage_scorer* s = calloc(1, sizeof(*s));
  s->samples = 4;
  s->features = config->feature_count;
  for (uint32_t i = 0; i < config->setting_count; ++i) {
    const selvage_scorer_setting* setting = &config->settings[i];
    if (strcmp(setting->key, "samples") == 0) {
      s->samples = (uint32_t)atoi(setting->value);
    } else if (strcmp(setting->key, "fault") == 0) {
      snprintf(s->fault, sizeof(s->fault), "%s", setting->value);
    } else {
      snprintf(error, size, "unknown setting '%s'; the first feature is %s", setting->key,
               config->feature_names[0]);
      free(s);
      return -1;
    }
  }
  if (strcmp(s->fault, "silent-refusal") == 0) {
    free(s);
    return -1;
  }
  *out = s;
  return 0;
}

static void destroy(selvage_scorer* s) { free(s); }
static uint32_t window(selvage_scorer* s) { return s->samples; }

/* How far each feature moved from the first sample of the window to the last. */
static int score(selvage_scorer* s, const float* w, float* per_feature) {
  if (strcmp(s->fault, "fails") == 0) return -1;
  for (uint32_t f = 0; f < s->features; ++f) {
    per_feature[f] = fabsf(w[(s->samples - 1) * s->features + f] - w[f]);
    if (strcmp(s->fault, "nan") == 0) per_feature[f] = NAN;
    if (strcmp(s->fault, "negative") == 0) per_feature[f] = -1;
  }
  return 0;
}

const selvage_scorer_api* selvage_scorer_plugin(uint32_t host_abi) {
  static const selvage_scorer_api api = {sizeof(api), SELVAGE_SCORER_ABI, "odd",  "1",
                                         create,      destroy,            window, score};
  return host_abi == SELVAGE_SCORER_ABI ? &api : NULL;
}
