#include "compiler/flow.h"

#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/address.h"

// Debian's absl::string_view is not std::string_view: its functions take only their own.
namespace outrigger::compiler {
namespace {

constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kIcmpV6 = 58, kSctp = 132;

struct Name {
  const char* text;
  uint8_t protocol;
};
// The first of a number's names is the one shown.
constexpr Name kNames[] = {{"tcp", kTcp},     {"udp", kUdp},       {"sctp", kSctp},   {"icmp", kIcmp},
                           {"icmp", kIcmpV6}, {"icmpv6", kIcmpV6}, {"icmp6", kIcmpV6}};

bool has_ports(uint8_t protocol) { return protocol == kTcp || protocol == kUdp || protocol == kSctp; }

std::optional<uint8_t> parse_protocol(absl::string_view text) {
  const std::string lower = absl::AsciiStrToLower(text);
  for (const Name& name : kNames) {
    if (lower == name.text) return name.protocol;
  }
  uint32_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number == 0 || number > 255) return std::nullopt;
  return static_cast<uint8_t>(number);
}

absl::Status bad(absl::string_view line, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("flow \"", line, "\": ", why));
}

bool is_party(absl::string_view text) {
  if (IpAddress::parse({text.data(), text.size()})) return true;
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  return parts.size() == 2 && !parts[0].empty() && !parts[1].empty();
}

}  // namespace

std::string protocol_name(uint8_t protocol) {
  for (const Name& name : kNames) {
    if (name.protocol == protocol) return name.text;
  }
  return absl::StrCat(unsigned{protocol});
}

absl::StatusOr<FlowSpec> parse_flow(std::string_view text) {
  const absl::string_view line(text.data(), text.size());
  std::vector<absl::string_view> fields = absl::StrSplit(line, ',');
  for (absl::string_view& field : fields) field = absl::StripAsciiWhitespace(field);
  if (fields.size() != 3 && fields.size() != 4) return bad(line, "is not source,destination,protocol,port");
  for (const absl::string_view party : {fields[0], fields[1]}) {
    if (!is_party(party))
      return bad(line, absl::StrCat("\"", party, "\" is neither namespace/name nor an address"));
  }
  const auto protocol = parse_protocol(fields[2]);
  if (!protocol) {
    return bad(line, absl::StrCat("protocol \"", fields[2], "\" is not tcp, udp, sctp, icmp or 1 to 255"));
  }
  FlowSpec flow{std::string(fields[0]), std::string(fields[1]), *protocol, 0};
  uint32_t port = 0;
  if (fields.size() == 4 && (!absl::SimpleAtoi(fields[3], &port) || port > 65535)) {
    return bad(line, absl::StrCat("port \"", fields[3], "\" is not 0 to 65535"));
  }
  if (has_ports(*protocol) && port == 0)
    return bad(line, absl::StrCat(fields[2], " needs a port, 1 to 65535"));
  if (!has_ports(*protocol) && port != 0) return bad(line, absl::StrCat(fields[2], " has no ports"));
  flow.port = static_cast<uint16_t>(port);
  return flow;
}

absl::StatusOr<std::vector<FlowSpec>> parse_flows(std::string_view all, const std::string& file) {
  std::vector<FlowSpec> flows;
  const absl::string_view text(all.data(), all.size());
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    absl::StatusOr<FlowSpec> flow = parse_flow({line.data(), line.size()});
    if (!flow.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(file, ":", number, ": ", flow.status().message()));
    }
    flows.push_back(*std::move(flow));
  }
  return flows;
}

}  // namespace outrigger::compiler
