#include "chaos/denied_flows.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <deque>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace outrigger::chaos {
namespace {

constexpr size_t kConnects = 64;  // attempts alive at a time

class Knocker {
 public:
  explicit Knocker(const DeniedOptions& options) : options_(options) {
    const Address& to = options.destination;
    const Address here = any_of(to, ntohs(reinterpret_cast<const sockaddr_in*>(to.get())->sin_port));
    udp_server_ = listening(options.to, here, SOCK_DGRAM | SOCK_NONBLOCK);
    tcp_server_ = listening(options.to, here, SOCK_STREAM | SOCK_NONBLOCK);
    old_flow_ = socket_in(options.from, to.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK);
  }
  ~Knocker() {
    for (const int fd : connects_) close(fd);
    for (const int fd : {udp_server_, tcp_server_, old_flow_}) close(fd);
  }
  Knocker(const Knocker&) = delete;
  Knocker& operator=(const Knocker&) = delete;

  void run() {
    const auto pause = static_cast<Nanoseconds>(options_.every_ms * 1e6);
    for (Nanoseconds next = now(); !ended(); next += pause) {
      sleep_until(next);
      knock();
      look();
    }
    sleep_until(now() + 300'000'000);
    look();
  }

  [[nodiscard]] std::string report() const {
    std::vector<std::string> when;
    for (const Nanoseconds at : violations_at_)
      when.push_back(absl::StrFormat("%.6f", static_cast<double>(at) / 1e9));
    return absl::StrFormat("{\"tried\": %d, \"violations\": %d, \"at\": [%s]}\n", tried_, violations_,
                           absl::StrJoin(when, ", "));
  }

 private:
  void knock() {
    const Address& to = options_.destination;
    const char word[] = "may I?";
    sendto(old_flow_, word, sizeof word, 0, to.get(), to.length);
    const int fresh = socket_in(options_.from, to.storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK);
    sendto(fresh, word, sizeof word, 0, to.get(), to.length);
    close(fresh);
    connects_.push_back(socket_in(options_.from, to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK));
    (void)connect(connects_.back(), to.get(), to.length);
    if (connects_.size() > kConnects) {
      close(connects_.front());
      connects_.pop_front();
    }
    tried_ += 3;
  }

  void look() {
    char data[64];
    while (recv(udp_server_, data, sizeof data, 0) >= 0) violated();
    for (int fd; (fd = accept4(tcp_server_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; close(fd)) violated();
  }

  void violated() {
    ++violations_;
    if (violations_at_.size() < 100) violations_at_.push_back(now());
  }

  const DeniedOptions& options_;
  int udp_server_ = -1, tcp_server_ = -1, old_flow_ = -1;
  std::deque<int> connects_;
  uint64_t tried_ = 0, violations_ = 0;
  std::vector<Nanoseconds> violations_at_;
};

}  // namespace

std::string run_denied(const DeniedOptions& options) {
  Knocker knocker(options);
  knocker.run();
  return knocker.report();
}

}  // namespace outrigger::chaos
