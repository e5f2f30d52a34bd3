#include "dpu/secure/paced_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/steady_time.h"

namespace outrigger::secure {

namespace {

constexpr int kBacklog = 64;
constexpr auto kBreath = std::chrono::milliseconds(10);  // when the process has no descriptor left

struct Place {
  sockaddr_storage address{};
  socklen_t size = 0;
};

std::optional<Place> place_of(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  uint32_t port = 0;
  if (!absl::SimpleAtoi(text.substr(colon + 1), &port) || port > 65535) return std::nullopt;
  Place place;
  auto& v4 = reinterpret_cast<sockaddr_in&>(place.address);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(place.address);
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<uint16_t>(port));
    place.size = sizeof v4;
  } else if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<uint16_t>(port));
    place.size = sizeof v6;
  } else {
    return std::nullopt;
  }
  return place;
}

int port_of(int file) {
  Place bound;
  bound.size = sizeof bound.address;
  if (getsockname(file, reinterpret_cast<sockaddr*>(&bound.address), &bound.size) != 0) return 0;
  return ntohs(reinterpret_cast<const sockaddr_in&>(bound.address).sin_port);  // where v6 has it too
}

// With a reset: no state of it stays on our side.
void refuse(Descriptor connection) {
  const linger at_once{1, 0};
  (void)setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

PacedListener::PacedListener(Descriptor socket, Descriptor end, int port, Rate pace, agent::Events* events)
    : socket_(std::move(socket)),
      end_(std::move(end)),
      port_(port),
      events_(events),
      bucket_(pace, steady_time()),
      pace_(pace) {}

absl::StatusOr<std::unique_ptr<PacedListener>> PacedListener::listen(const std::string& address, Rate pace,
                                                                     agent::Events* events) {
  const std::optional<Place> place = place_of(address);
  if (!place) return absl::InvalidArgumentError(absl::StrCat("\"", address, "\" is not ADDRESS:PORT"));
  Descriptor file(socket(place->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  Descriptor end(eventfd(0, EFD_CLOEXEC));
  const int on = 1;
  const bool listens =
      file && end && setsockopt(file.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      bind(file.get(), reinterpret_cast<const sockaddr*>(&place->address), place->size) == 0 &&
      ::listen(file.get(), kBacklog) == 0;
  if (!listens) return absl::ErrnoToStatus(errno, absl::StrCat("cannot listen on ", address));
  const int port = port_of(file.get());
  return std::unique_ptr<PacedListener>(
      new PacedListener(std::move(file), std::move(end), port, pace, events));
}

PacedListener::~PacedListener() {
  const uint64_t one = 1;
  (void)!write(end_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void PacedListener::start(Take take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { run(); });
}

void PacedListener::run() {
  for (;;) {
    pollfd files[] = {{socket_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}};
    if (poll(files, 2, -1) < 0) continue;
    if (files[1].revents != 0) return;
    accept_one();
  }
}

void PacedListener::accept_one() {
  Descriptor connection(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) {
    if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(kBreath);
    return;
  }
  if (!in_pace()) return refuse(std::move(connection));
  const int on = 1;
  (void)setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  take_(std::move(connection));
}

bool PacedListener::in_pace() {
  const absl::Time now = steady_time();
  if (flooded_ && bucket_.recovered(now)) flooded_ = false;
  if (bucket_.take(now)) return true;
  if (!flooded_)
    tell(absl::StrCat("connections to the host link come too fast: at most ", pace_.per_second, " a second, ",
                      pace_.burst, " at once"));
  flooded_ = true;
  return false;
}

void PacedListener::tell(const std::string& message) {
  if (events_ == nullptr) return;
  agent::Event event;
  event.kind = agent::Kind::kRefusedAccess;
  event.domain = Domain::kHost;
  event.severity = Severity::kWarning;
  event.service = "agent";
  event.subject = "host link connections";
  event.message = message;
  event.evidence = {{"call", "connect"}};
  events_->record(std::move(event));
}

}  // namespace outrigger::secure
