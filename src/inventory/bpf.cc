#include "inventory/bpf.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"
#include "procfs/printable.h"

namespace outrigger::inventory {

namespace {

constexpr size_t kMost = 10'000;

long call(bpf_cmd command, bpf_attr& with) { return ::syscall(SYS_bpf, command, &with, sizeof(with)); }

// enum bpf_prog_type, linux/bpf.h
std::string type_name(uint32_t type) {
  constexpr std::array<const char*, 33> kNames = {"unspec",
                                                  "socket_filter",
                                                  "kprobe",
                                                  "sched_cls",
                                                  "sched_act",
                                                  "tracepoint",
                                                  "xdp",
                                                  "perf_event",
                                                  "cgroup_skb",
                                                  "cgroup_sock",
                                                  "lwt_in",
                                                  "lwt_out",
                                                  "lwt_xmit",
                                                  "sock_ops",
                                                  "sk_skb",
                                                  "cgroup_device",
                                                  "sk_msg",
                                                  "raw_tracepoint",
                                                  "cgroup_sock_addr",
                                                  "lwt_seg6local",
                                                  "lirc_mode2",
                                                  "sk_reuseport",
                                                  "flow_dissector",
                                                  "cgroup_sysctl",
                                                  "raw_tracepoint_writable",
                                                  "cgroup_sockopt",
                                                  "tracing",
                                                  "struct_ops",
                                                  "ext",
                                                  "lsm",
                                                  "sk_lookup",
                                                  "syscall",
                                                  "netfilter"};
  return type < kNames.size() ? kNames[type] : absl::StrCat("type ", type);
}

// Unloaded between two questions: nothing of it is told.
bool read_one(uint32_t id, BpfProgram& to) {
  bpf_attr which = {};
  which.prog_id = id;
  const Descriptor program(static_cast<int>(call(BPF_PROG_GET_FD_BY_ID, which)));
  if (!program) return false;
  bpf_prog_info info = {};
  bpf_attr ask = {};
  ask.info.bpf_fd = static_cast<uint32_t>(program.get());
  ask.info.info_len = sizeof(info);
  ask.info.info = reinterpret_cast<uintptr_t>(&info);
  if (call(BPF_OBJ_GET_INFO_BY_FD, ask) != 0) return false;
  to.id = id;
  to.type = type_name(info.type);
  to.name = procfs::printable({info.name, ::strnlen(info.name, sizeof(info.name))});
  return true;
}

}  // namespace

absl::StatusOr<std::vector<BpfProgram>> bpf_programs() {
  std::vector<BpfProgram> found;
  bpf_attr next = {};
  while (found.size() < kMost && call(BPF_PROG_GET_NEXT_ID, next) == 0) {
    BpfProgram one;
    if (read_one(next.next_id, one)) found.push_back(std::move(one));
    next.start_id = next.next_id;
  }
  if (errno == ENOSYS) return found;  // none without it
  if (found.size() < kMost && errno != ENOENT)
    return absl::ErrnoToStatus(errno, "eBPF programs");  // ENOENT: the last
  return found;
}

}  // namespace outrigger::inventory
