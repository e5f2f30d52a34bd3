// The DPU's keys and state are the DPU's: nothing of them is to be had from the host, by file, by /proc or by
// socket.  A lab runs both on one kernel, where root reads everything; there only what a user without rights
// can get says something.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "audit/attempts.h"
#include "audit/scene.h"
#include "base/ed25519.h"
#include "dpu/secure/files.h"
#include "dpu/secure/x509.h"

namespace outrigger::audit {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 20'000, kLargestFile = 64 << 10;
constexpr uid_t kNobody = 65534;
constexpr unsigned kPatience = 30;  // seconds
const std::set<std::string> kDpuPrograms = {"outriggerd", "outrigger-ports", "outrigger-engi"};
constexpr const char* kSecrets[] = {"mem", "environ", "maps", "fd"};

// What a child without rights has to say; it never returns into our own process.
absl::StatusOr<std::string> as_nobody(const std::function<std::string()>& work) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "pipe");
  const Descriptor from(ends[0]);
  Descriptor to(ends[1]);
  const pid_t child = fork();
  if (child < 0) return absl::ErrnoToStatus(errno, "fork");
  if (child == 0) {
    alarm(kPatience);
    const bool dropped = setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
                         setresuid(kNobody, kNobody, kNobody) == 0;
    const std::string text = dropped ? absl::StrCat("=", work()) : "!";
    const size_t size = std::min<size_t>(text.size(), 4096);
    _exit(write(to.get(), text.data(), size) == static_cast<ssize_t>(size) ? 0 : 1);
  }
  to.reset();
  std::string text(4096, '\0');
  const ssize_t got = read(from.get(), text.data(), text.size());
  waitpid(child, nullptr, 0);
  if (got < 1 || text[0] != '=') return absl::FailedPreconditionError("cannot become nobody: run it as root");
  return text.substr(1, static_cast<size_t>(got) - 1);
}

// Public halves: whoever has the private one to any of them can play the DPU, or worse.
struct Secrets {
  std::vector<std::pair<std::string, secure::Certificate>> certificates;  // what it is the key of
  std::optional<Ed25519Key> bundles;
  [[nodiscard]] std::string str() const;
};

std::string Secrets::str() const {
  std::vector<std::string> names;
  for (const auto& [name, certificate] : certificates) names.push_back(name);
  if (bundles) names.emplace_back("the bundle key");
  return absl::StrJoin(names, ", ");
}

void add(Secrets& secrets, const std::string& what, const std::string& pem) {
  auto certificate = secure::certificate_from_pem(pem);
  if (certificate.ok()) secrets.certificates.emplace_back(what, *std::move(certificate));
}

Secrets secrets_of(const Scene& scene) {
  Secrets out;
  const Settings& settings = scene.settings();
  if (const auto authority = secure::read_file(settings.files.authority); authority.ok())
    add(out, "the authority's key", *authority);
  if (const auto line = scene.own_line(); line.ok() && scene.has_link().ok()) {
    (void)line->call("/outrigger.v1.HostLink/FetchBundle", "");
    add(out, "the DPU's key", line->server_certificate());
  }
  if (auto key = Ed25519Key::load_public(settings.bundle_key); key.ok()) out.bundles = *std::move(key);
  return out;
}

// Which of the secrets is in this file; "": none.
std::string secret_in(const std::string& path, const std::string& text, const Secrets& secrets) {
  if (!absl::StrContains(text, "PRIVATE KEY-----")) return "";
  if (const auto key = secure::key_from_pem(text); key.ok()) {
    for (const auto& [what, certificate] : secrets.certificates) {
      if (X509_check_private_key(certificate.get(), key->get()) == 1) return what;
    }
  }
  const auto signs = Ed25519Key::load_private(path);
  return secrets.bundles && signs.ok() && signs->id() == secrets.bundles->id() ? "the bundle key" : "";
}

struct Search {
  size_t looked_at = 0, unreadable = 0;
  std::string found;  // what, and where
  bool whole = true;
};

void look_into(const fs::directory_entry& file, const Secrets& secrets, Search& out) {
  std::error_code none;
  if (file.is_symlink(none) || !file.is_regular_file(none) || file.file_size(none) > kLargestFile) return;
  const auto text = secure::read_file(file.path());
  if (!text.ok()) ++out.unreadable;
  const std::string what = text.ok() ? secret_in(file.path(), *text, secrets) : "";
  if (!what.empty()) out.found = absl::StrCat(what, " in ", file.path().string());
}

Search search(const std::vector<std::string>& folders, const Secrets& secrets) {
  Search out;
  for (const std::string& folder : folders) {
    std::error_code error;
    fs::recursive_directory_iterator files(folder, fs::directory_options::skip_permission_denied, error), end;
    for (; !error && files != end; files.increment(error)) {
      if (++out.looked_at > kMostFiles) out.whole = false;
      if (!out.whole || !out.found.empty()) return out;
      look_into(*files, secrets, out);
    }
  }
  return out;
}

std::string summary(const Search& result, const std::vector<std::string>& folders) {
  return absl::StrCat(result.looked_at, " entries of ", absl::StrJoin(folders, ", "), " looked at, ",
                      result.unreadable, " files unreadable");
}

