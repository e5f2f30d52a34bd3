#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "manifest/spot.h"
#include "manifest/syntax.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

constexpr size_t kShown = 80;  // bytes of a bad value worth repeating

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return absl::ascii_tolower(x) == absl::ascii_tolower(y); });
}

bool is_bool(std::string_view text) {
  for (const std::string_view word : {"true", "false", "yes", "no", "on", "off"}) {
    if (same_word(text, word)) return true;
  }
  return false;
}

// Integers and floats of YAML 1.1 and 1.2: 80, -1, 1_000, 0x1f, 0o17, 1e5, .5, .inf
bool is_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return false;
  if (same_word(text, ".inf") || same_word(text, ".nan")) return true;
  const bool point_first = text.size() > 1 && text[0] == '.' && absl::ascii_isdigit(text[1]);
  if (!absl::ascii_isdigit(text[0]) && !point_first) return false;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'o' || text[1] == 'b')) {
    return std::all_of(text.begin() + 2, text.end(),
                       [](char c) { return absl::ascii_isxdigit(c) || c == '_'; });
  }
  std::string digits(text);
  std::erase(digits, '_');
  double ignored = 0;
  return absl::SimpleAtod(digits, &ignored);
}

// What a bad value is, for "is the number 5, must be text".
std::string describe(const Yaml& value) {
  switch (value.type) {
    case Yaml::Type::kNull:
      return "is empty";
    case Yaml::Type::kList:
      return "is a list";
    case Yaml::Type::kMap:
      return "is a mapping";
    case Yaml::Type::kQuoted:
      return cat("is the text \"", value.text.substr(0, kShown), "\"");
    case Yaml::Type::kPlain:
      break;
  }
  const std::string shown = value.text.substr(0, kShown);
  if (is_number(value.text)) return cat("is the number ", shown);
  if (is_bool(value.text)) return cat("is the boolean ", shown);
  return cat("is the text \"", shown, "\"");
}

bool is_decimal(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool leading_zero = text.size() > 1 && text[0] == '0';
  return !text.empty() && !leading_zero && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// IPv4 written inside IPv6 ("::ffff:10.0.0.1") would be two spellings of one address, with two meanings of a
// length.
bool is_mapped(std::string_view text, IpAddress address) {
  return address.is_v4() && text.find(':') != text.npos;
}

std::string one_line(std::string_view text) {
  std::string shown(text.substr(0, kShown));
  std::replace(shown.begin(), shown.end(), '\n', ' ');
  return shown;
}

}  // namespace

bool is_number_or_bool(const Yaml& value) {
  return value.type == Yaml::Type::kPlain && (is_number(value.text) || is_bool(value.text));
}

std::optional<std::string> read_text(const Spot& at) {
  const Yaml& value = at.value();
  if (is_number_or_bool(value)) {
    at.fault(
        cat(describe(value), ", must be text; write \"", value.text.substr(0, kShown), "\" with the quotes"));
    return std::nullopt;
  }
  if (value.type == Yaml::Type::kPlain || value.type == Yaml::Type::kQuoted) return value.text;
  at.fault(cat(describe(value), ", must be text"));
  return std::nullopt;
}

std::optional<uint64_t> read_number(const Spot& at, uint64_t least, uint64_t most) {
  const Yaml& value = at.value();
  uint64_t number = 0;
  if (value.type != Yaml::Type::kPlain || !is_decimal(value.text)) {
    at.fault(cat(describe(value), ", must be a whole number from ", least, " to ", most));
  } else if (!absl::SimpleAtoi(value.text, &number) || number < least || number > most) {
    at.fault(cat("is ", value.text.substr(0, kShown), ", must be ", least, " to ", most));
  } else {
    return number;
  }
  return std::nullopt;
}

std::optional<size_t> read_choice(const Spot& at, Map::Known choices) {
  const auto text = read_text(at);
  if (!text) return std::nullopt;
  const auto found = std::find(choices.begin(), choices.end(), *text);
  if (found != choices.end()) return static_cast<size_t>(found - choices.begin());
  const std::string_view meant = nearest(*text, choices);
  at.fault(cat("is \"", one_line(*text), "\", must be ", join(choices, " or "),
               meant.empty() ? "" : cat("; did you mean \"", meant, "\"?")));
  return std::nullopt;
}

std::optional<Protocol> read_protocol(const Spot& at) {
  constexpr Protocol kProtocols[] = {Protocol::kTcp, Protocol::kUdp, Protocol::kSctp};
  const auto choice = read_choice(at, {"TCP", "UDP", "SCTP"});
  if (!choice) return std::nullopt;
  return kProtocols[*choice];
}

std::optional<IpAddress> read_address(const Spot& at) {
  const auto text = read_text(at);
  if (!text) return std::nullopt;
  const auto address = IpAddress::parse(*text);
  if (!address || text->find('\0') != text->npos) {
    at.fault(cat("is \"", one_line(*text), "\", must be an IPv4 or IPv6 address"));
    return std::nullopt;
  }
  if (is_mapped(*text, *address)) {
    at.fault(cat("is \"", *text, "\", an IPv4 address inside IPv6; write ", address->str()));
    return std::nullopt;
  }
  return address;
}

std::optional<IpPrefix> read_prefix(const Spot& at, HostBits host_bits) {
  const auto text = read_text(at);
  if (!text) return std::nullopt;
  const size_t slash = text->find('/');
  const auto address = IpAddress::parse(std::string_view(*text).substr(0, slash));
  const auto prefix = IpPrefix::parse(*text);
  if (!prefix || text->find('\0') != text->npos || (slash != text->npos && text->substr(slash).size() > 4)) {
    at.fault(cat("is \"", one_line(*text), "\", must be a prefix such as 10.0.0.0/8 or fd00::/64"));
  } else if (is_mapped(*text, *address)) {
    at.fault(cat("is \"", *text, "\", an IPv4 prefix inside IPv6; write it as IPv4"));
  } else if (slash == text->npos) {
    at.fault(cat("is \"", *text, "\", must have a length; write ", prefix->str(), " for this address alone"));
  } else if (host_bits == HostBits::kRefuse && prefix->address != *address) {
    at.fault(cat("is \"", *text, "\", which has bits beyond its length; write ", prefix->str()));
  } else {
    return prefix;
  }
  return std::nullopt;
}

std::optional<MacAddress> read_mac(const Spot& at) {
  const auto text = read_text(at);
  if (!text) return std::nullopt;
  const auto mac = MacAddress::parse(*text);
  if (!mac) {
    at.fault(cat("is \"", one_line(*text), "\", must be a MAC address such as 02:00:00:00:00:01"));
  } else if (mac->is_zero()) {
    at.fault("is the zero address, must be the MAC of one interface");
  } else if (mac->is_multicast()) {
    at.fault(cat("is ", mac->str(), ", a multicast address; clear the lowest bit of the first byte"));
  } else {
    return mac;
  }
  return std::nullopt;
}

}  // namespace outrigger::manifest
