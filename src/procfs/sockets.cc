#include "procfs/sockets.h"

#include <arpa/inet.h>

#include <array>
#include <cstring>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "procfs/folder.h"

namespace outrigger::procfs {

namespace {

using Fields = std::vector<absl::string_view>;

constexpr std::array<const char*, 8> kFiles = {"tcp", "tcp6", "udp",    "udp6",
                                               "raw", "raw6", "packet", "netlink"};
constexpr size_t kMostOfFile = 1u << 25;  // a quarter of a million sockets

// linux/netlink.h
std::string netlink_name(absl::string_view protocol) {
  constexpr std::array<const char*, 23> kNames = {
      "route",   "",      "usersock",   "firewall",  "sock_diag", "nflog",  "xfrm",    "selinux",
      "iscsi",   "audit", "fib_lookup", "connector", "netfilter", "ip6_fw", "dnrtmsg", "uevent",
      "generic", "",      "scsi",       "ecryptfs",  "rdma",      "crypto", "smc"};
  size_t number = 0;
  if (!absl::SimpleAtoi(protocol, &number)) return "";
  const bool known = number < kNames.size() && *kNames[number] != '\0';
  return absl::StrCat("netlink:", known ? kNames[number] : std::to_string(number));
}

// "0100007F" or 32 digits: words of four bytes, each in the machine's order.
std::optional<std::string> address(absl::string_view hex) {
  std::array<uint32_t, 4> words{};
  const size_t count = hex.size() / 8;
  if (hex.size() % 8 != 0 || (count != 1 && count != 4)) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    if (!absl::SimpleHexAtoi(hex.substr(8 * i, 8), &words[i])) return std::nullopt;
  }
  std::array<char, INET6_ADDRSTRLEN> text;
  if (count == 1) return ::inet_ntop(AF_INET, words.data(), text.data(), text.size());
  return absl::StrCat("[", ::inet_ntop(AF_INET6, words.data(), text.data(), text.size()), "]");
}

struct Local {
  std::string address;
  uint32_t port = 0;
};

std::optional<Local> local_of(const Fields& fields) {
  const Fields parts = absl::StrSplit(fields[1], ':');
  Local local;
  if (parts.size() != 2 || !absl::SimpleHexAtoi(parts[1], &local.port) || local.port > UINT16_MAX)
    return std::nullopt;
  const auto text = address(parts[0]);
  if (!text) return std::nullopt;
  local.address = *text;
  return local;
}

std::string raw_name(uint32_t protocol) {
  switch (protocol) {
    case IPPROTO_ICMP:
      return "raw icmp";
    case IPPROTO_ICMPV6:
      return "raw icmpv6";
    case 89:
      return "raw ospf";
    case 112:
      return "raw vrrp";
    case 255:
      return "raw";
    default:
      return absl::StrCat("raw ", protocol);
  }
}

// Of an internet socket; empty: connected, or of no interest.
std::string internet_name(absl::string_view kind, const Fields& fields) {
  const auto local = local_of(fields);
  if (!local) return "";
  if (kind == "raw") return raw_name(local->port);               // what stands for the port is the protocol
  const bool open = fields[3] == (kind == "tcp" ? "0A" : "07");  // TCP_LISTEN; TCP_CLOSE: not connected
  return open && local->port != 0 ? absl::StrCat("listen ", kind, " ", local->address, ":", local->port) : "";
}

void add(absl::string_view inode, std::string name, Sockets& to) {
  uint64_t number = 0;
  if (!name.empty() && absl::SimpleAtoi(inode, &number) && number != 0) to.by_inode[number] = std::move(name);
}

// False: nothing behind this line matters.
bool parse_one(absl::string_view file, const Fields& fields, Sockets& to) {
  if (file == "packet") {
    if (fields.size() >= 9) add(fields[8], "packet", to);
    return true;
  }
  if (fields.size() < 10) return true;
  if (file == "netlink") {
    add(fields[9], netlink_name(fields[1]), to);
    return true;
  }
  const absl::string_view kind = file.back() == '6' ? file.substr(0, file.size() - 1) : file;
  if (kind == "tcp" && fields[3] != "0A") return false;
  add(fields[9], internet_name(kind, fields), to);
  return true;
}

}  // namespace

void parse_sockets(std::string_view file, std::string_view text, Sockets& to) {
  bool heading = true;
  for (const absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    if (std::exchange(heading, false)) continue;
    const Fields fields = absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (!fields.empty() && !parse_one({file.data(), file.size()}, fields, to)) return;
  }
}

Sockets read_sockets(uint32_t pid, const std::string& root) {
  Sockets found;
  const auto folder = Folder::open(absl::StrCat(root, "/", pid, "/net"));
  if (!folder.ok()) {
    found.missing.push_back(std::string(folder.status().message()));
    return found;
  }
  for (const char* file : kFiles) {
    const bool listening_first = file[0] == 't';
    const auto text = folder->read(file, listening_first ? 1u << 20 : kMostOfFile);
    if (text.ok()) {
      parse_sockets(file, *text, found);
    } else if (!absl::IsNotFound(text.status())) {
      found.missing.push_back(std::string(text.status().message()));
    }
  }
  return found;
}

}  // namespace outrigger::procfs
