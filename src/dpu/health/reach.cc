#include "dpu/health/reach.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/steady_time.h"

namespace outrigger::agent {

namespace {

class Connection {
 public:
  explicit Connection(absl::Time deadline) : deadline_(deadline) {}
  ~Connection() {
    if (socket_ >= 0) close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  absl::Status open(const IpAddress& address, uint16_t port) {
    sockaddr_storage to{};
    const socklen_t size = write(address, port, to);
    socket_ = socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_ < 0) return absl::ErrnoToStatus(errno, "no socket");
    if (connect(socket_, reinterpret_cast<const sockaddr*>(&to), size) == 0) return absl::OkStatus();
    if (errno != EINPROGRESS) return absl::UnavailableError(std::strerror(errno));
    if (absl::Status status = wait(POLLOUT); !status.ok()) return status;
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0 ? absl::OkStatus() : absl::UnavailableError(std::strerror(error));
  }

  absl::Status send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        text.remove_prefix(static_cast<size_t>(sent));
      } else if (errno != EAGAIN) {
        return absl::UnavailableError(std::strerror(errno));
      } else if (absl::Status status = wait(POLLOUT); !status.ok()) {
        return status;
      }
    }
    return absl::OkStatus();
  }

  // Up to the first line's end, or 256 bytes.
  absl::StatusOr<std::string> line() {
    std::string text;
    while (text.size() < 256 && text.find('\n') == text.npos) {
      char room[128];
      const ssize_t got = recv(socket_, room, sizeof(room), 0);
      if (got == 0) break;
      if (got > 0) {
        text.append(room, static_cast<size_t>(got));
      } else if (errno != EAGAIN) {
        return absl::UnavailableError(std::strerror(errno));
      } else if (absl::Status status = wait(POLLIN); !status.ok()) {
        return status;
      }
    }
    return text.substr(0, text.find_first_of("\r\n"));
  }

 private:
  static socklen_t write(const IpAddress& address, uint16_t port, sockaddr_storage& to) {
    if (address.is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(to);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      address.store_v4(&v4.sin_addr);
      return sizeof(v4);
    }
    auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    address.store_v6(&v6.sin6_addr);
    return sizeof(v6);
  }

  absl::Status wait(short what) const {
    const absl::Duration left = deadline_ - steady_time();
    pollfd one{socket_, what, 0};
    if (left > absl::ZeroDuration() &&
        poll(&one, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1) == 1)
      return absl::OkStatus();
    return absl::DeadlineExceededError("no answer in time");
  }

  absl::Time deadline_;
  int socket_ = -1;
};

std::string where(const IpAddress& address, uint16_t port) {
  return address.is_v4() ? absl::StrCat(address.str(), ":", port)
                         : absl::StrCat("[", address.str(), "]:", port);
}

Finding bad(const std::string& what, const absl::Status& status, absl::Time begun) {
  return {ProbeOutcome::kFail, absl::StrCat(what, ": ", status.message()), steady_time() - begun};
}

Finding try_exec(const ProbeSources& sources, const manifest::Service& service) {
  if (!sources.exec) return {ProbeOutcome::kNothing, "nothing to probe: it does not run here"};
  const absl::Time begun = steady_time();
  const auto code =
      sources.exec(service.meta.name, service.health.command, absl::Milliseconds(service.health.timeout_ms));
  if (!code.ok()) return bad(service.health.command[0], code.status(), begun);
  if (*code != 0)
    return {ProbeOutcome::kFail, absl::StrCat(service.health.command[0], " ended with ", *code),
            steady_time() - begun};
  return {ProbeOutcome::kPass, absl::StrCat(service.health.command[0], " ended with 0"),
          steady_time() - begun};
}

}  // namespace

Finding try_tcp(const IpAddress& address, uint16_t port, absl::Duration timeout) {
  const absl::Time begun = steady_time();
  Connection connection(begun + timeout);
  if (absl::Status status = connection.open(address, port); !status.ok())
    return bad(where(address, port), status, begun);
  return {ProbeOutcome::kPass, absl::StrCat(where(address, port), " accepts connections"),
          steady_time() - begun};
}

Finding try_http(const IpAddress& address, uint16_t port, const std::string& path, absl::Duration timeout) {
  const absl::Time begun = steady_time();
  const std::string what = absl::StrCat("http://", where(address, port), path);
  Connection connection(begun + timeout);
  absl::Status status = connection.open(address, port);
  if (status.ok()) {
    status = connection.send(absl::StrCat("GET ", path, " HTTP/1.1\r\nHost: ", where(address, port),
                                          "\r\nUser-Agent: outrigger\r\nConnection: close\r\n\r\n"));
  }
  if (!status.ok()) return bad(what, status, begun);
  const auto line = connection.line();
  if (!line.ok()) return bad(what, line.status(), begun);
  int code = 0;  // "HTTP/1.1 200 OK", RFC 9112 §4
  if (line->size() < 12 || !line->starts_with("HTTP/1.") || !absl::SimpleAtoi(line->substr(9, 3), &code))
    return bad(what, absl::UnavailableError("the answer is no HTTP"), begun);
  return {code >= 200 && code < 400 ? ProbeOutcome::kPass : ProbeOutcome::kFail,
          absl::StrCat(what, " says ", code), steady_time() - begun};
}

Probe reach_probe(const ProbeSources& sources, const manifest::Service& service) {
  return [sources, service]() -> Finding {
    const manifest::Service::Health& health = service.health;
    const absl::Duration timeout = absl::Milliseconds(health.timeout_ms);
    switch (health.probe) {
      case manifest::Service::Probe::kExec:
        return try_exec(sources, service);
      case manifest::Service::Probe::kTcp:
        return try_tcp(health.address, health.port, timeout);
      case manifest::Service::Probe::kHttp:
        return try_http(health.address, health.port, health.path, timeout);
      case manifest::Service::Probe::kGrpc:
        return try_grpc(health.address, health.port, health.grpc_service, timeout);
      default:
        return {ProbeOutcome::kNothing, "nothing to probe: no way to reach it"};
    }
  };
}

}  // namespace outrigger::agent
