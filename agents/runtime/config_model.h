// Reads what a configuration says of the anomaly model and of the operator's rules.
#pragma once

#include "agents/runtime/config.h"
#include "agents/runtime/config_reader.h"

namespace selvage {

// [model] and [healer]; mistakes are added to `problems`.
void ReadModel(const toml::table& table, ConfigProblems* problems, ModelSection* model);
void ReadHealer(const toml::table& table, ConfigProblems* problems, ModelSection* model);

}  // namespace selvage
