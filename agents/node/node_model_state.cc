// NodeCore: what the models have learnt goes to the disk and comes back after a restart.
#include "agents/node/node_impl.h"

namespace selvage {
namespace {

constexpr const char* kMachineName = "machine";

anomaly::Model::Options MachineModelOptions(const ModelConfig& config) {
  // The setting is for eight links; one machine gives the same false alarms a day at log10(8) less.
  constexpr float kOneOfEight = 0.9F;
  anomaly::Model::Options options;
  options.features = JudgedMachineSchema().features;
  options.count = JudgedMachineSchema().count;
  options.episode.alarm_decades = config.alarm_decades - kOneOfEight;
  return options;
}

}  // namespace

void NodeCore::Impl::LoadModels(Time now, Store& store) {
  if (!config_.model.enabled) return;
  const std::string& note = config_.model.scorer_note;
  if (!note.empty()) {
    Tell(now, config_.model.scorer != nullptr ? "scorer-loaded" : "scorer-refused", note, {});
  }
  for (const ModelArchive::Refusal& r : models_.Load(store)) {
    RefuseModelState(now, r.name, r.reason);
  }
}

void NodeCore::Impl::RefuseModelState(Time now, const std::string& name,
                                      const std::string& reason) {
  ++counters_.model_states_refused;
  Tell(now, "model-state-refused",
       "what was learnt of " + name + " is refused (" + reason + "): its model starts afresh",
       {{"model", name}, {"reason", reason}});
}

std::string NodeCore::Impl::ModelName(const Adjacency& a) const {
  return a.certificate.id.ToHex() + "/" + links_.at(a.link).info.name;
}

void NodeCore::Impl::RestoreWatch(Time now, Adjacency* a) {
  const std::string name = ModelName(*a);
  const Bytes* state = models_.Find(name);
  if (state == nullptr) return;
  if (a->watch->RestoreState(*state)) {
    ++counters_.model_states_restored;
    return;
  }
  models_.Remove(name);
  RefuseModelState(now, name, "it is of another form");
}

void NodeCore::Impl::KeepWatch(const Adjacency& a) {
  if (a.watch == nullptr) return;
  if (Bytes state = a.watch->TakeState(); !state.empty()) {
    models_.Put(ModelName(a), std::move(state));
  }
}

void NodeCore::Impl::SaveModels(Time) {
  for (const Adjacency* a : present_) KeepWatch(*a);
  if (machine_model_ != nullptr) {
    Bytes state(machine_model_->SaveState(nullptr, 0));
    machine_model_->SaveState(state.data(), state.size());
    models_.Put(kMachineName, std::move(state));
  }
  std::vector<StoreWrite> writes = models_.TakeWrites();
  if (!writes.empty()) Emit(Persist{0, std::move(writes)});
}

void NodeCore::Impl::BeginMachineModel(Time now) {
  machine_model_ = std::make_unique<anomaly::Model>(MachineModelOptions(config_.model));
  const Bytes* state = models_.Find(kMachineName);
  if (state == nullptr) return;
  if (machine_model_->RestoreState(state->data(), state->size())) {
    ++counters_.model_states_restored;
    return;
  }
  models_.Remove(kMachineName);
  RefuseModelState(now, kMachineName, "it is of another form");
}

}  // namespace selvage
