#include "base/ed25519.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace outrigger {
namespace {

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

absl::StatusOr<EVP_PKEY*> read(const std::string& file, bool secret) {
  FILE* in = std::fopen(file.c_str(), "re");
  if (in == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("key ", file));
  absl::Cleanup close = [in] { std::fclose(in); };
  EVP_PKEY* key = secret ? PEM_read_PrivateKey(in, nullptr, nullptr, nullptr)
                         : PEM_read_PUBKEY(in, nullptr, nullptr, nullptr);
  if (key != nullptr && EVP_PKEY_id(key) == EVP_PKEY_ED25519) return key;
  EVP_PKEY_free(key);
  return absl::InvalidArgumentError(
      absl::StrCat("key ", file, ": is not an Ed25519 ", secret ? "private" : "public", " key in PEM form"));
}

// Beside the file first, so that a reader never sees half a key.
absl::Status write(const std::string& file, mode_t mode, EVP_PKEY* key, bool secret) {
  const std::string fresh = absl::StrCat(file, ".new");
  unlink(fresh.c_str());
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("write ", fresh));
  FILE* out = fdopen(fd, "w");
  const int written = secret ? PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr)
                             : PEM_write_PUBKEY(out, key);
  const bool kept = std::fflush(out) == 0 && fsync(fd) == 0;
  std::fclose(out);
  if (written != 1 || !kept) return absl::InternalError(absl::StrCat("write ", fresh, ": failed"));
  if (rename(fresh.c_str(), file.c_str()) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("write ", file));
  return absl::OkStatus();
}

}  // namespace

Ed25519Key::Ed25519Key(evp_pkey_st* key) : key_(key, EVP_PKEY_free) {}

absl::StatusOr<Ed25519Key> Ed25519Key::make() {
  EVP_PKEY* key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
  if (key == nullptr) return absl::InternalError("no Ed25519 key could be made");
  return Ed25519Key(key);
}

absl::StatusOr<Ed25519Key> Ed25519Key::load_private(const std::string& file) {
  const absl::StatusOr<EVP_PKEY*> key = read(file, true);
  if (!key.ok()) return key.status();
  return Ed25519Key(*key);
}

absl::StatusOr<Ed25519Key> Ed25519Key::load_public(const std::string& file) {
  const absl::StatusOr<EVP_PKEY*> key = read(file, false);
  if (!key.ok()) return key.status();
  return Ed25519Key(*key);
}

absl::Status Ed25519Key::save(const std::string& file) const {
  if (absl::Status status = write(file, 0600, key_.get(), true); !status.ok()) return status;
  return write(absl::StrCat(file, ".pub"), 0644, key_.get(), false);
}

std::string Ed25519Key::id() const {
  std::array<unsigned char, 32> raw{};
  size_t length = raw.size();
  EVP_PKEY_get_raw_public_key(key_.get(), raw.data(), &length);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(raw.data(), length, digest.data());
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest.data()), 8));
}

std::string Ed25519Key::sign(std::string_view message) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  absl::Cleanup release = [context] { EVP_MD_CTX_free(context); };
  std::string signature(64, '\0');
  size_t length = signature.size();
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  const bool done = EVP_DigestSignInit(context, nullptr, nullptr, nullptr, key_.get()) == 1 &&
                    EVP_DigestSign(context, out, &length, bytes(message), message.size()) == 1;
  return done ? signature : "";
}

bool Ed25519Key::verify(std::string_view message, std::string_view signature) const {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  absl::Cleanup release = [context] { EVP_MD_CTX_free(context); };
  return EVP_DigestVerifyInit(context, nullptr, nullptr, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context, bytes(signature), signature.size(), bytes(message), message.size()) == 1;
}

absl::StatusOr<Ed25519Key> load_or_make(const std::string& file) {
  if (std::filesystem::exists(file)) return Ed25519Key::load_private(file);
  absl::StatusOr<Ed25519Key> key = Ed25519Key::make();
  if (!key.ok()) return key;
  if (absl::Status status = key->save(file); !status.ok()) return status;
  return key;
}

std::string bundle_message(std::string_view bundle) {
  std::string message("outrigger-bundle-v1\0", 20);
  message.append(bundle);
  return message;
}

}  // namespace outrigger
