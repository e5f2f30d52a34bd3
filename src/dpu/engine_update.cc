#include "dpu/engine_update.h"

#include <algorithm>
#include <cstring>

#include "outrigger/engine/v1/update.pb.h"

namespace outrigger::agent {

// FNV-1a over eight bytes at a time: not against an adversary, only to know a state again.
uint64_t digest_of(const compiler::Compiled& compiled) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const std::string& bytes :
       {compiled.structure.SerializeAsString(), compiled.policy.SerializeAsString()}) {
    for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, std::min(sizeof(word), bytes.size() - at));
      hash = (hash ^ word) * 0x100000001b3;
      hash ^= hash >> 29;
    }
    hash = (hash ^ bytes.size()) * 0x100000001b3;
  }
  return hash == 0 ? 1 : hash;
}

std::string whole_update(const Snapshot& snapshot) {
  engine::v1::Update update;
  update.set_generation(snapshot.generation.value());
  update.set_digest(snapshot.digest);
  *update.mutable_structure() = snapshot.compiled.structure;
  *update.mutable_policy() = snapshot.compiled.policy;
  return update.SerializeAsString();
}

std::string update_for(const Snapshot& next, const Snapshot* from) {
  engine::v1::Update update;
  update.set_generation(next.generation.value());
  update.set_digest(next.digest);
  const bool whole = from == nullptr || !from->in_force || from->node_known != next.node_known;
  if (whole || from->compiled.structure.SerializeAsString() != next.compiled.structure.SerializeAsString()) {
    *update.mutable_structure() = next.compiled.structure;
  }
  if (whole) {
    *update.mutable_policy() = next.compiled.policy;
  } else {
    engine::v1::Policy change = compiler::difference(from->compiled.policy, next.compiled.policy);
    if (change.ByteSizeLong() > 0) *update.mutable_policy() = std::move(change);
  }
  return update.SerializeAsString();
}

}  // namespace outrigger::agent
