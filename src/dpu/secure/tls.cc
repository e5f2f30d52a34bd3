#include "dpu/secure/tls.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_metadata_processor.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/server_context.h>

#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/address.h"
#include "base/steady_time.h"
#include "dpu/secure/files.h"
#include "dpu/secure/pki.h"

namespace outrigger::secure {

namespace {

using grpc::experimental::FileWatcherCertificateProvider;

constexpr unsigned kLookAgain = 1;  // seconds between looks at the files
constexpr const char* kNoTls12 = "PSK-AES256-GCM-SHA384";

std::string spiffe_of(const grpc::AuthContext& context) {
  const auto values = context.FindPropertyValues(GRPC_PEER_SPIFFE_ID_PROPERTY_NAME);
  return values.size() == 1 ? std::string(values[0].data(), values[0].size()) : "";
}

class GateProcessor : public grpc::AuthMetadataProcessor {
 public:
  explicit GateProcessor(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context, OutputMetadata*,
                       OutputMetadata*) override {
    const auto path = metadata.find(":path");
    const std::string called =
        path == metadata.end() ? "" : std::string(path->second.data(), path->second.size());
    const absl::Status status = gate_->judge(spiffe_of(*context), called, steady_time());
    if (status.ok()) return grpc::Status::OK;
    return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
  }

 private:
  std::shared_ptr<Gate> gate_;
};

// The chain has been checked by now; here it is who the server says to be.
class DpuVerifier : public grpc::experimental::ExternalCertificateVerifier {
 public:
  DpuVerifier(std::string trust_domain, std::string node)
      : trust_domain_(std::move(trust_domain)), node_(std::move(node)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* status) override {
    const auto names = request->uri_names();
    const std::string uri = names.size() == 1 ? std::string(names[0].data(), names[0].size()) : "";
    const absl::StatusOr<Identity> who = parse_spiffe(uri);
    const bool right = who.ok() && who->role == Role::kDpu && who->trust_domain == trust_domain_ &&
                       (node_.empty() || who->name == node_);
    if (!right) {
      const std::string wanted =
          absl::StrCat("spiffe://", trust_domain_, "/dpu/", node_.empty() ? "NODE" : node_.c_str());
      *status = grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                             absl::StrCat("the server is \"", uri, "\", expected ", wanted));
    }
    return true;  // decided at once
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  std::string trust_domain_;
  std::string node_;
};

// Everything that gRPC would only mutter about in its log.
absl::StatusOr<Leaf> check(const TlsFiles& files) {
  const auto key_text = read_file(files.key_path());
  if (!key_text.ok()) return key_text.status();
  const auto authority = read_file(files.authority);
  if (!authority.ok()) return authority.status();
  if (const auto parsed = certificate_from_pem(*authority); !parsed.ok())
    return absl::InvalidArgumentError(absl::StrCat(files.authority, ": ", parsed.status().message()));
  auto leaf = read_leaf(files.certificate);
  if (!leaf.ok()) return leaf;
  const auto key = key_from_pem(*key_text);
  if (!key.ok())
    return absl::InvalidArgumentError(absl::StrCat(files.key_path(), ": ", key.status().message()));
  const auto certificate = certificate_from_pem(*read_file(files.certificate));
  if (certificate.ok() && X509_check_private_key(certificate->get(), key->get()) != 1)
    return absl::InvalidArgumentError(
        absl::StrCat(files.key_path(), " is not the key of ", files.certificate));
  return leaf;
}

std::shared_ptr<FileWatcherCertificateProvider> watch(const TlsFiles& files) {
  return std::make_shared<FileWatcherCertificateProvider>(files.key_path(), files.certificate,
                                                          files.authority, kLookAgain);
}

}  // namespace

TlsFiles files_of(const std::string& folder, const std::string& as) {
  return {.certificate = leaf_path(folder, as), .key = "", .authority = absl::StrCat(folder, "/ca.crt")};
}

void require_tls13() {
  setenv("GRPC_SSL_CIPHER_SUITES", kNoTls12, 1);
  setenv("GRPC_VERBOSITY", "NONE", 0);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> server_credentials(const TlsFiles& files,
                                                                            std::shared_ptr<Gate> gate) {
  if (const auto leaf = check(files); !leaf.ok()) return leaf.status();
  require_tls13();
  grpc::experimental::TlsServerCredentialsOptions options(watch(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  auto credentials = grpc::experimental::TlsServerCredentials(options);
  if (credentials == nullptr) return absl::InternalError("gRPC refuses the TLS options");
  credentials->SetAuthMetadataProcessor(std::make_shared<GateProcessor>(std::move(gate)));
  return credentials;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> client_credentials(const TlsFiles& files,
                                                                             const std::string& node) {
  const auto leaf = check(files);
  if (!leaf.ok()) return leaf.status();
  require_tls13();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(watch(files));
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_verify_server_certs(true);
  options.set_check_call_host(false);
  options.set_certificate_verifier(grpc::experimental::ExternalCertificateVerifier::Create<DpuVerifier>(
      leaf->identity.trust_domain, node));
  return grpc::experimental::TlsCredentials(options);
}

std::string Caller::actor() const {
  if (identity) return identity->actor();
  return local ? "root (local)" : "unknown";
}

Caller caller_of(const grpc::ServerContextBase& context) {
  Caller caller{.identity = std::nullopt, .local = context.peer().rfind("unix:", 0) == 0};
  const auto authenticated = context.auth_context();
  if (authenticated == nullptr) return caller;
  auto identity = parse_spiffe(spiffe_of(*authenticated));
  if (identity.ok()) caller.identity = *std::move(identity);
  return caller;
}

std::string actor_of(const grpc::ServerContextBase& context) { return caller_of(context).actor(); }

absl::Status check_listen_address(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = colon == address.npos ? "" : address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  uint32_t port = 0;
  const bool numbered =
      colon != address.npos && absl::SimpleAtoi(address.substr(colon + 1), &port) && port < 65536;
  if (numbered && IpAddress::parse(host)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", address,
      "\" is not ADDRESS:PORT; say the address of one interface, or 0.0.0.0 to mean all of them"));
}

}  // namespace outrigger::secure
