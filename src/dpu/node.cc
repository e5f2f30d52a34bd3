#include "dpu/node.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "base/steady_time.h"
#include "dpu/counted_events.h"
#include "dpu/doors.h"
#include "dpu/hand_over.h"
#include "dpu/health/services_of_node.h"
#include "dpu/host_side.h"
#include "dpu/journal/journal.h"
#include "dpu/journal/log_sink.h"
#include "dpu/journal/outputs.h"
#include "dpu/note_memory.h"
#include "dpu/rollout/rollouts.h"
#include "dpu/running_mark.h"
#include "dpu/sidecar_versions.h"
#include "dpu/split_mode.h"
#include "dpu/state_lock.h"
#include "services/services.h"

namespace outrigger::agent {

namespace {

constexpr absl::Duration kRetryEvery = absl::Seconds(5);     // of a stored state that is not in force
constexpr absl::Duration kRetryRefused = absl::Seconds(30);  // of an endpoint left out
constexpr const char* kEngineServices[] = {"vswitch", "policy", "overlay"};  // the engine's version is theirs

class WholeNode final : public Node {
 public:
  explicit WholeNode(Options options) : options_(std::move(options)) {}
  ~WholeNode() override;
  absl::Status begin();
  void turn() override;

 private:
  absl::Status open_store();
  absl::Status open_journal();
  absl::Status start_engines();
  void start_services();
  absl::Status start_rollouts();
  absl::Status serve();
  absl::Status put_in_force();
  void follow_state();
  void tell_restart(Phase phase);
  [[nodiscard]] NodeFigures metrics();

  template <typename F>
  auto on_engine(F function) {
    return engine_->call(std::move(function));
  }

  const Options options_;
  std::optional<StateLock> lock_;
  std::optional<RunningMark> mark_;
  std::optional<Store> notes_;  // a connection of its own: an apply holds the other
  std::mutex notes_lock_;
  std::optional<Store> store_;  // until the desired state takes it
  std::atomic<ServicesOfNode*> contracts_{nullptr};
  std::atomic<DesiredState*> desired_{nullptr};
  std::unique_ptr<Journal> journal_;
  std::unique_ptr<LogTap> log_tap_;
  std::unique_ptr<CountedEvents> events_;
  std::unique_ptr<Outputs> outputs_;
  std::unique_ptr<HostSide> host_;
  std::unique_ptr<DesiredState> state_;
  std::unique_ptr<EngineThread> engine_;
  std::unique_ptr<Supervisor> supervisor_;
  std::unique_ptr<ServicesOfNode> services_;
  std::unique_ptr<Rollouts> rollouts_;
  std::unique_ptr<SidecarVersions> sidecar_versions_;
  std::unique_ptr<Doors> doors_;

