// A daemon on another machine: reached over mTLS with a certificate that says who asks.  Flags win over the
// environment, and --lab or --socket over both.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/api.h"

namespace outrigger::cli {

struct Remote {
  std::string server{};       // "10.0.0.1:7443"
  std::string certificate{};  // PEM, with the key unless that has its own file
  std::string key{};
  std::string authority{};
  std::string pki{};  // folder of `outrigger pki`: certificate and authority at once
  std::string as{};   // "operator-alice", in there
};

// --server, --cert, --key, --ca, --pki, --as; not beside --lab or --socket.
void add_remote_options(CLI::App& command, Remote& remote, CLI::Option& lab, CLI::Option& socket);

// What the environment says where the flags say nothing: OUTRIGGER_SERVER, _CERT, _KEY, _CA, _PKI, _AS.
Remote with_environment(Remote remote);

// Does not wait for it.  InvalidArgument when no certificate is named; other errors name the file.
absl::StatusOr<std::unique_ptr<Api>> connect_remote(const Remote& remote);

}  // namespace outrigger::cli
