/* The contract between Selvage and an anomaly model that somebody else wrote, in C.
 *
 * A scorer looks at a window of one link's samples and says how unusual each feature is. It is one
 * voice beside the built-in model: what it answers is calibrated on the stream it scores, and an
 * alarm needs as much evidence from elsewhere again (docs/own-model.md).
 *
 * A scorer is a shared object that exports selvage_scorer_plugin(), named by `scorer` in [model].
 * It runs inside the agent.
 *
 * Window: selvage_scorer_api.window() rows of feature_count values, the oldest row first, a second
 * apart. A value is the feature's distance from this link's usual level in usual deviations, within
 * +-16; 0 where nothing was measured. Which column is which: feature_names.
 *
 * Threads: one call at a time, on the agent's protocol thread, which waits for it. The agent times
 * score() before it uses it, and refuses what takes longer than `scorer_budget_us`. So score() may
 * not block, and should allocate nothing. Exceptions must not leave any function.
 *
 * Ownership: what a pointer argument points to belongs to the caller and is valid during the call;
 * feature_names are valid as long as the instance.
 *
 * Versions: as in selvage/transport.h. Structures begin with their size as their maker knew it and
 * only ever grow at their end; SELVAGE_SCORER_ABI changes only when that is not enough.
 */
#ifndef SELVAGE_SCORER_H_
#define SELVAGE_SCORER_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SELVAGE_SCORER_ABI 1u
#define SELVAGE_SCORER_WINDOW_MAX 64u /* samples */

/* An instance, which scores the windows of all links in turn. Defined by the plug-in. */
typedef struct selvage_scorer selvage_scorer;

typedef struct {
  const char* key;
  const char* value;
} selvage_scorer_setting;

/* What an instance is made from. */
typedef struct {
  uint32_t struct_size;
  uint32_t setting_count;
  const selvage_scorer_setting* settings; /* `scorer_settings = { depth = 3 }`, as text */
  const char* const* feature_names;       /* "rssi", "snr", ...: the columns of a window */
  uint32_t feature_count;
  uint32_t reserved;
} selvage_scorer_config;

typedef struct {
  uint32_t struct_size;
  uint32_t abi_version; /* SELVAGE_SCORER_ABI */
  const char* name;     /* for people: [a-z0-9-], at most 31 */
  const char* version;  /* the plug-in's own, for people */

  /* Makes an instance; may read files. 0 and *out, or -1 and a text in `error`, always terminated:
   * an unknown setting, a file that is none. */
  int (*create)(const selvage_scorer_config* config, selvage_scorer** out, char* error,
                size_t error_size);
  void (*destroy)(selvage_scorer* scorer);
  /* How many samples a window has, 1 to SELVAGE_SCORER_WINDOW_MAX; always the same. */
  uint32_t (*window)(selvage_scorer* scorer);
  /* Writes feature_count numbers: 0 or more, larger is more unusual, on any scale that stays the
   * same. Other than 0, or a number that is not finite or negative: this window has no score. It
   * keeps nothing from one call to the next, as windows of all links take turns. */
  int (*score)(selvage_scorer* scorer, const float* window, float* per_feature);
} selvage_scorer_api;

/* What a shared object exports: its functions, in memory that stays. `host_abi` is the agent's
 * SELVAGE_SCORER_ABI; NULL when the plug-in cannot work with that. */
#define SELVAGE_SCORER_SYMBOL "selvage_scorer_plugin"
typedef const selvage_scorer_api* (*selvage_scorer_plugin_fn)(uint32_t host_abi);
const selvage_scorer_api* selvage_scorer_plugin(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif /* SELVAGE_SCORER_H_ */
