#include "cli/remote.h"

#include <cstdlib>

#include "dpu/secure/tls.h"

namespace outrigger::cli {

namespace {

void from_environment(const char* variable, std::string& option) {
  const char* value = std::getenv(variable);
  if (option.empty() && value != nullptr) option = value;
}

absl::StatusOr<secure::TlsFiles> files_of(const Remote& remote) {
  secure::TlsFiles files;
  if (!remote.pki.empty() && !remote.as.empty()) files = secure::files_of(remote.pki, remote.as);
  if (!remote.certificate.empty()) files.certificate = remote.certificate;
  if (!remote.key.empty()) files.key = remote.key;
  if (!remote.authority.empty()) files.authority = remote.authority;
  if (!files.certificate.empty() && !files.authority.empty()) return files;
  return absl::InvalidArgumentError(
      "--server needs to know who you are: --cert FILE and --ca FILE, or --pki FOLDER and --as ROLE-NAME\n"
      "`outrigger pki issue --folder FOLDER --role viewer --name NAME` makes a certificate");
}

}  // namespace

void add_remote_options(CLI::App& command, Remote& remote, CLI::Option& lab, CLI::Option& socket) {
  command.add_option("--server", remote.server, "a daemon elsewhere, over mTLS [$OUTRIGGER_SERVER]")
      ->type_name("ADDRESS:PORT")
      ->excludes(&lab)
      ->excludes(&socket);
  command
      .add_option("--cert", remote.certificate, "certificate for --server, with its key [$OUTRIGGER_CERT]")
      ->type_name("FILE");
  command.add_option("--key", remote.key, "its key, if elsewhere [$OUTRIGGER_KEY]")->type_name("FILE");
  command.add_option("--ca", remote.authority, "authority of the server's certificate [$OUTRIGGER_CA]")
      ->type_name("FILE");
  command.add_option("--pki", remote.pki, "folder of `outrigger pki`, for --cert and --ca [$OUTRIGGER_PKI]")
      ->type_name("FOLDER");
  command.add_option("--as", remote.as, "certificate in --pki, as operator-alice [$OUTRIGGER_AS]")
      ->type_name("ROLE-NAME");
}

Remote with_environment(Remote remote) {
  from_environment("OUTRIGGER_SERVER", remote.server);
  from_environment("OUTRIGGER_CERT", remote.certificate);
  from_environment("OUTRIGGER_KEY", remote.key);
  from_environment("OUTRIGGER_CA", remote.authority);
  from_environment("OUTRIGGER_PKI", remote.pki);
  from_environment("OUTRIGGER_AS", remote.as);
  return remote;
}

absl::StatusOr<std::unique_ptr<Api>> connect_remote(const Remote& remote) {
  const auto files = files_of(remote);
  if (!files.ok()) return files.status();
  const auto credentials = secure::client_credentials(*files);
  if (!credentials.ok()) return credentials.status();
  return connect_over_tls(remote.server, *credentials);
}

}  // namespace outrigger::cli
