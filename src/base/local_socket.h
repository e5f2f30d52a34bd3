// Processes of one node talk over Unix sockets: datagrams that carry descriptors (SOCK_SEQPACKET, the ports
// process) and byte streams with messages behind their length (engines).  Peers are known by the kernel's
// word (SO_PEERCRED), never by their own.
// Every error of a connection that has ended is Unavailable; a wait that took too long DeadlineExceeded.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace outrigger {

using SteadyTime = std::chrono::steady_clock::time_point;

inline constexpr size_t kMaxDatagram = size_t{1} << 20;
inline constexpr size_t kMaxDescriptors = 240;  // Linux takes 253 a message (SCM_MAX_FD)

struct Datagram {
  std::string bytes;
  std::vector<Descriptor> descriptors;
};

struct PeerProcess {
  pid_t pid = 0;
  uid_t uid = 0;
};

enum class SocketKind { kDatagrams, kStream };

// A socket at `path`, replacing what a dead process left there; only the owner and `group` (when not -1) may
// connect.
absl::StatusOr<Descriptor> listen_at(const std::string& path, SocketKind kind,
                                     gid_t group = static_cast<gid_t>(-1));
absl::StatusOr<Descriptor> connect_to(const std::string& path, SocketKind kind);
absl::StatusOr<PeerProcess> peer_of(int socket);

// A datagram with copies of the descriptors beside it.  Never waits: ResourceExhausted when the peer does not
// read.
absl::Status send_datagram(int socket, std::string_view bytes, const std::vector<int>& descriptors);
// Waits for one.  InvalidArgument, and nothing kept, when it is longer than kMaxDatagram.
absl::StatusOr<Datagram> receive_datagram(int socket, SteadyTime deadline);

// A message of a stream: its length in 4 bytes, little endian, then itself.  Memory grows with what arrives,
// not with what is announced.
absl::Status send_message(int socket, std::string_view message, SteadyTime deadline);
absl::StatusOr<std::string> receive_message(int socket, size_t limit, SteadyTime deadline);

}  // namespace outrigger
