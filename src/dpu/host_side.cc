#include "dpu/host_side.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/cursor_file.h"

namespace outrigger::agent {

namespace {

constexpr const char* kOrderFile = "/fallback-order";  // in the state's folder
constexpr const char* kDataPath[] = {"vswitch", "policy", "overlay"};

bool falls_back_on_host(const manifest::Service& service) {
  const auto& ways = service.fallback;
  return std::find(ways.begin(), ways.end(), manifest::Service::Fallback::kHost) != ways.end();
}

}  // namespace

absl::StatusOr<std::unique_ptr<HostSide>> HostSide::open(Parts parts) {
  const Options& options = parts.options;
  const std::string key_file =
      options.bundle_key.empty() ? absl::StrCat(options.state, "/bundle.key") : options.bundle_key;
  absl::StatusOr<Ed25519Key> key = load_or_make(key_file);
  if (!key.ok()) return key.status();
  std::unique_ptr<HostSide> made(new HostSide(std::move(parts)));
  HostSide* const self = made.get();
  BundleMaker::Settings making{options.node, absl::StrCat(options.state, "/bundle.sequence")};
  made->bundles_ =
      std::make_unique<BundleMaker>(std::move(making), *std::move(key), [self] { return self->services(); });
  made->peers_ =
      std::make_unique<PeerWatch>(PeerWatch::Settings{}, [self](const PeerWatch::InForce& in_force) {
        const std::lock_guard lock(self->lock_);
        self->publish(in_force);
      });
  Desk::Settings settings{.node = options.node};
  settings.standing = self->kept_order();
  if (!settings.standing.order.empty())
    spdlog::info("the order \"{}\" by {} still stands", settings.standing.order, settings.standing.by);
  made->desk_ = std::make_unique<Desk>(std::move(settings), self->hooks(), self->parts_.events);
  return made;
}

Desk::Hooks HostSide::hooks() {
  Desk::Hooks hooks;
  hooks.healthy = [this] { return healthy(); };
  hooks.generation = [this] { return generation(); };
  hooks.host_may_carry = [this] {
    DesiredState* const state = parts_.desired();
    return state == nullptr || state->now() == nullptr || !services().empty();
  };
  hooks.bundle = [this] { return bundle(); };
  hooks.yield = [this](Yield yield) {
    const std::lock_guard lock(lock_);
    yield_ = yield;
    publish(peers_->in_force());
  };
  hooks.standing = [this] { keep_order(); };
  return hooks;
}

// Two lines: the order, and by whom.  Not a note of the store: an apply may hold that longer than a lease.
void HostSide::keep_order() {
  const std::lock_guard lock(order_lock_);
  const StandingOrder now = desk_->standing();
  const absl::Status kept =
      replace_file(parts_.options.state + kOrderFile, absl::StrCat(now.order, "\n", now.by, "\n"));
  if (!kept.ok()) spdlog::error("a restart would forget the order \"{}\": {}", now.order, kept.ToString());
}

StandingOrder HostSide::kept_order() const {
  StandingOrder kept;
  std::ifstream file(parts_.options.state + kOrderFile);
  std::getline(file, kept.order);
  std::getline(file, kept.by);
  const bool known = kept.order == "fall_back" || kept.order == "return" || kept.order == "drill";
  return known ? kept : StandingOrder{};
}

// By the contracts of the state that is in force, not by those that health has come to follow: a bundle that
// is made in between would give the host a service that is closed by now, and would be kept.
std::vector<std::string> HostSide::services() const {
  std::vector<std::string> out;
  const DesiredState* const state = parts_.desired();
  const auto now = state == nullptr ? nullptr : state->now();
  if (now == nullptr) return out;
  const std::vector<std::string> by_themselves = default_host_services();
  for (const std::string service : kDataPath) {
    const auto* own = now->find<manifest::Service>("Service", "", service);
    const bool by_default =
        std::find(by_themselves.begin(), by_themselves.end(), service) != by_themselves.end();
    if (own == nullptr ? by_default : falls_back_on_host(*own)) out.push_back(service);
  }
  return out;
}

bool HostSide::healthy() const {
  ServicesOfNode* const services = parts_.services();
  if (services == nullptr) return false;
  for (const std::string& service : this->services()) {
    const ServiceState state = services->board().of(service);
    // What has nothing to probe is not known to be ill: overlay without peers.
    if (state.health != Health::kReady && !state.nothing_to_probe) return false;
  }
  return services->board().of("policy").health == Health::kReady;
}

uint64_t HostSide::generation() const {
  DesiredState* const state = parts_.desired();
  const auto now = state == nullptr ? nullptr : state->now();
  return now == nullptr || !now->in_force ? 0 : now->generation.value();
}

absl::StatusOr<v1::SignedBundle> HostSide::bundle() {
  const auto now = parts_.desired()->now();
  const auto* node = now->find<manifest::Node>("Node", "", parts_.options.node);
  if (node == nullptr || !node->fallback)
    return absl::NotFoundError(absl::StrCat("Node ", parts_.options.node, " has no spec.fallback.underlay"));
  return bundles_->make(*now->straight, now->generation.value(), *node->fallback);
}

void HostSide::publish(const PeerWatch::InForce& in_force) {
  DesiredState* const state = parts_.desired();
  if (state == nullptr) return;
  const Detour detour{in_force, yield_ == Yield::kYes, yield_ == Yield::kQuiet, peers_->leaving()};
  if (absl::Status status = state->detour(detour); !status.ok())
    spdlog::error("the way around a fallen node cannot be put in force: {}", status.ToString());
  desk_->bundle_changed();
}

void HostSide::await() {
  const auto now = parts_.desired()->now();
  const auto* node = now->find<manifest::Node>("Node", "", parts_.options.node);
  if (parts_.options.host_link.empty() || node == nullptr || !node->fallback) return;
  desk_->await_host();
  const std::lock_guard lock(lock_);
  yield_ = desk_->state().yield;
  publish({});
}

void HostSide::follow(std::span<const manifest::Object* const> objects) {
  std::set<std::string> can_fall;
  for (const manifest::Object* object : objects) {
    const auto* node = std::get_if<manifest::Node>(object);
    if (node != nullptr && node->fallback && node->meta.name != parts_.options.node)
      can_fall.insert(node->meta.name);
  }
  peers_->follow(can_fall);
}

std::vector<ConsumerView> HostSide::consumers() const {
  const HostState host = desk_->state();
  if (!host.known) return {};
  return {{absl::StrCat("fallback/", parts_.options.node), "fallback", Generation(host.bundle_generation),
           host.bundle_since, host.error}};
}

FallbackView HostSide::view() {
  return {*desk_, parts_.options.node, [this] { return services(); }, [this] { return peers_->in_force(); }};
}

void HostSide::count_seconds(SecondCounter::Sources sources) {
  seconds_ = std::make_unique<SecondCounter>(observations_, std::move(sources));
}

HostFigures HostSide::figures() const {
  const Observations::Figures from = observations_.figures();
  HostFigures out{.windows = from.taken, .refused = from.refused};
  if (!from.newest) return out;
  const auto p99 = [](const std::string& text) {
    const auto sketch = stats::Sketch::parse(text);
    return sketch.ok() && sketch->count() > 0 ? sketch->quantile(0.99) / 1e9 : -1;
  };
  out.latency_p99 = p99(from.newest->latency());
  out.wakeup_p99 = p99(from.newest->wakeups());
  return out;
}

void HostSide::tick() {
  desk_->tick();
  peers_->tick();
}

}  // namespace outrigger::agent
