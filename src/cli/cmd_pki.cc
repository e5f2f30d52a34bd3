// pki: certificates for a fleet that has no authority of its own.
#include <unistd.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/number_option.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/table.h"
#include "dpu/secure/pki.h"

namespace outrigger::cli {

namespace {

using secure::Leaf;
using secure::Overwrite;
using secure::Pki;
using secure::Role;

struct Options {
  std::string folder;
  std::string trust_domain = secure::kDefaultTrustDomain;
  std::string role;
  std::string name;
  std::string node;
  std::vector<std::string> addresses;
  double days = absl::ToDoubleHours(secure::kLeafLife) / 24;
  bool force = false;
  bool forget = false;
  std::string form = "table";
  [[nodiscard]] Overwrite overwrite() const { return force ? Overwrite::kYes : Overwrite::kNo; }
};

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string when(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone());
}

std::string left(absl::Time until) {
  const absl::Duration rest = until - absl::Now();
  if (rest <= absl::ZeroDuration()) return "expired";
  if (rest < absl::Hours(48)) return absl::StrFormat("%.1fh", absl::ToDoubleHours(rest));
  return absl::StrFormat("%.0fd", absl::ToDoubleHours(rest) / 24);
}

void print(Context& context, const Options& options, const std::vector<Leaf>& leaves) {
  Table table({"ROLE", "NAME", ">LEFT", "EXPIRES", "FILE"});
  Json array = Json::array();
  for (const Leaf& leaf : leaves) {
    const std::string role(secure::name(leaf.identity.role));
    table.row({role, leaf.identity.name, left(leaf.not_after), when(leaf.not_after), leaf.path});
    array.push_back(Json{{"role", role},
                         {"name", leaf.identity.name},
                         {"uri", leaf.identity.uri()},
                         {"hosts", leaf.hosts},
                         {"not_before", when(leaf.not_before)},
                         {"not_after", when(leaf.not_after)},
                         {"serial", leaf.serial},
                         {"file", leaf.path}});
  }
  if (options.form == "json") {
    context.out << array.dump(2) << '\n';
  } else if (leaves.empty()) {
    context.out << "no certificates in " << options.folder << '\n';
  } else {
    table.print(context.out);
  }
}

void init(Context& context, const Options& options) {
  auto pki = Pki::init(options.folder, options.trust_domain, options.overwrite());
  if (!pki.ok()) return context.fail(pki.status());
  const auto server = pki->issue(
      {Role::kDpu, options.node, options.addresses, absl::Hours(24) * options.days}, options.overwrite());
  if (!server.ok()) return context.fail(server.status());
  if (options.form == "table") {
    context.out << "authority of " << options.trust_domain << " in " << options.folder
                << ": keep ca.key to yourself, give ca.crt to all, bundle.key to DPUs, bundle.pub to hosts\n";
  }
  print(context, options, {*server});
}

void issue(Context& context, const Options& options) {
  auto pki = Pki::open(options.folder);
  if (!pki.ok()) return context.fail(pki.status());
  const auto leaf = pki->issue(
      {*secure::role_of(options.role), options.name, options.addresses, absl::Hours(24) * options.days},
      options.overwrite());
  if (!leaf.ok()) return context.fail(leaf.status());
  print(context, options, {*leaf});
}

void rotate(Context& context, const Options& options) {
  auto pki = Pki::open(options.folder);
  if (!pki.ok()) return context.fail(pki.status());
  const auto renewed =
      pki->rotate(options.name.empty() ? std::nullopt : std::optional<std::string>(options.name));
  if (!renewed.ok()) return context.fail(renewed.status());
  print(context, options, *renewed);
}

void renew_authority(Context& context, const Options& options) {
  auto pki = Pki::open(options.folder);
  const absl::Status status = !pki.ok()        ? pki.status()
                              : options.forget ? pki->forget_old_authorities()
                                               : pki->renew_authority();
  if (!status.ok()) return context.fail(status);
  if (options.form == "json") {
    context.out << Json{{"authority", options.folder + "/ca.crt"}, {"forgot", options.forget}}.dump(2)
                << '\n';
  } else if (options.forget) {
    context.out << options.folder << "/ca.crt: the older authorities are trusted no longer\n";
  } else {
    context.out
        << options.folder
        << "/ca.crt: a new authority, and the old one beside it; give it to all, then `pki rotate`, then "
           "`pki authority --forget`\n";
  }
}

void list(Context& context, const Options& options) {
  const auto pki = Pki::open(options.folder);
  if (!pki.ok()) return context.fail(pki.status());
  const auto leaves = pki->list();
  if (!leaves.ok()) return context.fail(leaves.status());
  print(context, options, *leaves);
}

using Action = void (*)(Context&, const Options&);

CLI::App* add(CLI::App& pki, Context& context, const std::shared_ptr<Options>& options, const char* name,
              const char* help, Action action) {
  auto* command = pki.add_subcommand(name, help);
  command->add_option("--folder", options->folder, "where the authority and its certificates are")
      ->required()
      ->type_name("FOLDER");
  command->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  command->callback([&context, options, action] { action(context, *options); });
  return command;
}

void add_life(CLI::App& command, Options& options) {
  command
      .add_option("--address", options.addresses,
                  "of a DPU: name or address that clients dial; may be repeated")
      ->type_name("ADDRESS");
  command.add_option("--days", options.days, "days it is valid")
      ->check(NumberBetween(0.001, 3650.0))
      ->type_name("N")
      ->default_str("90");
  command.add_flag("--force", options.force, "replace what is there");
}

}  // namespace

