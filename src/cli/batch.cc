#include "cli/batch.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/table.h"

namespace outrigger::cli {

absl::StatusOr<std::string> read_text(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path, ": ", strerror(errno)));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

manifest::Reading read_all(const std::vector<std::string>& paths) {
  manifest::Reading all;
  for (const std::string& path : paths) {
    manifest::Reading one = manifest::read_path(path);
    std::move(one.documents.begin(), one.documents.end(), std::back_inserter(all.documents));
    std::move(one.faults.begin(), one.faults.end(), std::back_inserter(all.faults));
  }
  return all;
}

v1::Batch to_batch(const std::vector<manifest::Document>& documents) {
  v1::Batch batch;
  for (const manifest::Document& document : documents) {
    const manifest::Metadata& meta = manifest::metadata(document.object);
    v1::Document& one = *batch.add_documents();
    one.set_text(document.text);
    one.set_file(meta.at.file);
    one.set_line(static_cast<uint32_t>(meta.at.line));
  }
  return batch;
}

v1::Key key_of(const manifest::Object& object) {
  v1::Key key;
  key.set_kind(manifest::kind(object));
  key.set_namespace_(manifest::metadata(object).ns);
  key.set_name(manifest::metadata(object).name);
  return key;
}

manifest::Fault to_fault(const v1::Fault& fault) {
  return {{fault.file(), static_cast<int>(fault.line())}, fault.object(), fault.field(), fault.problem()};
}

std::vector<manifest::Fault> not_about(const std::vector<manifest::Fault>& unreadable,
                                       std::vector<manifest::Fault> faults) {
  std::vector<std::string> missing;
  for (const manifest::Fault& fault : unreadable) {
    if (fault.object.empty()) return {};  // an unknown object is missing: any reference may be to it
    const std::string full = fault.object.substr(fault.object.find(' ') + 1);
    missing.push_back(full.substr(full.find('/') + 1));
  }
  std::erase_if(faults, [&](const manifest::Fault& fault) {
    return std::any_of(missing.begin(), missing.end(),
                       [&](const std::string& name) { return absl::StrContains(fault.problem, name); });
  });
  return faults;
}

void print_faults(std::ostream& err, const std::vector<manifest::Fault>& faults) {
  for (const manifest::Fault& fault : faults) err << fault.str() << '\n';
  if (!faults.empty()) err << "error: " << plural(faults.size(), "fault") << "; nothing was changed\n";
}

}  // namespace outrigger::cli
