// explain: the question a policy's author asks first - why does this not get through?
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/table.h"

namespace outrigger::cli {

namespace {

struct Options {
  v1::ExplainRequest request;
  std::string source;
  std::string destination;
  std::string protocol = "tcp";
  uint32_t port = 0;
  uint32_t source_port = 0;
  std::string form = "text";
};

std::string describe(const v1::Identity& identity) {
  std::string text = identity.name();
  if (identity.address() != identity.name()) absl::StrAppend(&text, " (", identity.address(), ")");
  if (identity.node().empty()) return absl::StrCat(text, ": an address no endpoint has");
  std::map<std::string, std::string> labels(identity.labels().begin(), identity.labels().end());
  absl::StrAppend(&text, identity.behind_prefix() ? ": behind its endpoint" : "", " on ", identity.node(),
                  ", network ", identity.network());
  if (!labels.empty())
    absl::StrAppend(&text, ", labels ", absl::StrJoin(labels, ",", absl::PairFormatter("=")));
  return absl::StrCat(text, ", selected by ", identity.class_().empty() ? "no policy" : identity.class_());
}

void print_text(std::ostream& out, const v1::Explanation& why) {
  const std::string port = why.port() == 0 ? "" : absl::StrCat(" port ", why.port());
  out << absl::AsciiStrToUpper(why.verdict()) << "  " << why.source() << " -> " << why.destination() << ' '
      << why.protocol() << port << '\n';
  out << "  from    " << describe(why.source_identity()) << '\n';
  out << "  to      " << describe(why.destination_identity()) << '\n';
  if (!why.rule().empty()) out << "  rule    " << why.rule() << '\n';
  out << "  output  " << why.output() << '\n';
  if (!why.session().empty()) out << "  session " << why.session() << '\n';
  out << "  epoch   " << why.epoch() << ", generation " << why.generation() << "\n\n";
  Table table({"NODE", "SERVICE", "OUTCOME", "DETAIL"});
  bool computed = false;
  for (const v1::ExplainStep& step : why.steps()) {
    const bool elsewhere = step.from() == "desired_state";
    computed |= elsewhere;
    table.row(
        {absl::StrCat(step.node(), elsewhere ? "*" : ""), step.service(), step.outcome(), step.detail()});
  }
  table.print(out);
  if (computed)
    out << "* from desired state generation " << why.generation() << ", not asked of that node's engine\n";
}

// In a lab the node where the traffic starts answers best: its own tables are in force there.
absl::StatusOr<v1::Explanation> ask(const Context& context, const v1::ExplainRequest& request) {
  const auto all = targets(context);
  if (!all.ok()) return all.status();
  auto why = all->front().api->explain(request);
  if (!why.ok() || all->size() == 1) return why;
  for (const Target& target : *all) {
    if (target.node == why->source_identity().node() && &target != &all->front())
      return target.api->explain(request);
  }
  return why;
}

void explain(Context& context, const Options& options) {
  v1::ExplainRequest request;
  request.set_source(options.source);
  request.set_destination(options.destination);
  request.set_protocol(options.protocol);
  request.set_port(options.port);
  request.set_source_port(options.source_port);
  const auto why = ask(context, request);
  if (!why.ok()) return context.fail(why.status());
  if (options.form == "json") {
    context.out << to_json(*why).dump(2) << '\n';
  } else {
    print_text(context.out, *why);
  }
}

}  // namespace

void add_explain_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("explain",
                         "Ask the real classifier what would become of a packet, and why.\n"
                         "Example: outrigger explain shop/client-1 shop/web-1 --proto tcp --port 8080");
  command->add_option("source", options->source, "namespace/endpoint, endpoint or address")->required();
  command->add_option("destination", options->destination, "namespace/endpoint, endpoint or address")
      ->required();
  command
      ->add_option("--proto,--protocol", options->protocol, "tcp, udp, sctp, icmp or an IP protocol number")
      ->type_name("NAME");
  command->add_option("--port", options->port, "destination port")
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT");
  command->add_option("--source-port", options->source_port, "source port; an ephemeral one when left out")
      ->check(CLI::Range(1, 65535))
      ->type_name("PORT");
  command->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("text|json");
  add_target_options(*command, context);
  command->callback([&context, options] {
    const std::string protocol = absl::AsciiStrToLower(options->protocol);
    const bool ports = protocol == "tcp" || protocol == "udp" || protocol == "sctp";
    if (ports && options->port == 0) throw CLI::RequiredError("--port with --proto " + protocol);
    if (!ports && options->port != 0) throw CLI::ValidationError("--port", protocol + " has no ports");
    explain(context, *options);
  });
}

}  // namespace outrigger::cli
