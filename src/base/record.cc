#include "base/record.h"

#include <ctime>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace outrigger {

namespace {

using Json = nlohmann::json;

constexpr size_t kMaxLine = 256 << 10;
constexpr size_t kMaxMessage = 8 << 10;  // all six times as long in JSON, at worst, it fits a spool's line
constexpr size_t kMaxName = 128;
constexpr size_t kMaxEvidence = 512;
constexpr size_t kMaxEvidenceName = 64;
constexpr size_t kMostEvidence = 16;
constexpr const char* kTimeForm = "%E4Y-%m-%dT%H:%M:%E6SZ";  // RFC 3339, UTC

constexpr std::string_view kDomains[] = {"application", "host", "dpu", "policy", "fabric", "fleet"};
constexpr std::string_view kSeverities[] = {"debug", "info", "warning", "error", "critical"};

template <typename Enum, size_t N>
std::optional<Enum> named(const std::string_view (&names)[N], std::string_view name) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

absl::Status wrong(const char* field, const char* wanted) {
  return absl::InvalidArgumentError(absl::StrCat("log record: ", field, " must be ", wanted));
}

// One field of one record.  Absent fields keep what the record has, unless they are needed.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  void text(const char* field, std::string& into, bool needed = false) {
    const Json* found = find(field, needed);
    if (found == nullptr) return;
    if (!found->is_string()) return fail(field, "text");
    into = found->get<std::string>();
  }

  void number(const char* field, int64_t& into) {
    const Json* found = find(field, false);
    if (found == nullptr) return;
    if (!found->is_number_integer() || (found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX))
      return fail(field, "a 64-bit number");
    into = found->get<int64_t>();
  }

  void number(const char* field, uint64_t& into) {
    const Json* found = find(field, false);
    if (found == nullptr) return;
    if (!found->is_number_unsigned()) return fail(field, "a number from 0");
    into = found->get<uint64_t>();
  }

  template <typename Enum>
  void one_of(const char* field, std::optional<Enum> (*named_as)(std::string_view), Enum& into) {
    std::string text_form;
    text(field, text_form, true);
    const std::optional<Enum> value = named_as(text_form);
    if (!value) return fail(field, "one of the known names");
    into = *value;
  }

  void time(const char* field, absl::Time& into) {
    std::string form;
    text(field, form, true);
    const auto parsed = time_from_text(form);
    if (!parsed) return fail(field, "an RFC 3339 time in UTC");
    into = *parsed;
  }

  void texts(const char* field, std::map<std::string, std::string>& into) {
    const Json* found = find(field, false);
    if (found == nullptr) return;
    if (!found->is_object()) return fail(field, "an object of texts");
    for (const auto& [key, value] : found->items()) {
      if (!value.is_string()) return fail(field, "an object of texts");
      into[key] = value.get<std::string>();
    }
  }

  void fail(const char* field, const char* wanted) { status_.Update(wrong(field, wanted)); }
  [[nodiscard]] const absl::Status& status() const { return status_; }

 private:
  const Json* find(const char* field, bool needed) {
    const auto found = object_.find(field);
    if (found != object_.end()) return &*found;
    if (needed) fail(field, "there");
    return nullptr;
  }

  const Json& object_;
  absl::Status status_;
};

void cut(std::string& text, size_t most) {
  if (text.size() <= most) return;
  text.resize(most - 3);
  text.append("...");
}

}  // namespace

std::string_view name(Domain domain) { return kDomains[static_cast<size_t>(domain)]; }
std::string_view name(Severity severity) { return kSeverities[static_cast<size_t>(severity)]; }
std::optional<Domain> domain_named(std::string_view name) { return named<Domain>(kDomains, name); }
std::optional<Severity> severity_named(std::string_view name) { return named<Severity>(kSeverities, name); }

std::string time_to_text(absl::Time time) {
  if (time == absl::InfinitePast() || time == absl::InfiniteFuture()) time = absl::UnixEpoch();
  return absl::FormatTime(kTimeForm, time, absl::UTCTimeZone());
}

std::optional<absl::Time> time_from_text(std::string_view text) {
  absl::Time time;
  if (text.size() < 20 || text[4] != '-' || text.back() != 'Z') return std::nullopt;
  if (!absl::ParseTime(kTimeForm, absl::string_view(text.data(), text.size()), &time, nullptr))
    return std::nullopt;
  time = absl::FromUnixMicros(absl::ToUnixMicros(time));
  if (time_to_text(time).size() != 27) return std::nullopt;  // a leap second past the year 9999
  return time;
}

void bound(Record& record) {
  cut(record.message, kMaxMessage);
  for (std::string* text : {&record.service, &record.version, &record.owner, &record.incident}) {
    cut(*text, kMaxName);
  }
  std::erase_if(record.evidence, [](const auto& one) { return one.first.size() > kMaxEvidenceName; });
  while (record.evidence.size() > kMostEvidence) record.evidence.erase(std::prev(record.evidence.end()));
  for (auto& [key, value] : record.evidence) cut(value, kMaxEvidence);
}

int64_t monotonic_now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

std::string to_json(const Record& record) {
  const Json line = {{"time", time_to_text(record.time)},
                     {"monotonic_ns", record.monotonic_ns},
                     {"offset_ns", record.offset_ns},
                     {"side", record.side},
                     {"domain", name(record.domain)},
                     {"service", record.service},
                     {"version", record.version},
                     {"generation", record.generation},
                     {"owner", record.owner},
                     {"severity", name(record.severity)},
                     {"incident", record.incident},
                     {"message", record.message},
                     {"evidence", record.evidence},
                     {"cursor", record.cursor}};
  return line.dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<Record> record_from_json(std::string_view line) {
  if (line.size() > kMaxLine) return wrong("the line", "shorter than 256 KiB");
  const Json object = Json::parse(line, nullptr, false);
  if (!object.is_object()) return wrong("the line", "a JSON object");
  Record record;
  Fields fields(object);
  fields.time("time", record.time);
  fields.number("monotonic_ns", record.monotonic_ns);
  fields.number("offset_ns", record.offset_ns);
  fields.text("side", record.side, true);
  fields.one_of("domain", domain_named, record.domain);
  fields.text("service", record.service, true);
  fields.text("version", record.version);
  fields.number("generation", record.generation);
  fields.text("owner", record.owner);
  fields.one_of("severity", severity_named, record.severity);
  fields.text("incident", record.incident);
  fields.text("message", record.message, true);
  fields.texts("evidence", record.evidence);
  fields.number("cursor", record.cursor);
  if (record.side != "dpu" && record.side != "host") fields.fail("side", "dpu or host");
  if (!fields.status().ok()) return fields.status();
  return record;
}

}  // namespace outrigger
