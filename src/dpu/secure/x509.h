// OpenSSL's keys and certificates as values that free themselves, and the one form of certificate we make:
// ECDSA P-256, X.509 v3, with the identity as its URI name.  Errors carry what OpenSSL said.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace outrigger::secure {

template <auto Free>
struct Freed {
  template <typename T>
  void operator()(T* it) const {
    Free(it);
  }
};
using PrivateKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

absl::Status openssl_error(const std::string& what);

absl::StatusOr<PrivateKey> make_p256();
absl::StatusOr<PrivateKey> make_ed25519();

enum class Use : uint8_t { kAuthority, kServer, kClient };

struct Draft {
  std::string common_name;
  std::string uri;
  std::vector<std::string> hosts;  // DNS names and IP addresses
  Use use = Use::kClient;
  absl::Time not_before;
  absl::Time not_after;
};

// `issuer` null: signs itself.
absl::StatusOr<Certificate> sign(const Draft& draft, EVP_PKEY& subject_key, X509* issuer,
                                 EVP_PKEY& issuer_key);

absl::StatusOr<std::string> to_pem(EVP_PKEY& key);         // PKCS #8, not encrypted
absl::StatusOr<std::string> public_to_pem(EVP_PKEY& key);  // SubjectPublicKeyInfo
absl::StatusOr<std::string> to_pem(X509& certificate);
absl::StatusOr<PrivateKey> key_from_pem(const std::string& pem);
absl::StatusOr<Certificate> certificate_from_pem(const std::string& pem);  // the first in it

std::string uri_of(X509& certificate);  // empty unless it has exactly one
std::vector<std::string> hosts_of(X509& certificate);
absl::Time not_before(X509& certificate);
absl::Time not_after(X509& certificate);
std::string serial_of(X509& certificate);  // hex

}  // namespace outrigger::secure
