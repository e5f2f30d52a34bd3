#include "measure/dialogue.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "measure/http_answer.h"

namespace outrigger::measure {

namespace {

constexpr size_t kMostOfALine = 1 << 10;
constexpr uint64_t kMostOfAValue = uint64_t{512} << 20;  // as Redis has it

class Connect : public Dialogue {
 public:
  [[nodiscard]] const std::string& request() const override { return nothing_; }
  void begin() override {}
  Answer take(std::string_view) override { return Answer::kGarbled; }

 private:
  const std::string nothing_;
};

class FirstByte : public Dialogue {
 public:
  [[nodiscard]] const std::string& request() const override { return request_; }
  void begin() override {}
  Answer take(std::string_view) override { return Answer::kGood; }

 private:
  const std::string request_ = "outrigger\n";
};

// RESP2 (redis.io/topics/protocol): "+PONG", "-ERR ...", "$5" and as many bytes, "$-1".
class Redis : public Dialogue {
 public:
  explicit Redis(const std::string& key)
      : request_(key.empty() ? "*1\r\n$4\r\nPING\r\n"
                             : absl::StrCat("*2\r\n$3\r\nGET\r\n$", key.size(), "\r\n", key, "\r\n")) {}

  [[nodiscard]] const std::string& request() const override { return request_; }
  void begin() override {
    line_.clear();
    body_ = 0;
  }
  Answer take(std::string_view bytes) override {
    if (body_ == 0) {
      const Answer answer = take_line(bytes);
      if (answer != Answer::kMore || body_ == 0) return answer;
    }
    if (bytes.size() > body_) return Answer::kGarbled;  // more than was asked for
    body_ -= bytes.size();
    return body_ == 0 ? Answer::kGood : Answer::kMore;
  }

 private:
  // Leaves in `bytes` what follows the line.
  Answer take_line(std::string_view& bytes) {
    const size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
    if (line_.size() + part.size() > kMostOfALine) return Answer::kGarbled;
    line_.append(part);
    bytes.remove_prefix(part.size());
    if (end == std::string_view::npos) return Answer::kMore;
    if (!line_.ends_with("\r\n")) return Answer::kGarbled;
    if (line_[0] == '$') return take_length();
    if (!bytes.empty() || (line_[0] != '+' && line_[0] != '-' && line_[0] != ':')) return Answer::kGarbled;
    return line_[0] == '-' ? Answer::kBad : Answer::kGood;
  }
  Answer take_length() {
    int64_t length = 0;
    if (!absl::SimpleAtoi(line_.substr(1), &length) || length < -1) return Answer::kGarbled;
    if (static_cast<uint64_t>(length) > kMostOfAValue && length != -1) return Answer::kGarbled;
    if (length == -1) return Answer::kGood;  // no such key is an answer, too
    body_ = static_cast<uint64_t>(length) + 2;
    return Answer::kMore;
  }

  const std::string request_;
  std::string line_;
  uint64_t body_ = 0;  // bytes still to come behind the line
};

class Http : public Dialogue {
 public:
  explicit Http(const Target& target)
      : request_(absl::StrCat("GET /", target.path, " HTTP/1.1\r\nHost: ", target.address(),
                              "\r\nUser-Agent: outrigger-measure\r\nAccept: */*\r\n\r\n")) {}

  [[nodiscard]] const std::string& request() const override { return request_; }
  void begin() override { answer_ = {}; }
  Answer take(std::string_view bytes) override { return answer_.take(bytes); }
  Answer end() override { return answer_.end(); }

 private:
  const std::string request_;
  HttpAnswer answer_;
};

uint16_t ordinary_port(std::string_view protocol) {
  if (protocol == "redis") return 6379;
  return protocol == "http" ? 80 : 0;
}

// "HOST", "HOST:PORT", "[V6]:PORT".
bool take_address(std::string_view text, Target& target) {
  const bool bracketed = text.starts_with('[');
  const size_t end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && end == std::string_view::npos) return false;
  target.host = std::string(bracketed ? text.substr(1, end - 1) : text.substr(0, end));
  std::string_view rest = end == std::string_view::npos ? "" : text.substr(bracketed ? end + 1 : end);
  if (target.host.empty()) return false;
  if (rest.empty()) return target.port != 0;
  uint32_t port = 0;
  if (!rest.starts_with(':') || !absl::SimpleAtoi(std::string(rest.substr(1)), &port)) return false;
  target.port = static_cast<uint16_t>(port);
  return port > 0 && port < 65536;
}

// Into requests it goes as it is.
bool is_plain(std::string_view text) {
  for (const char letter : text) {
    if (letter <= ' ' || letter == 127) return false;
  }
  return true;
}

}  // namespace

std::string Target::address() const {
  return host.find(':') == std::string::npos ? absl::StrCat(host, ":", port)
                                             : absl::StrCat("[", host, "]:", port);
}

absl::StatusOr<Target> parse_target(std::string_view text) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(absl::StrCat("\"", std::string(text),
                                                   "\": redis://HOST[:PORT][/KEY], http://HOST[:PORT]/PATH, ",
                                                   "tcp://HOST:PORT or connect://HOST:PORT expected"));
  };
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || !is_plain(text)) return wrong();
  Target out{.protocol = std::string(text.substr(0, colon))};
  const bool known =
      out.protocol == "redis" || out.protocol == "http" || out.protocol == "tcp" || out.protocol == "connect";
  out.port = ordinary_port(out.protocol);
  const std::string_view rest = text.substr(colon + 3);
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos) out.path = std::string(rest.substr(slash + 1));
  if (!known || !take_address(rest.substr(0, slash), out)) return wrong();
  if (!out.path.empty() && always_fresh(out)) return wrong();
  return out;
}

std::unique_ptr<Dialogue> dialogue_for(const Target& target) {
  if (target.protocol == "redis") return std::make_unique<Redis>(target.path);
  if (target.protocol == "http") return std::make_unique<Http>(target);
  if (target.protocol == "tcp") return std::make_unique<FirstByte>();
  return std::make_unique<Connect>();
}

bool always_fresh(const Target& target) { return target.protocol == "tcp" || target.protocol == "connect"; }

}  // namespace outrigger::measure
