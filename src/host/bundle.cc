#include "host/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace outrigger::host {
namespace {

// What the kernel path can stand in for.
const std::set<std::string> kServices = {"vswitch", "policy", "overlay"};

template <typename... Parts>
absl::Status refused(const Parts&... parts) {
  return absl::PermissionDeniedError(absl::StrCat(parts...));
}

absl::Status check_signature(const v1::SignedBundle& from, const Ed25519Key& key) {
  if (from.bundle().empty()) return refused("truncated: there is no bundle inside");
  if (from.signature().empty()) return refused("unsigned: a bundle without a signature is not taken");
  if (from.key_id() != key.id()) {
    return refused("other_key: signed with key ", from.key_id(), ", this host believes ", key.id());
  }
  if (!key.verify(bundle_message(from.bundle()), from.signature())) {
    return refused("bad_signature: it does not fit the bundle");
  }
  return absl::OkStatus();
}

absl::Status check_time(const v1::HostBundle& bundle, absl::Time now) {
  const absl::Time from = absl::FromUnixSeconds(bundle.not_before()),
                   to = absl::FromUnixSeconds(bundle.not_after());
  if (now + kClockTolerance < from) return refused("not_yet_valid: from ", absl::FormatTime(from), " on");
  if (now > to) return refused("expired: at ", absl::FormatTime(to));
  return absl::OkStatus();
}

absl::Status check_order(const v1::HostBundle& bundle, const Accepted& last) {
  if (bundle.sequence() >= last.sequence && bundle.generation() >= last.generation) return absl::OkStatus();
  return refused("older: sequence ", bundle.sequence(), " of generation ", bundle.generation(),
                 ", taken was ", last.sequence, " of generation ", last.generation);
}

}  // namespace

absl::StatusOr<v1::HostBundle> check_bundle(const v1::SignedBundle& signed_bundle, const Ed25519Key& key,
                                            const std::string& node, const Accepted& last, absl::Time now) {
  if (absl::Status status = check_signature(signed_bundle, key); !status.ok()) return status;
  v1::HostBundle bundle;
  if (!bundle.ParseFromString(signed_bundle.bundle())) return refused("truncated: it cannot be read");
  if (bundle.node() != node) return refused("other_node: for ", bundle.node(), ", this is ", node);
  if (absl::Status status = check_time(bundle, now); !status.ok()) return status;
  if (absl::Status status = check_order(bundle, last); !status.ok()) return status;
  for (const std::string& service : bundle.services()) {
    if (!kServices.contains(service)) return refused("unknown_service: ", service, " has no kernel path");
  }
  return bundle;
}

absl::Status write_file(const std::string& file, const std::string& content) {
  const std::string fresh = absl::StrCat(file, ".new");
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("write ", fresh));
  const bool written = write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
  const bool kept = written && fsync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!kept) return absl::ErrnoToStatus(error, absl::StrCat("write ", fresh));
  if (rename(fresh.c_str(), file.c_str()) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("write ", file));
  return absl::OkStatus();
}

absl::StatusOr<std::string> read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return absl::NotFoundError(absl::StrCat(file, ": cannot be read"));
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

absl::Status save_bundle(const std::string& file, const v1::SignedBundle& bundle, const Accepted& accepted) {
  const std::string numbers = absl::StrCat(accepted.generation, " ", accepted.sequence, "\n");
  // The numbers first: a crash in between refuses an old bundle rather than taking it.
  if (absl::Status status = write_file(absl::StrCat(file, ".accepted"), numbers); !status.ok()) return status;
  return write_file(file, bundle.SerializeAsString());
}

absl::StatusOr<v1::SignedBundle> load_bundle(const std::string& file) {
  const absl::StatusOr<std::string> bytes = read_file(file);
  if (!bytes.ok()) return bytes.status();
  v1::SignedBundle bundle;
  if (!bundle.ParseFromString(*bytes)) return refused("truncated: ", file, " cannot be read");
  return bundle;
}

absl::StatusOr<Accepted> load_accepted(const std::string& file) {
  const absl::StatusOr<std::string> text = read_file(absl::StrCat(file, ".accepted"));
  if (!text.ok()) return Accepted{};
  const std::vector<std::string> words = absl::StrSplit(*text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  Accepted accepted;
  if (words.size() != 2 || !absl::SimpleAtoi(words[0], &accepted.generation) ||
      !absl::SimpleAtoi(words[1], &accepted.sequence)) {
    return absl::DataLossError(
        absl::StrCat(file, ".accepted: is damaged; remove it to take any bundle again"));
  }
  return accepted;
}

}  // namespace outrigger::host
