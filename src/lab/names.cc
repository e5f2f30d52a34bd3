#include "lab/names.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace outrigger::lab {
namespace {

constexpr size_t kMaxLabName = 32;
constexpr size_t kMaxDeviceName = 15;  // IFNAMSIZ - 1

// FNV-1a: stable from one build to the next, which std::hash does not promise.
uint32_t hash(std::string_view text) {
  uint32_t value = 2166136261u;
  for (const char c : text) value = (value ^ static_cast<uint8_t>(c)) * 16777619u;
  return value;
}

std::string device_name(std::string_view kind, const std::string& node) {
  std::string name = absl::StrCat(std::string(kind), node);
  if (name.size() <= kMaxDeviceName) return name;
  return absl::StrFormat("%s%s%08x", std::string(kind), node.substr(0, 4), hash(node));
}

bool allowed(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'; }

}  // namespace

absl::Status check_name(const std::string& lab) {
  if (!lab.empty() && lab.size() <= kMaxLabName && std::all_of(lab.begin(), lab.end(), allowed)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("lab name \"", lab, "\": must be 1 to ", kMaxLabName, " of a-z, 0-9, '-' and '_'"));
}

std::string prefix(const std::string& lab) { return absl::StrCat("or-", lab, "."); }

std::string fabric_netns(const std::string& lab) { return absl::StrCat(prefix(lab), "fabric"); }

std::string node_netns(const std::string& lab, const std::string& node) {
  return absl::StrCat(prefix(lab), "node.", node);
}

std::string host_netns(const std::string& lab, const std::string& node) {
  return absl::StrCat(prefix(lab), "host.", node);
}

std::string endpoint_netns(const std::string& lab, const std::string& endpoint) {
  std::string name = absl::StrCat(prefix(lab), "ep.", endpoint);
  std::replace(name.begin(), name.end(), '/', '.');
  return name;
}

std::optional<std::string> endpoint_of(const std::string& lab, const std::string& netns) {
  const std::string start = absl::StrCat(prefix(lab), "ep.");
  if (!absl::StartsWith(netns, start)) return std::nullopt;
  std::string name(netns.substr(start.size()));
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return std::nullopt;
  name[dot] = '/';
  return name;
}

std::optional<std::string> lab_of(const std::string& netns) {
  if (!absl::StartsWith(netns, "or-")) return std::nullopt;
  const size_t dot = netns.find('.');
  if (dot == std::string::npos) return std::nullopt;
  std::string lab = netns.substr(3, dot - 3);
  return check_name(lab).ok() ? std::optional(lab) : std::nullopt;
}

std::string uplink_name(const std::string& node) { return device_name("up-", node); }
std::string host_uplink_name(const std::string& node) { return device_name("hu-", node); }

std::string veth_name(const MacAddress& endpoint) {
  std::string name = "v";
  for (const uint8_t byte : endpoint.bytes) absl::StrAppendFormat(&name, "%02x", static_cast<unsigned>(byte));
  return name;
}

MacAddress uplink_mac(const std::string& node) {
  const uint32_t value = hash(node);
  return {{0x02, 0xfa, static_cast<uint8_t>(value >> 24), static_cast<uint8_t>(value >> 16),
           static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)}};
}

}  // namespace outrigger::lab
