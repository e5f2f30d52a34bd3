// The engines of a node in processes of their own, as one Engine: what is applied goes to the active one and
// then to those that wait to take its place; what is asked, the active one answers.  Beside that it keeps the
// processes running: ports first, then an active engine and a standby.
//
// Theory of operation.  Packets need none of this: the ports process gives the queues of a dead engine to the
// standby by itself, and engines go on without an agent.  tend() makes one supervision step and never waits
// long:
//   take in events of the ports process → bury the dead and count their failures → meet those that have come
//   up → give whoever has another (generation, digest) than the desired state the whole of it → give the
//   queues to a current engine when nobody has them → start what is missing, after a pause that grows with
//   each failure.
// A restarted agent finds everything again by the same steps and disturbs nothing.
// Thread-safety: one thread, as engine::Engine says; the supervisor's calls come through EngineThread too.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/steady_time.h"
#include "dpu/journal/events.h"
#include "dpu/supervise/ports_client.h"
#include "dpu/supervise/process.h"
#include "dpu/supervise/programs.h"
#include "dpu/supervise/supervisor.h"
#include "dpu/supervise/versions.h"
#include "engine/remote_engine.h"

namespace outrigger::agent {

// The desired state, when no change of it is under way.
struct Desired {
  Generation generation;
  uint64_t digest = 0;
  std::function<std::string()> whole;  // serialised Update
};
using DesiredFn = std::function<std::optional<Desired>()>;

struct SplitOptions {
  Programs programs;
  engine::EngineOptions engine;
  std::string version;  // wanted; empty: the highest installed
  BarRule bar;
  std::string book;                                          // VersionBook::text() of an agent before us
  std::function<void(const std::string& text)> keep_book{};  // may be empty
  absl::Duration start_timeout = absl::Seconds(10);
  absl::Duration ports_timeout = absl::Seconds(20);
};

// One engine process.
struct Member {
  enum class State : uint8_t { kStarting, kUp, kLeaving };
  std::string instance;
  std::string version;
  State state = State::kStarting;
  bool candidate = false;  // of an upgrade: not to be ended for being one too many
  bool doomed = false;     // to be ended once others are there
  bool shadow = false;
  bool orphan = false;  // of a ports process that died: it has the queues until we end it
  bool told = false;    // its failure is on record
  Process process;
  std::unique_ptr<engine::RemoteEngine> link;
  engine::RemoteHello hello;
  absl::Time started_at;
  absl::Time not_before = absl::InfinitePast();  // of the next try to give it the state
  std::string error{};                           // of the last try
};

class SplitEngine final : public engine::Engine {
 public:
  // Finds or starts ports and a first engine.  `events` and `desired` must outlive it.
  static absl::StatusOr<std::unique_ptr<SplitEngine>> start(SplitOptions options, Events* events,
                                                            DesiredFn desired);
  ~SplitEngine() override;  // ends nothing

  absl::StatusOr<Epoch> apply(std::string_view update) override;
  absl::StatusOr<engine::Explanation> explain(std::span<const uint8_t> frame, PortId port,
                                              TunnelId tunnel) override;
  engine::Figures figures() override;
  std::vector<engine::Session> sessions(size_t limit) override;
  absl::StatusOr<engine::Echo> probe(PortId port, std::span<const uint8_t> frame, uint64_t mark,
                                     unsigned timeout_ms) override;
  void tend() override;

  // For the supervisor.
  absl::StatusOr<std::string> start_member(const std::string& version, bool candidate);
  [[nodiscard]] Member* member(const std::string& instance);
  [[nodiscard]] Member* active();
  [[nodiscard]] Member* standby();  // up, not active, doomed, a candidate or known to have failed
  [[nodiscard]] bool current(const Member& member) const;  // has the desired state, by its own word
  absl::StatusOr<engine::v1::SwapReply> swap_to(Member& to);
  void end_member(Member& member, bool kill);
  void keep_only(const std::string& one, const std::string& other);  // ends every other member
  void want_version(const std::string& version) { wanted_ = version; }
  void stay_with(const std::string& version);  // those of other versions go once there are others
  void set_changing(bool changing) { changing_ = changing; }
  [[nodiscard]] const std::string& wanted() const { return wanted_; }
  VersionBook& versions() { return versions_; }
  [[nodiscard]] const SplitOptions& options() const { return options_; }
  [[nodiscard]] const engine::v1::PortsStatus& ports_status() const { return status_; }
  [[nodiscard]] std::vector<EngineView> views() const;
  [[nodiscard]] EngineView ports_view() const;
  [[nodiscard]] std::vector<BeatView> beats() const;
  // Every engine that should follow the desired state, and why it does not.
  struct Consumer {
    std::string name;
    Generation generation;
    absl::Time applied_at;
    bool current = false;
    std::string error;
  };
  [[nodiscard]] std::vector<Consumer> consumers() const;
  [[nodiscard]] std::string why_ended(Member& member) const;

 private:
  SplitEngine(SplitOptions options, Events* events, DesiredFn desired);
  absl::Status find_or_start_ports();
  absl::Status connect_ports(absl::Duration patience);
  absl::Status start_first_engine();
  void refresh_status();
  void adopt();
  void take_in_events();
  void take_in(const engine::v1::PortsEvent& event);
  void bury();
  void buried(Member& member);
  void meet();
  void meet(Member& member);
  void came_up(Member& member);
  void hangs(Member& member);
  void give_state();
  void give_state(Member& member, const Desired& desired);
  void note_hello(Member& member);
  void give_queues();
  void packets_move();
  Member* lead();
  void start_missing();
  void end_surplus();
  void keep_book();
  void replace_ports();
  absl::Status apply_to(Member& member, std::string_view update);
  bool told_late(const engine::v1::PortsEvent& event);
  void failure(Kind kind, const std::string& subject, const std::string& version, const std::string& message,
               double milliseconds);
  void note(Kind kind, Phase phase, Severity severity, const std::string& message,
            const std::string& subject = "", absl::Time first_sign = absl::InfinitePast(),
            std::map<std::string, std::string> evidence = {}) const;
  [[nodiscard]] bool is_active(const Member& member) const;
  [[nodiscard]] std::string name_of(const Member& member) const;

  SplitOptions options_;
  Events* events_;
  DesiredFn desired_;
  VersionBook versions_;
  std::string kept_book_;  // as it was last given away
  std::string wanted_;
  Kept kept_;
  PortsClient ports_;
  Process ports_process_;
  engine::v1::PortsStatus status_;
  std::vector<std::unique_ptr<Member>> members_;
  Generation desired_generation_;  // as last seen
  uint64_t desired_digest_ = 0;
  bool changing_ = false;
  unsigned failed_starts_ = 0;
  unsigned hung_starts_ = 0;  // in a row, of versions that came up before
  absl::Time start_not_before_ = absl::InfinitePast();
  std::vector<Event> open_;  // failures that end with the next standby
  absl::Time ports_died_ = absl::InfinitePast();
  absl::Time looked_ = steady_time();  // whoever is found dead now lived then
  uint64_t next_instance_ = 1;
  unsigned ticks_ = 0;
  struct Buried {
    pid_t pid;
    bool untold;  // the failure is on record, by our own eyes alone
  };
  std::vector<Buried> buried_;  // who needs no words of ports any more: we know how it ended
};

}  // namespace outrigger::agent
