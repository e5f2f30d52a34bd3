#include "dpu/secure/pki.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dpu/secure/files.h"

namespace outrigger::secure {

namespace {

namespace fs = std::filesystem;

constexpr mode_t kSecret = 0600;
constexpr mode_t kPublic = 0644;
constexpr absl::Duration kShortest = absl::Minutes(1);

std::string in(const std::string& folder, const char* file) { return absl::StrCat(folder, "/", file); }

absl::Status make_folder(const std::string& folder) {
  std::error_code failure;
  if (fs::is_directory(folder)) return absl::OkStatus();
  fs::create_directories(folder, failure);
  if (!failure) fs::permissions(folder, fs::perms::owner_all, failure);
  if (!failure) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("cannot make ", folder, ": ", failure.message()));
}

absl::Status write_key(const std::string& path, EVP_PKEY& key) {
  const absl::StatusOr<std::string> pem = to_pem(key);
  return pem.ok() ? replace_file(path, *pem, kSecret) : pem.status();
}

absl::Status write_bundle_key(const std::string& folder) {
  const auto key = make_ed25519();
  if (!key.ok()) return key.status();
  if (absl::Status status = write_key(in(folder, "bundle.key"), **key); !status.ok()) return status;
  const auto pem = public_to_pem(**key);
  return pem.ok() ? replace_file(in(folder, "bundle.pub"), *pem, kPublic) : pem.status();
}

// Of a file that may hold several, the one of this key; null: none is.
Certificate certificate_of(EVP_PKEY& key, const std::string& text) {
  constexpr const char* kBegin = "-----BEGIN CERTIFICATE-----";
  for (size_t at = text.find(kBegin); at != text.npos; at = text.find(kBegin, at + 1)) {
    auto one = certificate_from_pem(text.substr(at));
    if (one.ok() && X509_check_private_key(one->get(), &key) == 1) return *std::move(one);
  }
  return nullptr;
}

Draft authority_draft(const std::string& trust_domain) {
  const absl::Time now = absl::Now();
  return {.common_name = absl::StrCat("Outrigger CA of ", trust_domain),
          .uri = absl::StrCat("spiffe://", trust_domain),
          .hosts = {},
          .use = Use::kAuthority,
          .not_before = now - kClockSkew,
          .not_after = now + kAuthorityLife};
}

absl::Status check(const LeafRequest& request) {
  if (!valid_name(request.name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "name \"", request.name, "\" is not one: lower-case letters, digits, '.' and '-', at most 63"));
  }
  if (!request.hosts.empty() && request.role != Role::kDpu)
    return absl::InvalidArgumentError(
        "only a certificate of role dpu has names and addresses that others dial");
  if (request.life < kShortest)
    return absl::InvalidArgumentError("a certificate lives for a minute at least");
  return absl::OkStatus();
}

// A DPU can always be dialled by its node's name.
std::vector<std::string> hosts_for(const LeafRequest& request) {
  std::vector<std::string> hosts = request.hosts;
  const bool named = std::find(hosts.begin(), hosts.end(), request.name) != hosts.end();
  if (request.role == Role::kDpu && !named) hosts.insert(hosts.begin(), request.name);
  return hosts;
}

}  // namespace

std::string leaf_path(const std::string& folder, Role role, const std::string& name) {
  return absl::StrCat(folder, "/", std::string(secure::name(role)), "-", name, ".pem");
}

std::string leaf_path(const std::string& folder, const std::string& as) {
  std::string file = as;
  std::replace(file.begin(), file.end(), '/', '-');
  return absl::StrCat(folder, "/", file, ".pem");
}

absl::StatusOr<Pki> Pki::init(const std::string& folder, const std::string& trust_domain,
                              Overwrite overwrite) {
  if (!valid_name(trust_domain))
    return absl::InvalidArgumentError(absl::StrCat("trust domain \"", trust_domain, "\" is not a DNS name"));
  if (overwrite == Overwrite::kNo && (fs::exists(in(folder, "ca.key")) || fs::exists(in(folder, "ca.crt")))) {
    return absl::AlreadyExistsError(absl::StrCat(
        folder,
        " has an authority; another one would void every certificate of it (--force does it anyway)"));
  }
  auto key = make_p256();
  if (!key.ok()) return key.status();
  auto certificate = sign(authority_draft(trust_domain), **key, nullptr, **key);
  if (!certificate.ok()) return certificate.status();
  const auto pem = to_pem(**certificate);
  if (!pem.ok()) return pem.status();
  if (absl::Status status = make_folder(folder); !status.ok()) return status;
  if (absl::Status status = write_key(in(folder, "ca.key"), **key); !status.ok()) return status;
  if (absl::Status status = replace_file(in(folder, "ca.crt"), *pem, kPublic); !status.ok()) return status;
  if (absl::Status status = write_bundle_key(folder); !status.ok()) return status;
  return Pki(folder, trust_domain, *std::move(key), *std::move(certificate));
}

absl::StatusOr<Pki> Pki::open(const std::string& folder) {
  const auto without = [&folder](const absl::Status& why) {
    return absl::Status(
        why.code(), absl::StrCat(why.message(), "; `outrigger pki init --folder ", folder, "` makes one"));
  };
  const auto key_text = read_file(in(folder, "ca.key"));
  if (!key_text.ok()) return without(key_text.status());
  const auto text = read_file(in(folder, "ca.crt"));
  if (!text.ok()) return without(text.status());
  auto key = key_from_pem(*key_text);
  if (!key.ok()) return absl::DataLossError(absl::StrCat(in(folder, "ca.key"), ": ", key.status().message()));
  if (const auto first = certificate_from_pem(*text); !first.ok())
    return absl::DataLossError(absl::StrCat(in(folder, "ca.crt"), ": ", first.status().message()));
  Certificate certificate = certificate_of(**key, *text);
  constexpr std::string_view kScheme = "spiffe://";
  const std::string uri = certificate == nullptr ? "" : uri_of(*certificate);
  if (!uri.starts_with(kScheme))
    return absl::DataLossError(absl::StrCat(folder, ": ca.crt and ca.key are no authority of ours"));
  return Pki(folder, uri.substr(kScheme.size()), *std::move(key), std::move(certificate));
}

