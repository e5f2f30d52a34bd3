#include "chaos/udp_stream.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace outrigger::chaos {
namespace {

constexpr unsigned kBatch = 64;
constexpr unsigned kMaxPayload = 1472;
constexpr Nanoseconds kDrain = 300'000'000;  // for what is still on its way
constexpr double kMostSeconds = 1200;        // room made before the start
constexpr uint64_t kMark = 0x6f75747269676572;

struct Body {
  uint64_t mark = kMark;
  uint64_t sequence = 0;
};

struct Log {
  std::vector<Nanoseconds> sent_at;
  std::vector<Arrival> arrivals;
  uint64_t sent = 0, received = 0, refused = 0;  // refused: by the sender's own kernel
  uint32_t overflowed = 0;                       // at the receiver's socket, not in the network
};

class Sender {
 public:
  Sender(const UdpOptions& options, Log& log)
      : options_(options),
        log_(log),
        fd_(socket_in(options.from, options.destination.storage.ss_family, SOCK_DGRAM)) {
    if (connect(fd_, options.destination.get(), options.destination.length) != 0) fail("connect");
    data_.resize(size_t{kBatch} * kMaxPayload);
  }
  ~Sender() { close(fd_); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void run() {
    be_prompt();
    const double pause = 1e9 * options_.burst / options_.rate;
    const Nanoseconds start = now();
    for (uint64_t turn = 0; !ended(); ++turn) {
      sleep_until(start + static_cast<Nanoseconds>(pause * static_cast<double>(turn)));
      send_burst();
    }
  }

 private:
  void send_burst() {
    mmsghdr messages[kBatch] = {};
    iovec pieces[kBatch];
    const unsigned count = std::min(options_.burst, kBatch);
    for (unsigned i = 0; i < count; ++i) {
      char* body = &data_[size_t{i} * kMaxPayload];
      const Body numbered{kMark, log_.sent + i};
      std::memcpy(body, &numbered, sizeof numbered);
      pieces[i] = {body, options_.payload};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const Nanoseconds at = now();
    const int done = sendmmsg(fd_, messages, count, 0);
    if (done < 0) {  // refused by an answer to an earlier one, or no room: its number is used again
      ++log_.refused;
      return;
    }
    if (options_.record) log_.sent_at.insert(log_.sent_at.end(), static_cast<size_t>(done), at);
    log_.sent += static_cast<uint64_t>(done);
  }

  const UdpOptions& options_;
  Log& log_;
  int fd_;
  std::vector<char> data_;
};

class Receiver {
 public:
  Receiver(const UdpOptions& options, Log& log) : options_(options), log_(log) {
    const Address& to = options.destination;
    const uint16_t port = ntohs(reinterpret_cast<const sockaddr_in*>(to.get())->sin_port);
    fd_ = listening(options.to, any_of(to, port), SOCK_DGRAM);
    const int on = 1;
    setsockopt(fd_, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    setsockopt(fd_, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on);
    const timeval wait{0, 50'000};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  }
  ~Receiver() { close(fd_); }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  void run(const std::atomic<bool>& stop) {
    be_prompt();
    while (!stop.load(std::memory_order_relaxed)) receive();
  }

 private:
  void receive() {
    mmsghdr messages[kBatch] = {};
    iovec pieces[kBatch];
    Body bodies[kBatch];
    char control[kBatch][128];
    for (unsigned i = 0; i < kBatch; ++i) {
      pieces[i] = {&bodies[i], sizeof bodies[i]};
      messages[i].msg_hdr = {.msg_iov = &pieces[i],
                             .msg_iovlen = 1,
                             .msg_control = control[i],
                             .msg_controllen = sizeof control[i]};
    }
    const int count = recvmmsg(fd_, messages, kBatch, MSG_WAITFORONE, nullptr);
    for (int i = 0; i < count; ++i) {
      if (messages[i].msg_len < sizeof(Body) || bodies[i].mark != kMark) continue;
      ++log_.received;
      const Nanoseconds at = stamped(messages[i].msg_hdr);
      if (options_.record) log_.arrivals.push_back({bodies[i].sequence, at});
    }
  }

  // The kernel stamps by the wall clock.  The difference is taken each time: that clock may be set.
  Nanoseconds stamped(msghdr& header) {
    Nanoseconds at = now();
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level != SOL_SOCKET) continue;
      if (c->cmsg_type == SO_RXQ_OVFL) std::memcpy(&log_.overflowed, CMSG_DATA(c), sizeof log_.overflowed);
      if (c->cmsg_type != SO_TIMESTAMPNS || !options_.record) continue;
      timespec stamp{}, wall{};
      std::memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
      clock_gettime(CLOCK_REALTIME, &wall);
      at = now() - ((wall.tv_sec - stamp.tv_sec) * 1'000'000'000 + (wall.tv_nsec - stamp.tv_nsec));
    }
    return at;
  }

  const UdpOptions& options_;
  Log& log_;
  int fd_ = -1;
};

std::string described(const Silence& silence) {
  return absl::StrFormat("{\"at\": %.6f, \"us\": %.1f, \"lost\": %d}",
                         static_cast<double>(silence.began) / 1e9, static_cast<double>(silence.length) / 1e3,
                         silence.lost);
}

std::string report(const UdpOptions& options, const Log& log, Nanoseconds began, Nanoseconds end) {
  std::string text = absl::StrFormat(
      "{\"sent\": %d, \"received\": %d, \"refused\": %d, \"receiver_overflow\": %d, \"seconds\": %.6f",
      log.sent, log.received, log.refused, log.overflowed, static_cast<double>(end - began) / 1e9);
  if (!options.record)
    return absl::StrCat(text, ", \"lost\": ", log.sent - std::min(log.sent, log.received), "}\n");
  const Judgement found =
      judge(log.sent_at, log.arrivals, static_cast<Nanoseconds>(options.threshold_us * 1e3), end);
  std::vector<std::string> silences;
  for (const Silence& silence : found.silences) silences.push_back(described(silence));
  absl::StrAppendFormat(&text,
                        ", \"lost\": %d, \"duplicates\": %d, \"reordered\": %d, \"longest\": ", found.lost,
                        found.duplicates, found.reordered);
  return absl::StrCat(text, described(found.longest), ", \"silences\": [", absl::StrJoin(silences, ", "),
                      "]}\n");
}

}  // namespace

std::string run_udp(const UdpOptions& options) {
  Log log;
  if (options.record) {  // growing them would stop the stream
    log.sent_at.reserve(static_cast<size_t>(options.rate * kMostSeconds));
    log.arrivals.reserve(static_cast<size_t>(options.rate * kMostSeconds));
  }
  Receiver receiver(options, log);
  Sender sender(options, log);
  std::atomic<bool> stop{false};
  std::thread receiving([&] { receiver.run(stop); });
  const Nanoseconds began = now();
  sender.run();
  const Nanoseconds end = now();
  sleep_until(end + kDrain);
  stop.store(true);
  receiving.join();
  return report(options, log, began, end);
}

}  // namespace outrigger::chaos
