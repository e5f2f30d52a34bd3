// Signatures that two machines agree on: the DPU's agent signs, its host checks.  Keys are PEM files, as
// `openssl genpkey -algorithm ed25519` makes them.  Thread-safety: a key may be used by any number of
// threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

struct evp_pkey_st;

namespace outrigger {

class Ed25519Key {
 public:
  static absl::StatusOr<Ed25519Key> make();
  // Errors name the file; InvalidArgument: not an Ed25519 key in PEM form.
  static absl::StatusOr<Ed25519Key> load_private(const std::string& file);
  static absl::StatusOr<Ed25519Key> load_public(const std::string& file);

  // FILE (mode 0600) and FILE.pub, each written whole or not at all; PermissionDenied and so on name the
  // file.
  [[nodiscard]] absl::Status save(const std::string& file) const;

  // First 16 hex digits of the SHA-256 of the public key's 32 bytes.
  [[nodiscard]] std::string id() const;
  // 64 bytes; empty when this is a public key alone.
  [[nodiscard]] std::string sign(std::string_view message) const;
  [[nodiscard]] bool verify(std::string_view message, std::string_view signature) const;

 private:
  explicit Ed25519Key(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;
};

// The key in FILE, made there when there is none.
absl::StatusOr<Ed25519Key> load_or_make(const std::string& file);

// What is signed of a host bundle: a bundle's bytes can never pass for another kind of message.
std::string bundle_message(std::string_view bundle);

}  // namespace outrigger