  const absl::Time began_ = steady_time();
  std::chrono::steady_clock::time_point since_;
  std::string version_;  // of the active engine, as health was told
  std::shared_ptr<const Snapshot> followed_;
  absl::Time retried_ = absl::InfinitePast();
};

absl::Status WholeNode::begin() {
  if (absl::Status status = open_store(); !status.ok()) return status;
  if (absl::Status status = open_journal(); !status.ok()) return status;
  mark_.emplace(options_.state);
  tell_restart(Phase::kBegin);
  auto host = HostSide::open(
      {options_, *events_, [this] { return contracts_.load(); }, [this] { return desired_.load(); }});
  if (!host.ok()) return host.status();
  host_ = *std::move(host);
  if (absl::Status status = start_engines(); !status.ok()) return status;
  // Engines that begin with us were not there before: then the host may be carrying the traffic.
  if (!supervisor_->split() || supervisor_->ports().started_at >= began_) host_->await();
  (void)put_in_force();
  start_services();
  if (absl::Status status = start_rollouts(); !status.ok()) return status;
  if (absl::Status status = serve(); !status.ok()) return status;
  tell_restart(Phase::kEnd);
  return absl::OkStatus();
}

void WholeNode::tell_restart(Phase phase) {
  if (std::optional<Event> event = mark_->restart(phase)) events_->record(*std::move(event));
}

WholeNode::~WholeNode() {
  doors_.reset();
  if (host_ != nullptr) host_->stop_counting();
  rollouts_.reset();
  sidecar_versions_.reset();
  contracts_.store(nullptr);
  services_.reset();
  supervisor_.reset();
  engine_.reset();
  outputs_.reset();
  desired_.store(nullptr);
}

absl::Status WholeNode::open_store() {
  absl::StatusOr<StateLock> lock = StateLock::take(options_.state);
  if (!lock.ok()) return lock.status();
  lock_.emplace(*std::move(lock));
  const std::string database = absl::StrCat(options_.state, "/state.db");
  absl::StatusOr<Store> store = Store::open(database);
  if (!store.ok()) return store.status();
  store_.emplace(*std::move(store));
  absl::StatusOr<Store> notes = Store::open(database);
  if (!notes.ok()) return notes.status();
  notes_.emplace(*std::move(notes));
  return absl::OkStatus();
}

absl::Status WholeNode::open_journal() {
  JournalOptions wanted;
  wanted.folder = absl::StrCat(options_.state, "/journal");
  wanted.node = options_.node;
  wanted.version = kVersion;
  wanted.owner_of = [this](const std::string& service) {
    ServicesOfNode* const services = contracts_.load();
    return services == nullptr ? std::string() : services->health().owner(service);
  };
  wanted.generation = [this] {
    DesiredState* const state = desired_.load();
    return state == nullptr ? 0 : state->now()->generation.value();
  };
  auto journal = Journal::open(std::move(wanted));
  if (!journal.ok()) return journal.status();
  journal_ = *std::move(journal);
  log_tap_ = std::make_unique<LogTap>(*journal_);
  events_ = std::make_unique<CountedEvents>(*journal_);
  outputs_ = std::make_unique<Outputs>(*journal_, absl::StrCat(options_.state, "/journal/positions"));
  return absl::OkStatus();
}

absl::Status WholeNode::start_engines() {
  const auto publish = [this](const std::string& update) {
    return on_engine([&update](engine::Engine& e) { return e.apply(update); });
  };
  compiler::Devices devices{options_.uplink_device, options_.endpoint_device, true};
  auto state = DesiredState::load(*std::move(store_), options_.node, std::move(devices), publish);
  if (!state.ok()) return state.status();
  state_ = *std::move(state);
  desired_.store(state_.get());

  SplitNeeds needs{events_.get(), state_.get(), &*notes_, &notes_lock_};
  needs.fallback_in_force = [this] { return host_->carries(); };
  auto started = agent::start_engines(options_, needs);
  if (!started.ok()) return started.status();
  engine_ = std::move(started->engine);
  supervisor_ = std::move(started->supervisor);
  // Engines' clock began with the memory they share, which may be long before us.
  since_ = std::chrono::steady_clock::now();
  if (supervisor_->split())
    since_ -= absl::ToChronoMilliseconds(steady_time() - supervisor_->ports().started_at);
  return absl::OkStatus();
}

absl::Status WholeNode::put_in_force() {
  const bool before = state_->now()->in_force;
  const absl::Status status = state_->reconcile();
  const auto now = state_->now();
  if (!status.ok()) {
    spdlog::error("generation {} cannot be put in force: {}", now->generation.value(), status.ToString());
  } else if (!before && now->in_force) {
    spdlog::info("generation {} in force as epoch {}, {} objects", now->generation.value(),
                 now->epoch.value(), now->objects.size());
  }
  if (!now->node_known)
    spdlog::info("no Node \"{}\" in the desired state yet: waiting for one", state_->node());
  return status;
}

NodeFigures WholeNode::metrics() {
  NodeFigures out;
  out.engine = on_engine([](engine::Engine& e) { return e.figures(); });
  out.desired_generation = state_->now()->generation.value();
  out.applied_generation = out.engine.generation.value();
  out.failovers = events_->failovers.load();
  out.uptime_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
  out.version = kVersion;
  out.host = host_->figures();
  return out;
}

void WholeNode::start_services() {
  ServicesOfNode::Parts parts;
  parts.node = options_.node;
  parts.version = supervisor_->active_version();
  parts.state_folder = options_.state;
  SidecarSettings sidecars;
  sidecars.folder = absl::StrCat(options_.state, "/sidecars");
  sidecars.prefix = absl::StrCat("outrigger-", options_.node);
  sidecars.leave_running = supervisor_->split();
  sidecars.new_version = NewVersion::kInstalled;
  parts.sidecars = sidecars;
  parts.echo = [this](PortId port, std::span<const uint8_t> frame, uint64_t mark, unsigned timeout_ms) {
    return on_engine([&](engine::Engine& e) { return e.probe(port, frame, mark, timeout_ms); });
  };
  parts.figures = [this] { return on_engine([](engine::Engine& e) { return e.figures(); }); };
  parts.beats = [this] { return supervisor_->beats(); };
  parts.silent = [this] { return host_->carries(); };
  parts.metrics = [this] { return metrics(); };
  parts.placement = [this](const std::string& service) {
    for (const char* one : kEngineServices) {
      if (service == one && host_->carries()) return std::string("host");
    }
    return std::string("dpu");
  };
  parts.peer_probed = [this](const std::string& node, bool answered) {
    host_->peers().probed(node, answered);
  };
  services_ = std::make_unique<ServicesOfNode>(std::move(parts), *events_);
  contracts_.store(services_.get());
}

absl::Status WholeNode::start_rollouts() {
  host_->count_seconds({[this] { return on_engine([](engine::Engine& e) { return e.figures().drops; }); },
                        [this] { return events_->incidents.load(); }});
  rollouts_ = std::make_unique<Rollouts>(notes_in(*notes_, notes_lock_), &services_->board(), events_.get(),
                                         RolloutTimes{}, &host_->observations());
  for (const char* service : kEngineServices)
    rollouts_->offer(service, handed_over(changer_of(*supervisor_), host_->desk()));
  sidecar_versions_ = std::make_unique<SidecarVersions>(*services_->sidecars(), services_->health().board(),
                                                        *rollouts_, *events_);
  follow_state();  // a rollout may be of an agent that it names
  return rollouts_->recover();
}

absl::Status WholeNode::serve() {
  auto doors = Doors::open({options_, *journal_, *events_, *host_, *state_, *engine_, *supervisor_,
                            *services_, *rollouts_, notes_in(*notes_, notes_lock_), since_});
  if (!doors.ok()) return doors.status();
  doors_ = *std::move(doors);
  return absl::OkStatus();
}

// Health, contracts and peers go by what is in force.
void WholeNode::follow_state() {
  const auto now = state_->now();
  if (followed_ == now) return;
  if (followed_ == nullptr || followed_->objects != now->objects) {
    services_->reload(now->all());
    sidecar_versions_->follow(now->all());
    host_->follow(now->all());
  }
  followed_ = now;
}

void WholeNode::turn() {
  mark_->touch();
  const auto now = state_->now();
  const absl::Duration pause = !now->in_force         ? kRetryEvery
                               : now->refused.empty() ? absl::InfiniteDuration()
                                                      : kRetryRefused;
  if (now->generation.value() > 0 && steady_time() - retried_ > pause) {
    retried_ = steady_time();
    (void)put_in_force();
  }
  follow_state();
  for (const ChildOutput& child : child_outputs(*supervisor_))  // read as log records of theirs
    outputs_->follow_file(child.path, {child.service, child.version, child.subject});
  sidecar_versions_->look();
  if (const std::string version = supervisor_->active_version(); version != version_) {
    version_ = version;
    services_->set_engine_version(version);
  }
  host_->tick();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Node>> Node::start(const Options& options) {
  auto node = std::make_unique<WholeNode>(options);
  if (absl::Status status = node->begin(); !status.ok()) return status;
  return node;
}

}  // namespace outrigger::agent
