#include "dpu/sidecar/seccomp_profile.h"

namespace outrigger::agent {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kRefused[] = {"acct",
                                    "add_key",
                                    "adjtimex",
                                    "bpf",
                                    "clock_adjtime",
                                    "clock_settime",
                                    "delete_module",
                                    "finit_module",
                                    "fsconfig",
                                    "fsmount",
                                    "fsopen",
                                    "fspick",
                                    "init_module",
                                    "io_uring_enter",
                                    "io_uring_register",
                                    "io_uring_setup",
                                    "ioperm",
                                    "iopl",
                                    "kcmp",
                                    "kexec_file_load",
                                    "kexec_load",
                                    "keyctl",
                                    "lookup_dcookie",
                                    "mount",
                                    "mount_setattr",
                                    "move_mount",
                                    "name_to_handle_at",
                                    "open_by_handle_at",
                                    "open_tree",
                                    "perf_event_open",
                                    "pivot_root",
                                    "process_madvise",
                                    "process_vm_readv",
                                    "process_vm_writev",
                                    "ptrace",
                                    "quotactl",
                                    "reboot",
                                    "request_key",
                                    "setns",
                                    "settimeofday",
                                    "swapoff",
                                    "swapon",
                                    "syslog",
                                    "umount2",
                                    "unshare",
                                    "userfaultfd",
                                    "vhangup"};
constexpr int kEperm = 1, kEnosys = 38;
// CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET: a namespace of one's own is a way to other rights.
constexpr uint64_t kNamespaces[] = {0x00020000, 0x02000000, 0x04000000, 0x08000000,
                                    0x10000000, 0x20000000, 0x40000000};

Json refuse(Json names, int error) {
  return {{"names", std::move(names)}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", error}};
}

}  // namespace

Json seccomp_profile() {
  Json calls = Json::array();
  calls.push_back(refuse(kRefused, kEperm));
  // Its flags lie in memory, where a filter cannot look: without it the C library takes clone.
  calls.push_back(refuse({"clone3"}, kEnosys));
  for (const uint64_t flag : kNamespaces) {
    Json rule = refuse({"clone"}, kEperm);
    rule["args"] =
        Json::array({{{"index", 0}, {"value", flag}, {"valueTwo", flag}, {"op", "SCMP_CMP_MASKED_EQ"}}});
    calls.push_back(std::move(rule));
  }
  return {{"defaultAction", "SCMP_ACT_ALLOW"}, {"syscalls", std::move(calls)}};
}

}  // namespace outrigger::agent
