#include "chaos/fill_sessions.h"

#include <netinet/udp.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "absl/strings/str_format.h"

namespace outrigger::chaos {
namespace {

constexpr unsigned kFirstPort = 1024;
constexpr unsigned kPorts = 65536 - kFirstPort;  // of the source, for each destination port
constexpr unsigned kBurst = 32;

struct Datagram {
  udphdr header;
  char body[10];
};

class Filler {
 public:
  explicit Filler(const FillOptions& options)
      : options_(options),
        first_(ntohs(reinterpret_cast<const sockaddr_in*>(options.destination.get())->sin_port)),
        to_(options.destination),
        fd_(socket_in(options.from, AF_INET, SOCK_RAW, IPPROTO_UDP)) {
    reinterpret_cast<sockaddr_in*>(&to_.storage)->sin_port = 0;
    const unsigned ports = (options.sessions + kPorts - 1) / kPorts;
    for (unsigned i = 0; i < ports; ++i) {
      const Address at = any_of(options.destination, static_cast<uint16_t>(first_ + i));
      swallowing_.push_back(listening(options.to, at, SOCK_DGRAM | SOCK_NONBLOCK));
      const int little = 4096;  // nobody reads
      setsockopt(swallowing_.back(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    }
  }
  ~Filler() {
    for (const int fd : swallowing_) close(fd);
    close(fd_);
  }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;

  std::string run() {
    const Nanoseconds start = now();
    uint64_t sent = 0;
    for (; !ended(); sent += kBurst) {
      sleep_until(start + static_cast<Nanoseconds>(1e9 * static_cast<double>(sent) / options_.rate));
      for (unsigned i = 0; i < kBurst; ++i) send_one(static_cast<unsigned>((sent + i) % options_.sessions));
      if (sent < options_.sessions && sent + kBurst >= options_.sessions) std::fprintf(stderr, "full\n");
    }
    return absl::StrFormat("{\"sessions\": %d, \"sent\": %d, \"refused\": %d}\n", options_.sessions, sent,
                           refused_);
  }

 private:
  void send_one(unsigned number) {
    Datagram datagram{};
    datagram.header.source = htons(static_cast<uint16_t>(kFirstPort + number % kPorts));
    datagram.header.dest = htons(static_cast<uint16_t>(first_ + number / kPorts));
    datagram.header.len = htons(sizeof datagram);
    refused_ += sendto(fd_, &datagram, sizeof datagram, 0, to_.get(), to_.length) < 0;
  }

  const FillOptions& options_;
  unsigned first_;
  Address to_;  // without a port: a raw socket would take it for a protocol
  int fd_;
  std::vector<int> swallowing_;
  uint64_t refused_ = 0;
};

}  // namespace

std::string run_fill(const FillOptions& options) { return Filler(options).run(); }

}  // namespace outrigger::chaos