// ca.crt first: whoever dies between the two steps leaves an authority that is still the old one.
absl::Status Pki::renew_authority() {
  const auto before = read_file(in(folder_, "ca.crt"));
  if (!before.ok()) return before.status();
  auto key = make_p256();
  if (!key.ok()) return key.status();
  auto certificate = sign(authority_draft(trust_domain_), **key, nullptr, **key);
  if (!certificate.ok()) return certificate.status();
  const auto pem = to_pem(**certificate);
  if (!pem.ok()) return pem.status();
  if (absl::Status status = replace_file(in(folder_, "ca.crt"), absl::StrCat(*pem, *before), kPublic);
      !status.ok())
    return status;
  if (absl::Status status = write_key(in(folder_, "ca.key"), **key); !status.ok()) return status;
  key_ = *std::move(key);
  certificate_ = *std::move(certificate);
  return absl::OkStatus();
}

absl::Status Pki::forget_old_authorities() {
  const auto leaves = list();
  if (!leaves.ok()) return leaves.status();
  for (const Leaf& leaf : *leaves) {
    const auto text = read_file(leaf.path);
    if (!text.ok()) return text.status();
    const auto certificate = certificate_from_pem(*text);
    if (!certificate.ok() || X509_verify(certificate->get(), key_.get()) != 1)
      return absl::FailedPreconditionError(
          absl::StrCat(leaf.path, " is of an older authority; `pki rotate` makes it anew"));
  }
  const auto pem = to_pem(*certificate_);
  return pem.ok() ? replace_file(in(folder_, "ca.crt"), *pem, kPublic) : pem.status();
}

absl::StatusOr<Leaf> Pki::issue(const LeafRequest& request, Overwrite overwrite) {
  if (absl::Status status = check(request); !status.ok()) return status;
  const std::string path = leaf_path(folder_, request.role, request.name);
  if (overwrite == Overwrite::kNo && fs::exists(path))
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists; `pki rotate` renews it, --force replaces it"));
  return write(request, path);
}

absl::StatusOr<Leaf> Pki::write(const LeafRequest& request, const std::string& path) {
  const absl::Time now = absl::Now();
  const Identity identity{trust_domain_, request.role, request.name};
  const Draft draft{.common_name = identity.actor(),
                    .uri = identity.uri(),
                    .hosts = hosts_for(request),
                    .use = request.role == Role::kDpu ? Use::kServer : Use::kClient,
                    .not_before = now - kClockSkew,
                    .not_after = std::min(now + request.life, not_after(*certificate_))};
  auto key = make_p256();
  if (!key.ok()) return key.status();
  auto certificate = sign(draft, **key, certificate_.get(), *key_);
  if (!certificate.ok()) return certificate.status();
  const auto key_text = to_pem(**key);
  if (!key_text.ok()) return key_text.status();
  const auto text = to_pem(**certificate);
  if (!text.ok()) return text.status();
  absl::Status status = replace_file(path, absl::StrCat(*key_text, *text), kSecret);
  if (!status.ok()) return status;
  return read_leaf(path);
}

absl::StatusOr<std::vector<Leaf>> Pki::rotate(const std::optional<std::string>& name) {
  auto leaves = list();
  if (!leaves.ok()) return leaves.status();
  std::vector<Leaf> renewed;
  for (const Leaf& leaf : *leaves) {
    if (name && leaf.path != leaf_path(folder_, *name)) continue;
    const absl::Duration life = leaf.not_after - leaf.not_before - kClockSkew;
    auto fresh =
        write({leaf.identity.role, leaf.identity.name, leaf.hosts, std::max(life, kShortest)}, leaf.path);
    if (!fresh.ok()) return fresh.status();
    renewed.push_back(*std::move(fresh));
  }
  if (name && renewed.empty())
    return absl::NotFoundError(
        absl::StrCat(folder_, " has no certificate ", *name, "; `pki list` shows them"));
  return renewed;
}

absl::StatusOr<std::vector<Leaf>> Pki::list() const {
  std::vector<std::string> paths;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder_, failure)) {
    if (entry.path().extension() == ".pem") paths.push_back(entry.path().string());
  }
  if (failure) return absl::NotFoundError(absl::StrCat("cannot read ", folder_, ": ", failure.message()));
  std::sort(paths.begin(), paths.end());
  std::vector<Leaf> leaves;
  for (const std::string& path : paths) {
    auto leaf = read_leaf(path);
    if (!leaf.ok()) return leaf.status();
    leaves.push_back(*std::move(leaf));
  }
  return leaves;
}

absl::StatusOr<Leaf> read_leaf(const std::string& path) {
  const auto text = read_file(path);
  if (!text.ok()) return text.status();
  const auto certificate = certificate_from_pem(*text);
  if (!certificate.ok()) return absl::DataLossError(absl::StrCat(path, ": ", certificate.status().message()));
  auto identity = parse_spiffe(uri_of(**certificate));
  if (!identity.ok())
    return absl::DataLossError(absl::StrCat(path, ": its URI name ", identity.status().message()));
  return Leaf{*std::move(identity),     path,
              hosts_of(**certificate),  not_before(**certificate),
              not_after(**certificate), serial_of(**certificate)};
}

}  // namespace outrigger::secure
