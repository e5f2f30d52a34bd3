// A made-up /proc for tests: what a kernel would show of processes that nobody has to start.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace outrigger::procfs {

struct FakeProcess {
  uint32_t pid = 1;
  std::string name = "sleep", line, exe;  // line: NULs between arguments; exe: default /usr/bin/NAME
  uint32_t uid = 0;
  std::string capabilities = "0000000000000000";  // hex
  uint64_t start = 100, ticks = 0, pages = 10;
  uint64_t voluntary = 0, involuntary = 0, ran_ns = 0, waited_ns = 0;
  std::string state = "S", cgroup = "0::/\n", net = "net:[1]", pid_namespace = "pid:[4026531836]",
              cpus = "0-1";
  bool kernel = false;
  std::vector<std::string> files;  // targets of its descriptors: "socket:[7]", "anon_inode:bpf-prog"
  std::vector<std::pair<std::string, std::string>> infos;  // fdinfo by number
};

class FakeProc {
 public:
  FakeProc() {
    std::string pattern = std::filesystem::temp_directory_path() / "outrigger-proc-XXXXXX";
    root_ = mkdtemp(pattern.data());
    link("self/ns/net", "net:[1]");
    link("self/ns/pid", "pid:[4026531836]");
    write("uptime", "1001.00 0.00\n");
    write(
        "stat",
        "cpu  400 0 100 500 0 0 100 0 0 0\ncpu0 200 0 50 250 0 0 50 0 0 0\ncpu1 200 0 50 250 0 0 50 0 0 0\n");
  }
  ~FakeProc() { std::filesystem::remove_all(root_); }
  FakeProc(const FakeProc&) = delete;
  FakeProc& operator=(const FakeProc&) = delete;

  [[nodiscard]] const std::string& root() const { return root_; }
  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path path = root_ + "/" + file;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  void link(const std::string& file, const std::string& target) const {
    const std::filesystem::path path = root_ + "/" + file;
    std::filesystem::create_directories(path.parent_path());
    std::filesystem::remove(path);
    std::filesystem::create_symlink(target, path);
  }
  void remove(uint32_t pid) const { std::filesystem::remove_all(absl::StrCat(root_, "/", pid)); }

  static std::string stat_of(const FakeProcess& one) {
    return absl::StrCat(one.pid, " (", one.name, ") ", one.state, " 1 1 1 0 -1 ", one.kernel ? 0x200000 : 0,
                        " 0 0 0 0 ", one.ticks, " 0 0 0 20 0 1 0 ", one.start, " 4096 ", one.pages,
                        " 0 0 0\n");
  }
  static std::string status_of(const FakeProcess& one) {
    return absl::StrCat("Name:\tx\nUid:\t1000\t", one.uid, "\t1000\t1000\nCapEff:\t", one.capabilities,
                        "\nCpus_allowed_list:\t", one.cpus, "\nvoluntary_ctxt_switches:\t", one.voluntary,
                        "\nnonvoluntary_ctxt_switches:\t", one.involuntary, "\n");
  }
  void add(const FakeProcess& one) const {
    const std::string folder = absl::StrCat(one.pid, "/");
    write(folder + "stat", stat_of(one));
    write(folder + "status", status_of(one));
    write(folder + "schedstat", absl::StrCat(one.ran_ns, " ", one.waited_ns, " 1\n"));
    write(folder + "cgroup", one.cgroup);
    write(folder + "cmdline", one.line);
    if (!one.kernel) link(folder + "exe", one.exe.empty() ? absl::StrCat("/usr/bin/", one.name) : one.exe);
    link(folder + "ns/net", one.net);
    link(folder + "ns/pid", one.pid_namespace);
    std::filesystem::create_directories(root_ + "/" + folder + "fd");
    for (size_t i = 0; i < one.files.size(); ++i) link(absl::StrCat(folder, "fd/", i), one.files[i]);
    for (const auto& [number, text] : one.infos) write(absl::StrCat(folder, "fdinfo/", number), text);
  }

 private:
  std::string root_;
};

}  // namespace outrigger::procfs
