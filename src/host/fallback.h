// The host's fallback, put together: what the keeper knows and the operator orders goes through the machine,
// and its decisions are carried out on the path.  Everything that must survive a restart is on disk before it
// is done.  Not thread-safe: one loop calls turn(), when it is time to or something has happened.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "host/guest.h"
#include "host/keeper.h"
#include "host/machine.h"
#include "host/path.h"

namespace outrigger::host {

class Fallback {
 public:
  struct Settings {
    std::string guests_file;
    std::string folder;
    Machine::Settings machine;
  };
  using Log = std::function<void(const std::string& severity, const std::string& message)>;

  Fallback(Settings settings, Keeper& keeper, Path& path, Log log);

  void turn();
  // How long nothing is to be done unless the keeper's bell rings or somebody gives an order.
  [[nodiscard]] absl::Duration patience() const;
  void order(Order order) { order_ = order; }
  // {"state": "active", "reason": "...", ...}, one line.
  [[nodiscard]] std::string status_json() const;
  [[nodiscard]] State state() const { return machine_.state(); }
  [[nodiscard]] bool ordered() const { return machine_.ordered(); }

 private:
  void follow(const Keeper::News& news);
  void test(const Keeper::News& news);
  size_t content(const Keeper::News& news);
  bool ports_are_there(const Keeper::News& news, Order order);
  bool dpu_answers(const Keeper::News& news, Order order);
  void carry_out(Action action);
  absl::Status do_on_path(Action action);
  void keep_state();
  Situation situation(const Keeper::News& news);

  Settings settings_;
  Keeper& keeper_;
  Path& path_;
  Log log_;
  Machine machine_;
  Order order_ = Order::kNone;                    // given here, not over the link
  uint64_t generation_ = 0;                       // the path was prepared for
  size_t content_ = 0;                            // of that bundle: peers that fell back change it, too
  std::shared_ptr<const v1::HostBundle> hashed_;  // whose hash this is:
  size_t hash_ = 0;
  std::string guests_text_;  // and these endpoints
  bool prepared_ = false;    // since this process began
  std::string path_fault_ = "the path is not prepared yet";
  absl::Duration tested_at_ = -absl::InfiniteDuration();
  absl::Duration test_took_ = absl::ZeroDuration();
  absl::Duration ports_at_ = -absl::InfiniteDuration();
  bool ports_ = false;  // were there, then
  absl::Duration asked_at_ = -absl::InfiniteDuration();
  bool answers_ = false;  // the DPU's ports, then
  absl::Duration tried_at_ = -absl::InfiniteDuration();
  std::string said_;    // last state and reason that were logged
  double took_ms_ = 0;  // the last switch
};

}  // namespace outrigger::host
