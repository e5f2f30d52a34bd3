#include "base/sandbox.h"

#include <cap-ng.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/descriptor.h"

namespace outrigger {

namespace {

class Sandbox {
 public:
  explicit Sandbox(const SandboxSpec& spec) : spec_(spec) {}

  SandboxReport enter() {
    note("no-new-privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno);
    if (spec_.mount) {
      report_.not_enforced.emplace_back("landlock: whoever mounts cannot have it");
    } else {
      restrict_files();
    }
    drop_capabilities();
    filter_calls();
    if (!spec_.dump_core) note("no-core-dump", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno);
    return std::move(report_);
  }

 private:
  void note(const std::string& what, int error) {
    if (error == 0) {
      report_.enforced.push_back(what);
    } else {
      report_.not_enforced.push_back(absl::StrCat(what, ": ", strerror(error)));
    }
  }

  void drop_capabilities();
  void restrict_files();
  void allow(int rules, const std::string& path, uint64_t rights);
  [[nodiscard]] bool needed(int call) const;
  void filter_calls();

  const SandboxSpec& spec_;
  SandboxReport report_;
};

// In one step with the change of user, which would otherwise take what is to be kept, or leave what is not.
void Sandbox::drop_capabilities() {
  const bool change = spec_.uid.has_value() && geteuid() == 0;
  capng_clear(CAPNG_SELECT_BOTH);
  for (const int one : spec_.capabilities) {
    (void)capng_update(CAPNG_ADD,
                       static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET),
                       static_cast<unsigned>(one));
  }
  if (change) {
    const auto uid = static_cast<int>(*spec_.uid);
    const auto gid = static_cast<int>(spec_.gid.value_or(*spec_.uid));
    const int failed =
        capng_change_id(uid, gid, static_cast<capng_flags_t>(CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING));
    note(absl::StrCat("uid ", uid), failed == 0 ? 0 : EPERM);
    note(absl::StrCat("capabilities ", spec_.capabilities.size()), failed == 0 ? 0 : EPERM);
    return;
  }
  if (spec_.uid.has_value() && geteuid() != *spec_.uid) note(absl::StrCat("uid ", *spec_.uid), EPERM);
  if (geteuid() != 0) return note("capabilities", 0);  // it has none to lose
  const int failed = capng_apply(CAPNG_SELECT_BOTH);
  note(absl::StrCat("capabilities ", spec_.capabilities.size()), failed == 0 ? 0 : EPERM);
}

constexpr uint64_t kReading =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr uint64_t kWriting = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                              LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                              LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                              LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                              LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
constexpr uint64_t kOfFiles =
    LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;

void Sandbox::allow(int rules, const std::string& path, uint64_t rights) {
  const Descriptor place(open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat about {};
  if (!place || fstat(place.get(), &about) != 0) return;  // what is not there stays out of reach
  landlock_path_beneath_attr beneath{};
  beneath.allowed_access = S_ISDIR(about.st_mode) ? rights : rights & kOfFiles;
  beneath.parent_fd = place.get();
  if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) != 0)
    note(absl::StrCat("landlock ", path), errno);
}

void Sandbox::restrict_files() {
  landlock_ruleset_attr all{};
  all.handled_access_fs = kReading | kWriting;
  const Descriptor rules(static_cast<int>(syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0)));
  if (!rules) return note("landlock", errno);
  for (const std::string& path : spec_.readable) allow(rules.get(), path, kReading);
  for (const std::string& path : spec_.writable) allow(rules.get(), path, kReading | kWriting);
  note("landlock", syscall(SYS_landlock_restrict_self, rules.get(), 0) == 0 ? 0 : errno);
}

// Calls that neither packet processing nor its control needs, and that a break-in would.
constexpr std::array kNeverCalled = {
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(bpf),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(acct),
};

bool Sandbox::needed(int call) const {
  const bool making = call == SCMP_SYS(mount) || call == SCMP_SYS(umount2) || call == SCMP_SYS(unshare);
  return (making && spec_.mount) || (call == SCMP_SYS(setns) && (spec_.enter_namespaces || spec_.mount));
}

void Sandbox::filter_calls() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return note("seccomp", ENOMEM);
  const uint32_t refuse = SCMP_ACT_ERRNO(EPERM);
  int error = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  for (const int call : kNeverCalled) {
    if (needed(call)) continue;
    if (error == 0) error = seccomp_rule_add(filter, refuse, call, 0);
  }
  if (error == 0 && !spec_.run_programs) {
    error = seccomp_rule_add(filter, refuse, SCMP_SYS(execve), 0);
    if (error == 0) error = seccomp_rule_add(filter, refuse, SCMP_SYS(execveat), 0);
  }
  if (error == 0 && !spec_.network_sockets)
    error = seccomp_rule_add(filter, refuse, SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_NE, AF_UNIX));
  if (error == 0) error = seccomp_load(filter);
  seccomp_release(filter);
  note("seccomp", -error);
}

}  // namespace

SandboxReport enter_sandbox(const SandboxSpec& spec) { return Sandbox(spec).enter(); }

}  // namespace outrigger
