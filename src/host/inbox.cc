#include "host/inbox.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::host {

namespace {

constexpr size_t kMaxRecord = 64 << 10;

absl::StatusOr<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return absl::InvalidArgumentError(absl::StrCat("\"", path, "\" is no path of a socket"));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* plain(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

Descriptor datagram_socket() { return Descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)); }

}  // namespace

absl::StatusOr<Descriptor> Inbox::listen(const std::string& path) {
  const absl::StatusOr<sockaddr_un> address = address_of(path);
  if (!address.ok()) return address.status();
  Descriptor socket = datagram_socket();
  (void)::unlink(path.c_str());
  const mode_t before = ::umask(0177);
  const int failed = ::bind(socket.get(), plain(*address), sizeof *address);
  const int error = errno;
  ::umask(before);
  if (failed != 0) return absl::ErrnoToStatus(error, absl::StrCat("cannot listen at ", path));
  return socket;
}

Inbox::Inbox(Descriptor socket, HostLog& log)
    : socket_(std::move(socket)), log_(log), thread_([this] { run(); }) {}

Inbox::~Inbox() {
  (void)::shutdown(socket_.get(), SHUT_RDWR);
  thread_.join();
}

// A datagram of no bytes is also what the end looks like; nobody misses the record that it is not.
void Inbox::run() {
  std::vector<char> buffer(kMaxRecord);
  for (;;) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    log_.record(record_from_outside({buffer.data(), static_cast<size_t>(size)}));
  }
}

Record record_from_outside(std::string_view line) {
  const absl::StatusOr<Record> read = record_from_json(line);
  if (!read.ok()) {
    return {.domain = Domain::kHost,
            .service = "inbox",
            .severity = Severity::kWarning,
            .message = absl::StrCat("a record that cannot be read: ", std::string(read.status().message()))};
  }
  Record record = *read;
  if (record.domain != Domain::kApplication) record.domain = Domain::kHost;
  record.incident.clear();
  record.evidence.erase("kind");
  record.evidence.erase("phase");
  return record;
}

absl::Status tell(const std::string& path, const Record& record) {
  const absl::StatusOr<sockaddr_un> address = address_of(path);
  if (!address.ok()) return address.status();
  const Descriptor socket = datagram_socket();
  const std::string line = to_json(record);
  if (line.size() > kMaxRecord)
    return absl::InvalidArgumentError(absl::StrCat("a record has at most ", kMaxRecord, " bytes"));
  const ssize_t sent =
      ::sendto(socket.get(), line.data(), line.size(), MSG_NOSIGNAL, plain(*address), sizeof *address);
  return sent >= 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, absl::StrCat("cannot tell ", path));
}

}  // namespace outrigger::host