std::vector<std::pair<std::string, std::string>> dpu_processes() {  // pid, program
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    uint32_t number = 0;
    if (!absl::SimpleAtoi(pid, &number)) continue;
    std::ifstream in(entry.path() / "comm");
    std::string name;
    if (std::getline(in, name) && kDpuPrograms.contains(name.substr(0, 15))) found.emplace_back(pid, name);
  }
  return found;
}

std::string readable_of(const std::vector<std::pair<std::string, std::string>>& processes) {
  for (const auto& [pid, name] : processes) {
    for (const char* secret : kSecrets) {
      const std::string path = absl::StrCat("/proc/", pid, "/", secret);
      const Descriptor fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
      char byte = 0;
      const bool folder = std::string_view(secret) == "fd";
      if (fd && (folder || std::string_view(secret) == "mem" || read(fd.get(), &byte, 1) >= 0))
        return absl::StrCat(path, " of ", name);
    }
  }
  return "";
}

// Sockets with the product's name that this network namespace lists, or that a lab's files hold.
std::set<std::string> dpu_sockets(const std::vector<std::string>& folders) {
  std::set<std::string> found;
  std::ifstream table("/proc/net/unix");
  for (std::string line; std::getline(table, line);) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (words.size() > 7 && absl::StrContains(words[7], "outrigger") && words[7].front() == '@')
      found.insert(words[7]);
  }
  for (const std::string& folder : folders) {
    std::error_code error;
    fs::recursive_directory_iterator files(folder, fs::directory_options::skip_permission_denied, error), end;
    for (; !error && files != end; files.increment(error)) {
      std::error_code none;
      if (files->is_socket(none) && !absl::StrContains(files->path().string(), "/hosts/"))
        found.insert(files->path());
    }
  }
  return found;
}

std::string connects_to(const std::set<std::string>& paths) {
  for (const std::string& path : paths) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (path.size() >= sizeof at.sun_path) continue;
    std::copy(path.begin(), path.end(), at.sun_path);
    if (path.front() == '@') at.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    for (const int kind : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
      const Descriptor one(socket(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (connect(one.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0) return path;
    }
  }
  return "";
}

constexpr char kOneMachine[] =
    "host and DPU share one kernel and its files here, and root reads all of them: this wants a machine with "
    "a DPU";

}  // namespace

Verdict read_keys_as_root(Scene& scene) {
  const Settings& settings = scene.settings();
  if (settings.one_machine) return not_tried(kOneMachine);
  if (settings.folders.empty()) return not_tried("no folder to search was named (--search)");
  const Secrets secrets = secrets_of(scene);
  if (secrets.str().empty())
    return not_tried("no public half of a key is known (--link, --ca, --bundle-key)");
  const Search result = search(settings.folders, secrets);
  if (!result.found.empty()) return broken(result.found);
  if (!result.whole) return not_tried(absl::StrCat("too many files: ", summary(result, settings.folders)));
  return held(absl::StrCat("looked for ", secrets.str(), ": ", summary(result, settings.folders)));
}

Verdict read_keys_as_nobody(Scene& scene) {
  const Settings& settings = scene.settings();
  if (settings.folders.empty()) return not_tried("no folder to search was named (--search)");
  const Secrets secrets = secrets_of(scene);
  if (secrets.str().empty())
    return not_tried("no public half of a key is known (--link, --ca, --bundle-key)");
  const auto text = as_nobody([&] {
    const Search result = search(settings.folders, secrets);
    if (!result.found.empty()) return absl::StrCat("!", result.found);
    return absl::StrCat(result.whole ? "+" : "-", summary(result, settings.folders));
  });
  if (!text.ok()) return not_tried(said(text.status()));
  if (absl::StartsWith(*text, "!")) return broken(absl::StrCat("uid 65534 reads ", text->substr(1)));
  if (!absl::StartsWith(*text, "+")) return not_tried(absl::StrCat("too many files: ", *text));
  return held(absl::StrCat("looked as uid 65534 for ", secrets.str(), ": ", text->substr(1)));
}

Verdict read_processes(Scene& scene) {
  const auto processes = dpu_processes();
  if (processes.empty()) return held("no process of the DPU's is to be seen in /proc");
  if (!scene.settings().one_machine)
    return broken(
        absl::StrCat(processes.front().second, " is to be seen in /proc as ", processes.front().first));
  const auto text = as_nobody([&] { return readable_of(processes); });
  if (!text.ok()) return not_tried(said(text.status()));
  if (!text->empty()) return broken(absl::StrCat("uid 65534 reads ", *text));
  return held(absl::StrCat("as uid 65534 neither memory, environment, maps nor descriptors of ",
                           processes.size(), " processes of the DPU's can be read; as root: ", kOneMachine));
}

Verdict reach_sockets(Scene& scene) {
  const Settings& settings = scene.settings();
  const std::set<std::string> sockets = dpu_sockets(settings.folders);
  std::string reached;
  if (settings.one_machine) {
    const auto text = as_nobody([&] { return connects_to(sockets); });
    if (!text.ok()) return not_tried(said(text.status()));
    reached = *text;
  } else {
    reached = connects_to(sockets);
  }
  if (!reached.empty()) return broken(absl::StrCat("connected to ", reached));
  return held(absl::StrCat(sockets.size(), " Unix sockets of the DPU's to be seen, none takes a connection",
                           settings.one_machine ? " of uid 65534" : ""));
}

}  // namespace outrigger::audit
