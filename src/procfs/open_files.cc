#include "procfs/open_files.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "procfs/folder.h"
#include "procfs/process_text.h"

namespace outrigger::procfs {

namespace {

constexpr absl::string_view kProgram = "anon_inode:bpf-prog";

void look_at(const Folder& folder, const std::string& file, OpenFiles& to) {
  const auto link = folder.link(absl::StrCat("fd/", file));
  if (!link.ok()) return;  // closed by now
  if (const uint64_t socket = parse_socket_link(*link); socket != 0) return to.sockets.push_back(socket);
  if (*link != std::string(kProgram)) return;
  const auto info = folder.read(absl::StrCat("fdinfo/", file));
  const uint32_t id = info.ok() ? parse_program_id(*info) : 0;
  if (id != 0) to.bpf.push_back(id);
}

template <typename T>
void make_unique(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

}  // namespace

absl::StatusOr<OpenFiles> read_open_files(const Process& process, const std::string& root) {
  const auto folder = Folder::open(absl::StrCat(root, "/", process.pid));
  if (!folder.ok()) return folder.status();
  const auto stat = folder->read("stat");
  const auto now = stat.ok() ? parse_stat(*stat) : std::nullopt;
  if (!now || now->start_ticks != process.start_ticks)
    return absl::NotFoundError(absl::StrCat("process ", process.pid, " has ended"));
  auto files = folder->names("fd");
  if (!files.ok()) return files.status();
  OpenFiles found;
  found.cut = files->size() > kMaxOpenFiles;
  if (found.cut) files->resize(kMaxOpenFiles);
  for (const std::string& file : *files) look_at(*folder, file, found);
  make_unique(found.sockets);
  make_unique(found.bpf);
  return found;
}

uint64_t parse_socket_link(std::string_view link) {
  absl::string_view text(link.data(), link.size());
  uint64_t inode = 0;
  const bool socket = absl::ConsumePrefix(&text, "socket:[") && absl::ConsumeSuffix(&text, "]");
  return socket && absl::SimpleAtoi(text, &inode) ? inode : 0;
}

uint32_t parse_program_id(std::string_view fdinfo) {
  for (absl::string_view line : absl::StrSplit(absl::string_view(fdinfo.data(), fdinfo.size()), '\n')) {
    uint32_t id = 0;
    if (absl::ConsumePrefix(&line, "prog_id:") && absl::SimpleAtoi(line, &id)) return id;
  }
  return 0;
}

}  // namespace outrigger::procfs
