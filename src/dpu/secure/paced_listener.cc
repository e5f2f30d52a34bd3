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
constexpr size_t kMostComers = 1024;
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

std::string address_of(const Place& place) {
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(place.address);
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(place.address);
  char text[INET6_ADDRSTRLEN] = "";
  const bool is_v4 = place.address.ss_family == AF_INET;
  (void)inet_ntop(place.address.ss_family,
                  is_v4 ? static_cast<const void*>(&v4.sin_addr) : static_cast<const void*>(&v6.sin6_addr),
                  text, sizeof text);
  return text;
}

// With a reset: no state of it stays on our side.
void refuse(Descriptor connection) {
  const linger at_once{1, 0};
  (void)setsockopt(connection.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

PacedListener::PacedListener(Descriptor socket, Descriptor end, int port, Door door, agent::Events* events)
    : socket_(std::move(socket)),
      end_(std::move(end)),
      port_(port),
      events_(events),
      door_(std::move(door)),
      all_{TokenBucket(door_.all, steady_time())} {}

absl::StatusOr<std::unique_ptr<PacedListener>> PacedListener::listen(const std::string& address, Door door,
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
      new PacedListener(std::move(file), std::move(end), port, std::move(door), events));
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
  Place from;
  from.size = sizeof from.address;
  Descriptor connection(accept4(socket_.get(), reinterpret_cast<sockaddr*>(&from.address), &from.size,
                                SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) {
    if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(kBreath);
    return;
  }
  if (!may_enter(address_of(from))) return refuse(std::move(connection));
  const int on = 1;
  (void)setsockopt(connection.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  take_(std::move(connection));
}

// Who is too fast by itself takes nothing of what is there for all.
bool PacedListener::may_enter(const std::string& from) {
  const absl::Time now = steady_time();
  Comer* const one = door_.each ? comer(from, now) : nullptr;
  if (one != nullptr && !in_pace(*one, *door_.each, absl::StrCat(" from ", from), now)) return false;
  return in_pace(all_, door_.all, "", now);
}

// Null: so many have come of late that one more is not told apart.
PacedListener::Comer* PacedListener::comer(const std::string& from, absl::Time now) {
  const auto known = each_.find(from);
  if (known != each_.end()) return &known->second;
  if (each_.size() >= kMostComers)
    std::erase_if(each_, [now](const auto& one) { return one.second.bucket.full(now); });
  if (each_.size() >= kMostComers) return nullptr;
  return &each_.emplace(from, Comer{TokenBucket(*door_.each, now)}).first->second;
}

bool PacedListener::in_pace(Comer& one, const Rate& pace, const std::string& from, absl::Time now) {
  if (one.flooded && one.bucket.recovered(now)) one.flooded = false;
  if (one.bucket.take(now)) return true;
  if (!one.flooded)
    tell(absl::StrCat("connections to the ", door_.name, from, " come too fast: at most ", pace.per_second,
                      " a second, ", pace.burst, " at once"));
  one.flooded = true;
  return false;
}

void PacedListener::tell(const std::string& message) {
  if (events_ == nullptr) return;
  agent::Event event;
  event.kind = agent::Kind::kRefusedAccess;
  event.domain = door_.callers;
  event.severity = Severity::kWarning;
  event.service = "agent";
  event.subject = absl::StrCat(door_.name, " connections");
  event.message = message;
  event.evidence = {{"call", "connect"}};
  events_->record(std::move(event));
}

}  // namespace outrigger::secure
