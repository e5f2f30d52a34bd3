// The texts of /proc are partly written by whom they describe: whatever stands there, what comes out can be
// printed, and reading ends.
#include <cstdint>
#include <cstdlib>

#include "procfs/open_files.h"
#include "procfs/printable.h"
#include "procfs/process_text.h"
#include "procfs/sockets.h"

namespace {

void must_be_printable(const std::string& text) {
  if (outrigger::procfs::printable(text, text.size()) != text) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::procfs;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto stat = parse_stat(text)) must_be_printable(stat->name);
  Process process;
  (void)parse_status(text, process);
  add_switches(text, process);
  (void)add_schedstat(text, process);
  parse_cgroup(text, process);
  must_be_printable(process.cgroup);
  must_be_printable(process.cpu_cgroup);
  must_be_printable(parse_line(text));
  (void)parse_namespace(text);
  (void)parse_socket_link(text);
  (void)parse_program_id(text);
  (void)count_list(text);
  Sockets sockets;
  for (const char* file : {"tcp", "tcp6", "udp", "raw6", "packet", "netlink"})
    parse_sockets(file, text, sockets);
  for (const auto& [inode, name] : sockets.by_inode) must_be_printable(name);
  return 0;
}
