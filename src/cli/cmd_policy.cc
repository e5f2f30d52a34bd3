// policy check: what explain says of policy, from files alone.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "compiler/policy_check.h"
#include "manifest/check.h"

namespace outrigger::cli {

namespace {

struct Options {
  std::vector<std::string> files;
  std::vector<std::string> flows;
  std::vector<std::string> flow_files;
  std::string form = "table";
};

bool read_objects(Context& context, const Options& options, std::vector<manifest::Document>& documents) {
  manifest::Reading reading = read_all(options.files);
  std::vector<const manifest::Object*> objects;
  for (const manifest::Document& document : reading.documents) objects.push_back(&document.object);
  std::vector<manifest::Fault> more = manifest::check(objects);
  if (!reading.faults.empty()) more = not_about(reading.faults, std::move(more));
  reading.faults.insert(reading.faults.end(), more.begin(), more.end());
  for (const manifest::Fault& fault : reading.faults) context.err << fault.str() << '\n';
  if (!reading.faults.empty()) context.fail(plural(reading.faults.size(), "fault"));
  documents = std::move(reading.documents);
  return reading.faults.empty();
}

bool read_flows(Context& context, const Options& options, std::vector<compiler::FlowSpec>& flows) {
  for (const std::string& text : options.flows) {
    const auto flow = compiler::parse_flow(text);
    if (!flow.ok()) throw CLI::ValidationError("--flow", std::string(flow.status().message()));
    flows.push_back(*flow);
  }
  for (const std::string& path : options.flow_files) {
    const auto text = read_text(path);
    const auto more = text.ok() ? compiler::parse_flows(*text, path) : text.status();
    if (!more.ok()) {
      context.fail(more.status());
      return false;
    }
    flows.insert(flows.end(), more->begin(), more->end());
  }
  return true;
}

const char* verdict_of(const compiler::Verdict& verdict) { return verdict.allowed ? "allow" : "deny"; }

void print(Context& context, const Options& options, const std::vector<compiler::Verdict>& verdicts) {
  if (options.form == "json") {
    std::string lines;
    for (const compiler::Verdict& verdict : verdicts)
      absl::StrAppend(&lines, compiler::to_json(verdict), "\n");
    context.out << lines;
    return;
  }
  Table table({"VERDICT", "SOURCE", "DESTINATION", "PROTO", ">PORT", "RULE"});
  for (const compiler::Verdict& verdict : verdicts) {
    table.row({verdict_of(verdict), verdict.source, verdict.destination, verdict.protocol,
               verdict.port == 0 ? "" : absl::StrCat(verdict.port),
               verdict.rule.empty() ? "no policy" : verdict.rule});
  }
  if (!table.empty()) table.print(context.out);
}

void check(Context& context, const Options& options) {
  std::vector<compiler::FlowSpec> flows;
  if (!read_flows(context, options, flows)) return;
  std::vector<manifest::Document> documents;
  if (!read_objects(context, options, documents)) return;
  std::vector<const manifest::Object*> objects;
  for (const manifest::Document& document : documents) objects.push_back(&document.object);
  const auto checker = compiler::PolicyCheck::build(objects);
  if (!checker.ok()) return context.fail(checker.status());
  std::vector<compiler::Verdict> verdicts;
  verdicts.reserve(flows.size());
  for (const compiler::FlowSpec& flow : flows) {
    auto verdict = checker->check(flow);
    if (verdict.ok()) {
      verdicts.push_back(*std::move(verdict));
    } else {
      context.fail(verdict.status());
    }
  }
  print(context, options, verdicts);
}

}  // namespace

void add_policy_commands(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* policy = app.add_subcommand("policy",
                                    "Ask policies questions, with no daemon.\n"
                                    "Example: outrigger policy check -f examples/two-hosts --flow "
                                    "shop/client-1,shop/web-1,tcp,8080");
  policy->require_subcommand(1);
  auto* checking = policy->add_subcommand(
      "check",
      "Judge flows by manifests alone; either side may be an endpoint, a pod or an address.\n"
      "Example: outrigger policy check -f examples/two-hosts --flow shop/web-1,shop/db-1,tcp,6379 -o json");
  checking->add_option("-f,--filename", options->files, "manifests: files, folders, or -")
      ->required()
      ->type_name("PATH");
  checking->add_option("--flow", options->flows, "a flow; may be given again")
      ->type_name("SOURCE,DESTINATION,PROTOCOL,PORT");
  checking->add_option("--flows", options->flow_files, "a file with one flow a line")->type_name("FILE");
  checking->add_option("-o,--output", options->form, "table, or json: one object a line for each flow")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  checking->callback([&context, options] {
    if (options->flows.empty() && options->flow_files.empty()) throw CLI::RequiredError("--flow or --flows");
    check(context, *options);
  });
}

}  // namespace outrigger::cli
