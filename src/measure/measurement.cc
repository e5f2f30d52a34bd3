#include "measure/measurement.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/cursor_file.h"
#include "measure/lines.h"

namespace outrigger::measure {

namespace {

constexpr uint64_t kMostBytes = uint64_t{512} << 20;  // a day of windows of a second

std::string sha256(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest.data()), digest.size()));
}

absl::Status cut_off(const std::string& file, std::string_view why) {
  return absl::DataLossError(
      absl::StrCat(file, ": ", std::string(why), "; no figure is made of a file that is not whole"));
}

// What came before the seal, after the seal was found to hold.
struct Sealed {
  std::string_view body;
  uint64_t windows = 0;
};

absl::StatusOr<Sealed> unseal(std::string_view text, const std::string& file) {
  if (text.empty()) return cut_off(file, "empty");
  if (!text.ends_with('\n')) return cut_off(file, "ends within a line: it was cut off");
  const size_t before = text.substr(0, text.size() - 1).rfind('\n');
  const std::string_view body = text.substr(0, before == std::string_view::npos ? 0 : before + 1);
  const Json last = Json::parse(text.substr(body.size()), nullptr, false);
  if (!last.is_object() || !last.contains("seal"))
    return cut_off(file, "its last line is no seal: it was cut off");
  absl::Status status;
  Fields line(last, absl::StrCat(file, ": seal"), status);
  Fields seal(line.object("seal"), absl::StrCat(file, ": seal"), status);
  const Sealed out{body, seal.count("windows")};
  const std::string hash = seal.text("sha256");
  seal.nothing_else();
  line.nothing_else();
  if (!status.ok()) return status;
  if (hash != sha256(body))
    return cut_off(file, "its lines do not match its seal (SHA-256): it was changed, or parts were mixed up");
  return out;
}

class Reader {
 public:
  Reader(std::string_view body, const std::string& file) : body_(body), file_(file) {}

  absl::StatusOr<Measurement> read(uint64_t windows) {
    read_head(next(), where_, out_, status_);
    if (absl::Time when;
        status_.ok() && !absl::ParseTime(absl::RFC3339_full, out_.started_at, &when, nullptr))
      complain("started_at: a time (RFC 3339) expected");
    while (status_.ok() && out_.windows.size() < windows) read_one_window();
    if (status_.ok()) read_notes(next(), where_, out_, status_);
    if (status_.ok() && !body_.empty())
      complain(absl::StrCat("more lines follow than the seal's ", windows, " windows"));
    check_counts();
    if (!status_.ok()) return status_;
    return std::move(out_);
  }

 private:
  void complain(std::string_view what) {
    if (status_.ok()) status_ = absl::InvalidArgumentError(absl::StrCat(where_, ": ", std::string(what)));
  }

  Json next() {
    where_ = absl::StrCat(file_, ":", ++number_);
    const size_t end = body_.find('\n');
    if (end == std::string_view::npos) {
      complain("fewer lines than the seal says");
      return Json::object();
    }
    Json line = Json::parse(body_.substr(0, end), nullptr, false);
    body_.remove_prefix(end + 1);
    return line;
  }

  void read_one_window() {
    Window window = read_window(next(), out_.windows.size(), where_, status_);
    if (window.length_ms == 0) complain("length_ms: a window has a length");
    if (window.start_ms < ended_ms_)
      complain(absl::StrCat("starts at ", window.start_ms, " ms, before the last window ended (", ended_ms_,
                            " ms): windows are mixed up"));
    ended_ms_ = window.start_ms + window.length_ms;
    out_.windows.push_back(std::move(window));
  }

  void check_counts() {
    uint64_t sent = 0, failed = 0;
    for (const Window& window : out_.windows) {
      sent += window.sent;
      failed += window.failed;
    }
    if (failed > sent) complain(absl::StrCat(failed, " requests failed, and only ", sent, " were sent"));
  }

  std::string_view body_;
  const std::string& file_;
  std::string where_;
  size_t number_ = 0;
  uint64_t ended_ms_ = 0;
  Measurement out_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<Measurement> parse(std::string_view text, const std::string& file) {
  const absl::StatusOr<Sealed> sealed = unseal(text, file);
  if (!sealed.ok()) return sealed.status();
  absl::StatusOr<Measurement> out = Reader(sealed->body, file).read(sealed->windows);
  if (out.ok()) out->hash = sha256(text);
  return out;
}

absl::StatusOr<Measurement> read(const std::string& file) {
  struct stat about {};
  if (stat(file.c_str(), &about) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", file));
  if (!S_ISREG(about.st_mode)) return absl::InvalidArgumentError(absl::StrCat(file, ": no regular file"));
  if (static_cast<uint64_t>(about.st_size) > kMostBytes)
    return absl::InvalidArgumentError(absl::StrCat(file, ": ", about.st_size,
                                                   " bytes; a measurement has at most ", kMostBytes,
                                                   ": measure in windows that are longer"));
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) return absl::UnavailableError(absl::StrCat("cannot read ", file));
  return parse(text.view(), file);
}

std::string to_text(const Measurement& measurement) {
  std::string out = absl::StrCat(dump(head_of(measurement)), "\n");
  for (size_t i = 0; i < measurement.windows.size(); ++i)
    absl::StrAppend(&out, dump(json_of(measurement.windows[i], i)), "\n");
  absl::StrAppend(&out, dump(notes_of(measurement)), "\n");
  const Json seal = {{"seal", {{"windows", measurement.windows.size()}, {"sha256", sha256(out)}}}};
  absl::StrAppend(&out, dump(seal), "\n");
  return out;
}

absl::Status write(const Measurement& measurement, const std::string& file) {
  if (absl::Status status = replace_file(file, to_text(measurement)); !status.ok()) return status;
  (void)chmod(file.c_str(), 0644);  // measured as root, judged by anybody
  return absl::OkStatus();
}

}  // namespace outrigger::measure
