#include "audit/calls.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <array>
#include <chrono>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "dpu/secure/call_by_name.h"
#include "dpu/secure/files.h"

namespace outrigger::audit {
namespace {

using grpc::StatusCode;

constexpr auto kPatience = std::chrono::seconds(3);
constexpr std::array kNames = {
    "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED"};

using Note = std::function<void(std::string certificate)>;

// Whoever it is; who it was is noted.
class AnyServer : public grpc::experimental::ExternalCertificateVerifier {
 public:
  explicit AnyServer(Note note) : note_(std::move(note)) {}
  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status*) override {
    const auto pem = request->peer_cert();
    note_(std::string(pem.data(), pem.size()));
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  Note note_;
};

absl::StatusOr<std::vector<grpc::experimental::IdentityKeyCertPair>> identity(const secure::TlsFiles& files) {
  const auto certificate = secure::read_file(files.certificate), key = secure::read_file(files.key_path());
  if (!certificate.ok()) return certificate.status();
  if (!key.ok()) return key.status();
  return std::vector<grpc::experimental::IdentityKeyCertPair>{{*key, *certificate}};
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> credentials(Dress dress,
                                                                      const secure::TlsFiles& files,
                                                                      Note note) {
  using grpc::experimental::StaticDataCertificateProvider;
  if (dress == Dress::kPlain) return grpc::InsecureChannelCredentials();
  secure::require_tls13();
  grpc::experimental::TlsChannelCredentialsOptions options;
  if (dress == Dress::kCertificate) {
    const auto own = identity(files);
    if (!own.ok()) return own.status();
    options.set_certificate_provider(std::make_shared<StaticDataCertificateProvider>(*own));
    options.watch_identity_key_cert_pairs();
  }
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<AnyServer>(std::move(note)));
  return grpc::experimental::TlsCredentials(options);
}

}  // namespace

struct Line::Seen {
  std::mutex mutex;
  std::string certificate;  // under mutex
};

std::string Line::server_certificate() const {
  const std::lock_guard lock(seen_->mutex);
  return seen_->certificate;
}

std::string Answer::str() const {
  const auto index = static_cast<size_t>(code);
  return absl::StrCat(index < kNames.size() ? kNames[index] : "?", message.empty() ? "" : ": ",
                      message.substr(0, 200));
}

// A client that gets no message to a call that was answered calls that UNIMPLEMENTED as well.
bool refused(const Answer& answer) {
  if (answer.code == StatusCode::UNIMPLEMENTED)
    return answer.message.find("No message") == answer.message.npos;
  return answer.code == StatusCode::UNAUTHENTICATED || answer.code == StatusCode::PERMISSION_DENIED ||
         answer.code == StatusCode::UNAVAILABLE;
}

bool unreachable(const Answer& answer) {
  return answer.code == StatusCode::UNAVAILABLE || answer.code == StatusCode::DEADLINE_EXCEEDED;
}

bool too_often(const Answer& answer) { return answer.code == StatusCode::RESOURCE_EXHAUSTED; }

absl::StatusOr<Line> Line::dial(const std::string& address, Dress dress, const secure::TlsFiles& files) {
  auto seen = std::make_shared<Seen>();
  const auto made = credentials(dress, files, [seen](std::string certificate) {
    const std::lock_guard lock(seen->mutex);
    seen->certificate = std::move(certificate);
  });
  if (!made.ok()) return made.status();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetMaxReceiveMessageSize(256 << 20);
  return Line(grpc::CreateCustomChannel(address, *made, arguments), std::move(seen));
}

Answer Line::call(const std::string& method, const std::string& bytes) const {
  std::string reply;
  const grpc::Status status = secure::call_by_name(channel_, method, bytes, kPatience, &reply);
  return {static_cast<int>(status.error_code()), status.error_message(), std::move(reply)};
}

}  // namespace outrigger::audit
