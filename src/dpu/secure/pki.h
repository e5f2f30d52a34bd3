// A certificate authority in a folder, for fleets that have none yet: a handful of PEM files that any other
// PKI could have written as well.
//
//   ca.crt ca.key            the authority; keep ca.key away from DPUs and hosts.  While an authority is
//   replaced,
//                            ca.crt holds the new one and the old: both are trusted
//   bundle.key bundle.pub    Ed25519; the DPU signs host bundles with it, hosts check them
//   ROLE-NAME.pem            private key and certificate in one file, so that one rename replaces both
//
// Keys are mode 0600, and every file appears whole or not at all.  Nothing is overwritten unless told to be.
// Thread-safety: none; one program at a time works on a folder.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dpu/secure/identity.h"
#include "dpu/secure/x509.h"

namespace outrigger::secure {

inline constexpr const char* kDefaultTrustDomain = "outrigger.local";
inline constexpr absl::Duration kLeafLife = absl::Hours(24 * 90);
inline constexpr absl::Duration kAuthorityLife = absl::Hours(24 * 3650);
inline constexpr absl::Duration kClockSkew = absl::Minutes(5);  // certificates are valid since so long ago

enum class Overwrite : uint8_t { kNo, kYes };

struct Leaf {
  Identity identity;
  std::string path;
  std::vector<std::string> hosts;
  absl::Time not_before;
  absl::Time not_after;
  std::string serial;
};

struct LeafRequest {
  Role role = Role::kViewer;
  std::string name;
  std::vector<std::string> hosts;  // of a DPU: names and addresses that clients dial
  absl::Duration life = kLeafLife;
};

class Pki {
 public:
  // AlreadyExists when there is an authority in the folder and it may not be overwritten.
  static absl::StatusOr<Pki> init(const std::string& folder, const std::string& trust_domain,
                                  Overwrite overwrite);
  static absl::StatusOr<Pki> open(const std::string& folder);

  absl::StatusOr<Leaf> issue(const LeafRequest& request, Overwrite overwrite);
  // New keys and certificates with the names and the lifetimes of the old ones.  With `name`, that file alone
  // ("operator-alice").
  absl::StatusOr<std::vector<Leaf>> rotate(const std::optional<std::string>& name);
  [[nodiscard]] absl::StatusOr<std::vector<Leaf>> list() const;

  // A new authority signs from now on; those before stay trusted until they are forgotten.
  absl::Status renew_authority();
  // FailedPrecondition names a certificate of this folder that an older authority has signed.
  absl::Status forget_old_authorities();

  [[nodiscard]] const std::string& trust_domain() const { return trust_domain_; }

 private:
  Pki(std::string folder, std::string trust_domain, PrivateKey key, Certificate certificate)
      : folder_(std::move(folder)),
        trust_domain_(std::move(trust_domain)),
        key_(std::move(key)),
        certificate_(std::move(certificate)) {}
  absl::StatusOr<Leaf> write(const LeafRequest& request, const std::string& path);

  std::string folder_;
  std::string trust_domain_;
  PrivateKey key_;
  Certificate certificate_;
};

// FOLDER/ROLE-NAME.pem
std::string leaf_path(const std::string& folder, Role role, const std::string& name);
// NAME as `--as` takes it: "operator-alice" or "operator/alice".
std::string leaf_path(const std::string& folder, const std::string& as);
absl::StatusOr<Leaf> read_leaf(const std::string& path);

}  // namespace outrigger::secure
