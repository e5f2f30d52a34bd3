#include "base/local_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace outrigger {

namespace {

constexpr size_t kGrow = size_t{1} << 20;

absl::Status fault(const std::string& what, int error) {
  const std::string text = absl::StrCat(what, ": ", strerror(error));
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(text);
  if (error == EAGAIN || error == ENOBUFS) return absl::ResourceExhaustedError(text);
  return absl::UnavailableError(text);
}

absl::StatusOr<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("socket ", path, ": its path has ", path.size(),
                                                   " bytes, ", sizeof address.sun_path - 1, " are possible"));
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

absl::StatusOr<Descriptor> make_socket(SocketKind kind) {
  const int type = kind == SocketKind::kDatagrams ? SOCK_SEQPACKET : SOCK_STREAM;
  Descriptor made(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  if (!made) return fault("socket", errno);
  const int room = 2 * kMaxDatagram;  // the kernel caps it for those without CAP_NET_ADMIN
  if (::setsockopt(made.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) != 0)
    (void)::setsockopt(made.get(), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
  return made;
}

// Until the socket is ready for `events`.
absl::Status await(int socket, short events, SteadyTime deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd one{socket, events, 0};
    const int64_t wait = std::clamp<int64_t>(left.count(), 0, 3'600'000);
    const int ready = ::poll(&one, 1, static_cast<int>(wait));
    if (ready > 0) return absl::OkStatus();
    if (ready == 0) return absl::DeadlineExceededError("no answer in time");
    if (errno != EINTR) return fault("poll", errno);
  }
}

absl::Status receive_exactly(int socket, char* into, size_t length, SteadyTime deadline) {
  while (length > 0) {
    const ssize_t got = ::recv(socket, into, length, MSG_DONTWAIT);
    if (got == 0) return absl::UnavailableError("the peer closed the connection");
    if (got > 0) {
      into += got;
      length -= static_cast<size_t>(got);
    } else if (errno == EAGAIN) {
      if (absl::Status status = await(socket, POLLIN, deadline); !status.ok()) return status;
    } else if (errno != EINTR) {
      return fault("receive", errno);
    }
  }
  return absl::OkStatus();
}

absl::Status send_all(int socket, std::string_view bytes, SteadyTime deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      if (absl::Status status = await(socket, POLLOUT, deadline); !status.ok()) return status;
    } else if (errno != EINTR) {
      return fault("send", errno);
    }
  }
  return absl::OkStatus();
}

void take_descriptors(msghdr& header, std::vector<Descriptor>& out) {
  for (cmsghdr* at = CMSG_FIRSTHDR(&header); at != nullptr; at = CMSG_NXTHDR(&header, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    for (size_t i = 0; i < (at->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + i * sizeof(int), sizeof fd);
      out.emplace_back(fd);
    }
  }
}

}  // namespace

absl::StatusOr<Descriptor> listen_at(const std::string& path, SocketKind kind, gid_t group) {
  auto address = address_of(path);
  if (!address.ok()) return address.status();
  auto made = make_socket(kind);
  if (!made.ok()) return made.status();
  if (auto old = connect_to(path, kind); old.ok())
    return absl::AlreadyExistsError(absl::StrCat(path, ": another process serves it"));
  (void)::unlink(path.c_str());
  const mode_t before = ::umask(0177);
  const int bound = ::bind(made->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  const int error = errno;
  (void)::umask(before);
  if (bound != 0) return fault(path, error);
  if (group != static_cast<gid_t>(-1) &&
      (::chown(path.c_str(), static_cast<uid_t>(-1), group) != 0 || ::chmod(path.c_str(), 0660) != 0))
    return fault(path, errno);
  if (::listen(made->get(), 64) != 0) return fault(path, errno);
  return made;
}

absl::StatusOr<Descriptor> connect_to(const std::string& path, SocketKind kind) {
  auto address = address_of(path);
  if (!address.ok()) return address.status();
  auto made = make_socket(kind);
  if (!made.ok()) return made.status();
  if (::connect(made->get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0)
    return fault(path, errno);
  return made;
}

absl::StatusOr<PeerProcess> peer_of(int socket) {
  ucred who{};
  socklen_t size = sizeof who;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return fault("SO_PEERCRED", errno);
  return PeerProcess{who.pid, who.uid};
}

absl::Status send_datagram(int socket, std::string_view bytes, const std::vector<int>& descriptors) {
  if (bytes.size() > kMaxDatagram || descriptors.size() > kMaxDescriptors) {
    return absl::InvalidArgumentError(absl::StrCat("a datagram of ", bytes.size(), " bytes with ",
                                                   descriptors.size(), " descriptors is too large"));
  }
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMaxDescriptors)> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (!descriptors.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof(int) * descriptors.size());
  }
  while (::sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno != EINTR) return fault("send", errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<Datagram> receive_datagram(int socket, SteadyTime deadline) {
  if (absl::Status status = await(socket, POLLIN, deadline); !status.ok()) return status;
  const ssize_t length = ::recv(socket, nullptr, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  if (length < 0) return fault("receive", errno);
  Datagram out;
  out.bytes.resize(std::min<size_t>(static_cast<size_t>(length), kMaxDatagram));
  char nothing = 0;
  iovec part{out.bytes.empty() ? &nothing : out.bytes.data(), std::max<size_t>(out.bytes.size(), 1)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * 256)> control{};
  msghdr header{};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0) return fault("receive", errno);
  take_descriptors(header, out.descriptors);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
    return absl::InvalidArgumentError(absl::StrCat("a datagram of ", length, " bytes is too long"));
  if (got == 0 && out.descriptors.empty()) return absl::UnavailableError("the peer closed the connection");
  return out;
}

absl::Status send_message(int socket, std::string_view message, SteadyTime deadline) {
  const auto length = static_cast<uint32_t>(message.size());
  const std::array<char, 4> head = {static_cast<char>(length), static_cast<char>(length >> 8),
                                    static_cast<char>(length >> 16), static_cast<char>(length >> 24)};
  if (absl::Status status = send_all(socket, {head.data(), head.size()}, deadline); !status.ok())
    return status;
  return send_all(socket, message, deadline);
}

absl::StatusOr<std::string> receive_message(int socket, size_t limit, SteadyTime deadline) {
  std::array<uint8_t, 4> head{};
  absl::Status status = receive_exactly(socket, reinterpret_cast<char*>(head.data()), head.size(), deadline);
  if (!status.ok()) return status;
  const size_t length = head[0] | head[1] << 8 | head[2] << 16 | size_t{head[3]} << 24;
  if (length > limit)
    return absl::InvalidArgumentError(
        absl::StrCat("a message of ", length, " bytes, at most ", limit, " are taken"));
  std::string out;
  while (out.size() < length) {
    const size_t part = std::min(kGrow, length - out.size());
    out.resize(out.size() + part);
    status = receive_exactly(socket, out.data() + out.size() - part, part, deadline);
    if (!status.ok()) return status;
  }
  return out;
}

}  // namespace outrigger
