// A host believes nobody but its DPU when it carries traffic itself: what it checks is asked with the bundle
// that the DPU gives now, and with that bundle spoilt.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "audit/attempts.h"
#include "audit/scene.h"
#include "base/ed25519.h"
#include "host/bundle.h"

namespace outrigger::audit {
namespace {

using host::Accepted;

struct Genuine {
  v1::SignedBundle bundle;
  v1::HostBundle content;
  Ed25519Key key;
};

// Taken by the check as it is; everything else is to be refused.
absl::StatusOr<Genuine> genuine(const Scene& scene) {
  if (scene.settings().bundle_key.empty())
    return absl::FailedPreconditionError("the key of the DPU's bundles was not named (--bundle-key)");
  auto key = Ed25519Key::load_public(scene.settings().bundle_key);
  if (!key.ok()) return key.status();
  auto bundle = scene.bundle();
  if (!bundle.ok()) return bundle.status();
  auto content = host::check_bundle(*bundle, *key, scene.settings().node, {}, absl::Now());
  if (!content.ok())
    return absl::FailedPreconditionError(
        absl::StrCat("the DPU's own bundle is refused: ", said(content.status())));
  return Genuine{*std::move(bundle), *std::move(content), *std::move(key)};
}

struct Attempt {
  std::string what;
  v1::SignedBundle bundle;
  std::string node;
  Accepted last;
  absl::Time now = absl::Now();
};

Verdict all_refused(const std::vector<Attempt>& attempts, const Ed25519Key& key) {
  std::vector<std::string> seen;
  for (const Attempt& one : attempts) {
    const auto taken = host::check_bundle(one.bundle, key, one.node, one.last, one.now);
    if (taken.ok()) return broken(absl::StrCat("the host's check took a bundle that is ", one.what));
    seen.push_back(absl::StrCat(one.what, ": ", said(taken.status())));
  }
  return held(absl::StrJoin(seen, "; "));
}

v1::SignedBundle resigned(const Ed25519Key& key, const v1::HostBundle& content, const std::string& key_id) {
  v1::SignedBundle out;
  out.set_bundle(content.SerializeAsString());
  out.set_signature(key.sign(bundle_message(out.bundle())));
  out.set_key_id(key_id);
  return out;
}

}  // namespace

// Each is refused for its signature alone: the same content, signed by a key that is believed, is taken.
Verdict forge_bundles(Scene& scene) {
  const auto real = genuine(scene);
  if (!real.ok()) return not_tried(said(real.status()));
  const auto own_key = Ed25519Key::make();
  if (!own_key.ok()) return not_tried(said(own_key.status()));
  v1::HostBundle edited = real->content;
  edited.clear_update();
  edited.set_sequence(edited.sequence() + 1);
  v1::SignedBundle unsigned_one = real->bundle, altered = real->bundle, cut = real->bundle;
  unsigned_one.clear_signature();
  altered.set_bundle(edited.SerializeAsString());
  cut.mutable_bundle()->resize(cut.bundle().size() / 2);
  const std::string& node = scene.settings().node;
  const v1::SignedBundle own = resigned(*own_key, edited, own_key->id());
  const auto believed = host::check_bundle(own, *own_key, node, {}, absl::Now());
  if (!believed.ok())
    return not_tried(
        absl::StrCat("the intruder's content is refused whoever signs it: ", said(believed.status())));
  const Verdict refused = all_refused(
      {{"unsigned", unsigned_one, node},
       {"altered under its signature", altered, node},
       {"cut in half", cut, node},
       {"signed by the intruder", own, node},
       {"signed by the intruder in the DPU's name", resigned(*own_key, edited, real->key.id()), node}},
      real->key);
  if (refused.outcome != Outcome::kHeld) return refused;
  return held(absl::StrCat(refused.evidence,
                           "; taken were the DPU's own, and the intruder's content where his "
                           "key is believed"));
}

Verdict replay_bundles(Scene& scene) {
  const auto real = genuine(scene);
  if (!real.ok()) return not_tried(said(real.status()));
  const v1::HostBundle& content = real->content;
  const std::string& node = scene.settings().node;
  const absl::Time ends = absl::FromUnixSeconds(content.not_after()),
                   begins = absl::FromUnixSeconds(content.not_before());
  return all_refused(
      {{"older than one taken since", real->bundle, node,
        Accepted{content.generation(), content.sequence() + 1}},
       {"of an older generation", real->bundle, node, Accepted{content.generation() + 1, content.sequence()}},
       {"expired", real->bundle, node, {}, ends + absl::Seconds(1)},
       {"not valid yet", real->bundle, node, {}, begins - 2 * host::kClockTolerance},
       {"another node's", real->bundle, absl::StrCat(node, "-other"), {}}},
      real->key);
}

}  // namespace outrigger::audit
