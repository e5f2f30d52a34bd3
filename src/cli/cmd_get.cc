// get: what is in force, as a table, as the YAML it was applied as, or as JSON.
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/columns.h"
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/kinds.h"

namespace outrigger::cli {

namespace {

struct Options {
  std::string kind;
  std::string name;
  std::string ns;
  std::string form = "table";
};

absl::StatusOr<v1::GetRequest> request_of(const Options& options) {
  v1::GetRequest request;
  request.set_namespace_(options.ns);
  if (!options.kind.empty() && options.kind != "all") {
    const auto kind = find_kind(options.kind);
    if (!kind.ok()) return kind.status();
    request.set_kind(std::string(kind->name));
  }
  const size_t slash = options.name.find('/');
  request.set_name(slash == std::string::npos ? options.name : options.name.substr(slash + 1));
  if (slash != std::string::npos) request.set_namespace_(options.name.substr(0, slash));
  return request;
}

void print_yaml(std::ostream& out, const v1::Objects& objects) {
  bool first = true;
  for (const v1::Object& object : objects.objects()) {
    if (!first) out << "---\n";
    first = false;
    out << object.document().text();
    if (!object.document().text().ends_with('\n')) out << '\n';
  }
}

// One object when one was named, else an array.
void print_json(std::ostream& out, const v1::Objects& objects, bool named) {
  Json array = Json::array();
  for (const v1::Object& object : objects.objects()) array.push_back(yaml_to_json(object.document().text()));
  out << (named && array.size() == 1 ? array.front() : array).dump(2) << '\n';
}

void get(Context& context, const Options& options) {
  const auto request = request_of(options);
  if (!request.ok()) return context.fail(request.status());
  const auto daemon = target(context);
  if (!daemon.ok()) return context.fail(daemon.status());
  const auto objects = daemon->api->get(*request);
  if (!objects.ok()) return context.fail(objects.status());
  if (objects->objects_size() == 0 && !options.name.empty()) {
    return context.fail(absl::StrCat(options.kind, " \"", options.name, "\" not found"));
  }
  if (options.form == "yaml") return print_yaml(context.out, *objects);
  if (options.form == "json") return print_json(context.out, *objects, !options.name.empty());
  if (objects->objects_size() == 0) {
    context.err << (request->kind().empty() ? "no objects" : absl::StrCat("no ", options.kind))
                << " in force\n";
    return;
  }
  print_objects(context.out, *objects, options.form == "wide");
  for (const v1::Object& object : objects->objects()) {
    if (object.refused().empty()) continue;
    context.err << object.key().kind() << ' ' << object.key().namespace_() << '/' << object.key().name()
                << " is not in force as written: " << object.refused() << '\n';
  }
}

}  // namespace

void add_get_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("get",
                                     "Show the objects in force.\n"
                                     "Example: outrigger get endpoints -n shop -o wide");
  command->add_option("kind", options->kind, "such as endpoints, networks, netpol; left out: every kind");
  command->add_option("name", options->name, "one object, or namespace/name");
  command->add_option("-n,--namespace", options->ns, "only this namespace")->type_name("NAMESPACE");
  command->add_option("-o,--output", options->form, "form of the result")
      ->check(CLI::IsMember({"table", "wide", "yaml", "json"}))
      ->type_name("table|wide|yaml|json");
  add_target_options(*command, context);
  command->callback([&context, options] { get(context, *options); });
}

}  // namespace outrigger::cli
