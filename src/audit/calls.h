// Calls an intruder makes on the DPU's listeners: any method, any bytes, any certificate or none.  The client
// trusts whoever answers, so that every refusal is the server's.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dpu/secure/tls.h"

namespace grpc {
class Channel;
}

namespace outrigger::audit {

struct Answer {
  int code = 0;         // grpc::StatusCode
  std::string message;  // of a refusal
  std::string reply;    // serialised
  [[nodiscard]] bool ok() const { return code == 0; }
  [[nodiscard]] std::string str() const;  // "PERMISSION_DENIED: role host may not ..."
};

// Whether the server turned the caller away before anything of it was done.
bool refused(const Answer& answer);
// Nobody answered at all.
bool unreachable(const Answer& answer);
bool too_often(const Answer& answer);

enum class Dress { kPlain, kNoCertificate, kCertificate };

class Line {
 public:
  // A connection of its own, made with the first call.  `files` counts for kCertificate.
  static absl::StatusOr<Line> dial(const std::string& address, Dress dress,
                                   const secure::TlsFiles& files = {});
  [[nodiscard]] Answer call(const std::string& method, const std::string& bytes) const;
  // PEM, of the last handshake; empty before the first.
  [[nodiscard]] std::string server_certificate() const;

 private:
  struct Seen;
  Line(std::shared_ptr<grpc::Channel> channel, std::shared_ptr<Seen> seen)
      : channel_(std::move(channel)), seen_(std::move(seen)) {}
  std::shared_ptr<grpc::Channel> channel_;
  std::shared_ptr<Seen> seen_;
};

}  // namespace outrigger::audit
