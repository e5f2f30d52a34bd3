// Manifests from files, folders and standard input.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <system_error>

#include "manifest/read.h"
#include "manifest/source.h"
#include "manifest/text.h"

namespace outrigger::manifest {
namespace {

namespace fs = std::filesystem;

void add_fault(Reading& reading, const std::string& file, std::string problem) {
  reading.faults.push_back({{file, 0}, "", "", std::move(problem)});
}

// At most one byte more than read() accepts: enough for it to refuse, never a whole disk.
std::string slurp(std::istream& in) {
  std::string text;
  char block[64 << 10];
  while (text.size() <= kMaxSourceBytes && (in.read(block, sizeof block), in.gcount() > 0)) {
    text.append(block, static_cast<size_t>(in.gcount()));
  }
  return text;
}

void append(Reading& all, Reading one) {
  std::move(one.documents.begin(), one.documents.end(), std::back_inserter(all.documents));
  std::move(one.faults.begin(), one.faults.end(), std::back_inserter(all.faults));
}

void read_file(const std::string& path, Reading& reading) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  if (!in) return add_fault(reading, path, cat("cannot be read: ", std::strerror(errno)));
  append(reading, read(slurp(in), path));
}

bool is_manifest(const fs::directory_entry& entry) {
  const fs::path extension = entry.path().extension();
  std::error_code ignored;
  return (extension == ".yaml" || extension == ".yml") && entry.is_regular_file(ignored);
}

// In name order of the whole path, so that faults and ids do not depend on the disk.
std::vector<std::string> manifests_below(const std::string& folder, Reading& reading) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (is_manifest(*at)) files.push_back(at->path().string());
  }
  if (error) add_fault(reading, folder, cat("cannot be listed: ", error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Reading read_path(const std::string& path) {
  if (path == "-") return read(slurp(std::cin), "-");
  Reading reading;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    add_fault(reading, path, "no such file or folder");
    return reading;
  }
  if (!fs::is_directory(status)) {
    read_file(path, reading);
    return reading;
  }
  const std::vector<std::string> files = manifests_below(path, reading);
  if (files.empty() && reading.faults.empty()) {
    add_fault(reading, path, "has no manifests: no *.yaml or *.yml file below it");
  }
  for (const std::string& file : files) read_file(file, reading);
  return reading;
}

}  // namespace outrigger::manifest
