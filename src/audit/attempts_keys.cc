// The DPU's keys and sockets are the DPU's: nothing of them is to be had from the host.
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "audit/attempts.h"
#include "audit/nobody.h"
#include "audit/scene.h"
#include "base/ed25519.h"
#include "dpu/secure/files.h"
#include "dpu/secure/x509.h"

namespace outrigger::audit {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostFiles = 20'000, kLargestFile = 64 << 10;

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

// An abstract socket of our own, which stands open to everybody.
constexpr char kOpenSocket[] = "@outrigger-audit-open";

Descriptor open_socket() {
  Descriptor made(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::copy(std::begin(kOpenSocket) + 1, std::end(kOpenSocket) - 1, at.sun_path + 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + sizeof kOpenSocket - 1);
  const bool open =
      bind(made.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0 && listen(made.get(), 4) == 0;
  return open ? std::move(made) : Descriptor();
}

Verdict reach_sockets(Scene& scene) {
  const Settings& settings = scene.settings();
  const Descriptor own = open_socket();
  std::set<std::string> sockets = dpu_sockets(settings.folders);
  if (!own || sockets.erase(kOpenSocket) == 0)
    return not_tried("not even an open socket of our own is seen among the Unix sockets here");
  if (settings.one_machine && sockets.empty())
    return not_tried("no socket of the DPU's is to be seen on this one machine (--search)");
  const auto look = [&] {
    return connects_to({kOpenSocket}).empty() ? absl::StrCat("?", kOpenSocket) : connects_to(sockets);
  };
  const absl::StatusOr<std::string> text = settings.one_machine ? as_nobody(look) : look();
  if (!text.ok()) return not_tried(said(text.status()));
  if (text->starts_with('?')) return not_tried("not even an open socket of our own takes a connection");
  const std::string& reached = *text;
  if (!reached.empty()) return broken(absl::StrCat("connected to ", reached));
  return held(absl::StrCat(sockets.size(), " Unix sockets of the DPU's to be seen, none takes a connection",
                           settings.one_machine ? " of uid 65534" : "", "; one of our own did"));
}

}  // namespace outrigger::audit