void add_pki_commands(CLI::App& app, Context& context) {
  auto* pki = app.add_subcommand(
      "pki",
      "Make and renew certificates for the API and the host link.\n"
      "Example: outrigger pki issue --folder /etc/outrigger/pki --role operator --name alice");
  pki->require_subcommand(1);
  auto options = std::make_shared<Options>();
  options->node = host_name();
  auto* first =
      add(*pki, context, options, "init",
          "Make an authority, a DPU's certificate and the key that signs host bundles.\n"
          "Example: outrigger pki init --folder /etc/outrigger/pki --node host-a --address 10.0.0.1",
          init);
  first->add_option("--trust-domain", options->trust_domain, "of every identity")
      ->type_name("NAME")
      ->default_str(secure::kDefaultTrustDomain);
  first->add_option("--node", options->node, "the DPU's Node; this machine's name when left out")
      ->type_name("NODE");
  add_life(*first, *options);
  auto* one = add(*pki, context, options, "issue",
                  "Make a certificate.  Names of hosts and DPUs are those of their Nodes.\n"
                  "Example: outrigger pki issue --folder /etc/outrigger/pki --role host --name host-a",
                  issue);
  one->add_option("--role", options->role, "what it may do")
      ->required()
      ->check(CLI::IsMember({"viewer", "operator", "policy-admin", "host", "fleet", "dpu"}))
      ->type_name("viewer|operator|policy-admin|host|fleet|dpu");
  one->add_option("--name", options->name, "whose it is")->required()->type_name("NAME");
  add_life(*one, *options);
  auto* again = add(*pki, context, options, "rotate",
                    "Make every certificate anew, with new keys; what runs picks them up by itself.\n"
                    "Example: outrigger pki rotate --folder /etc/outrigger/pki",
                    rotate);
  again->add_option("--name", options->name, "only this one, as operator-alice")->type_name("ROLE-NAME");
  auto* authority =
      add(*pki, context, options, "authority",
          "Replace the authority: first trust a new one as well, at last forget the old.\n"
          "Example: outrigger pki authority --folder pki && outrigger pki rotate --folder pki && "
          "outrigger pki authority --folder pki --forget",
          renew_authority);
  authority->add_flag("--forget", options->forget, "trust the newest authority alone");
  add(*pki, context, options, "list",
      "List certificates and when they expire.\nExample: outrigger pki list --folder /etc/outrigger/pki",
      list);
}

}  // namespace outrigger::cli
