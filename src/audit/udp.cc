#include "audit/udp.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "absl/time/clock.h"
#include "audit/place.h"
#include "audit/probe.h"
#include "base/steady_time.h"

namespace outrigger::audit {
namespace {

enum class Said { kAnswer, kRefusal, kNothing, kNoWay };

constexpr uint16_t kClosed[] = {47'813, 48'907};  // nobody's, by IANA; before and after
constexpr int kAnswerMs = 250, kTries = 2;
constexpr int kAtOnce = 5;                                     // of the six, one to spare
constexpr absl::Duration kBetween = absl::Milliseconds(1100);  // each later one

Said ask(const Endpoint& to) {
  const SocketAddress address = socket_address(to);
  const Descriptor one(socket(address.storage.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const bool sent =
      connect(one.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0 &&
      send(one.get(), "outrigger-audit\r\n", 17, 0) == 17;
  if (!sent) return errno == ECONNREFUSED ? Said::kRefusal : Said::kNoWay;
  pollfd ready{one.get(), POLLIN, 0};
  if (poll(&ready, 1, kAnswerMs) <= 0) return Said::kNothing;
  char byte = 0;
  if (recv(one.get(), &byte, 1, MSG_DONTWAIT) >= 0) return Said::kAnswer;
  return errno == ECONNREFUSED ? Said::kRefusal : Said::kNoWay;
}

class Asker {
 public:
  explicit Asker(IpAddress address) : address_(address) {}

  Said ask_twice(uint16_t port) {
    Said said = Said::kNothing;
    for (int i = 0; i < kTries && said == Said::kNothing; ++i) {
      pace();
      said = ask({address_, port});
    }
    return said;
  }

 private:
  void pace() {
    if (asked_++ >= kAtOnce) absl::SleepFor(std::max(absl::ZeroDuration(), next_ - steady_time()));
    next_ = steady_time() + kBetween;
  }

  const IpAddress address_;
  int asked_ = 0;
  absl::Time next_;
};

UdpLook look(IpAddress address, std::span<const uint16_t> ports) {
  UdpLook found;
  Asker asker(address);
  const Said first = asker.ask_twice(kClosed[0]);
  found.way = first != Said::kNoWay;
  if (!found.way) return found;
  const bool before = first == Said::kRefusal;
  for (const uint16_t port : ports) {
    // Where even a closed port says nothing only an answer counts, and needs no pause.
    const Said said = before ? asker.ask_twice(port) : ask({address, port});
    if (said == Said::kAnswer) found.answered.push_back(port);
    if (said == Said::kNothing) found.silent.push_back(port);
    if (said == Said::kRefusal) ++found.refused;
  }
  found.tells = before && asker.ask_twice(kClosed[1]) == Said::kRefusal;
  return found;
}

}  // namespace

absl::StatusOr<UdpLook> look_at_udp(const std::string& netns, IpAddress address,
                                    std::span<const uint16_t> ports) {
  UdpLook found;
  const absl::Status status = inside_netns(netns, [&] {
    found = look(address, ports);
    return absl::OkStatus();
  });
  if (!status.ok()) return status;
  return found;
}

}  // namespace outrigger::audit
