// The folder of one process, held open: when the process ends and its number is given to another, reads fail
// (NotFound) instead of telling of that other.  Errors name the file.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/descriptor.h"

namespace outrigger::procfs {

class Folder {
 public:
  static absl::StatusOr<Folder> open(const std::string& path);
  // At most `most` bytes; what is behind them is left out.
  [[nodiscard]] absl::StatusOr<std::string> read(const std::string& name, size_t most = 1u << 16) const;
  [[nodiscard]] absl::StatusOr<std::string> link(const std::string& name) const;
  // Entries of a folder in it, without "." and "..", in no order.
  [[nodiscard]] absl::StatusOr<std::vector<std::string>> names(const std::string& name) const;

 private:
  Folder(std::string path, Descriptor at) : path_(std::move(path)), at_(std::move(at)) {}
  [[nodiscard]] absl::Status failed(int error, const std::string& name) const;

  std::string path_;
  Descriptor at_;
};

// A whole file, at most `most` bytes of it.
absl::StatusOr<std::string> read_file(const std::string& path, size_t most = 1u << 24);

}  // namespace outrigger::procfs
