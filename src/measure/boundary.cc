#include "measure/boundary.h"

#include <cerrno>
#include <fstream>
#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace outrigger::measure {

namespace {

constexpr size_t kMostBytes = 1 << 20;

absl::Status wrong(const std::string& file, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat(file, ": ", what, "; `outrigger audit boundary -o measurement > ", file, "` makes it"));
}

absl::Status check(const std::vector<BoundaryTest>& tests, const std::string& file) {
  std::set<std::string> names;
  for (const BoundaryTest& one : tests) {
    if (one.name.empty()) return wrong(file, "a test without a name");
    if (!names.insert(one.name).second)
      return wrong(file, absl::StrCat("test \"", one.name, "\" stands there twice"));
  }
  if (tests.empty())
    return absl::InvalidArgumentError(absl::StrCat(
        file,
        ": no test could be tried, so nothing is known of the boundary; `outrigger audit boundary` "
        "says of each why"));
  return absl::OkStatus();
}

}  // namespace

std::vector<BoundaryTest> read_tests(const Json& list, const std::string& where, absl::Status& status) {
  std::vector<BoundaryTest> tests;
  for (size_t i = 0; i < list.size() && status.ok(); ++i) {
    Fields fields(list[i], absl::StrCat(where, " ", i + 1), status);
    tests.push_back({fields.text("name"), fields.flag("held"), fields.text("evidence")});
    fields.nothing_else();
  }
  return tests;
}

absl::StatusOr<std::vector<BoundaryTest>> parse_boundary(std::string_view text, const std::string& file) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return wrong(file, "empty");
  const Json list = Json::parse(text, nullptr, false);
  if (list.is_discarded()) return wrong(file, "no JSON, or cut off");
  if (!list.is_array()) return wrong(file, "no list of boundary tests");
  if (!list.empty() && list[0].is_object() && list[0].contains("outcome"))
    return wrong(file, "made with `-o json`");
  absl::Status status;
  std::vector<BoundaryTest> tests = read_tests(list, "test", status);
  if (!status.ok()) return wrong(file, std::string(status.message()));
  if (absl::Status fault = check(tests, file); !fault.ok()) return fault;
  return tests;
}

absl::StatusOr<std::vector<BoundaryTest>> read_boundary(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", file));
  std::string text(kMostBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", file, ": is it a regular file?"));
  text.resize(static_cast<size_t>(in.gcount()));
  if (text.size() > kMostBytes) return wrong(file, "more than a MiB");
  return parse_boundary(text, file);
}

}  // namespace outrigger::measure
