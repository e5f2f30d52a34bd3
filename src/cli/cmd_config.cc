// validate, apply, diff, delete: manifests in.
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/kinds.h"
#include "cli/nodes.h"
#include "cli/table.h"
#include "cli/text_diff.h"
#include "compiler/compiler.h"
#include "manifest/check.h"

namespace outrigger::cli {

namespace {

struct Options {
  std::vector<std::string> files;
  bool dry_run = false;
  std::string kind;
  std::vector<std::string> names;
  std::string ns;
};

std::vector<manifest::Fault> check(const std::vector<manifest::Document>& documents) {
  std::vector<const manifest::Object*> objects;
  for (const manifest::Document& document : documents) objects.push_back(&document.object);
  return manifest::check(objects);
}

// What only the compiler knows: whether each dpu node can be given this.
std::vector<manifest::Fault> compile_all(const std::vector<manifest::Document>& documents) {
  std::vector<manifest::Fault> faults;
  std::vector<const manifest::Object*> objects;
  for (const manifest::Document& document : documents) objects.push_back(&document.object);
  for (const manifest::Object* object : objects) {
    const auto* node = std::get_if<manifest::Node>(object);
    if (node == nullptr || node->kind != manifest::Node::Kind::kDpu) continue;
    compiler::Ids ids;
    const auto compiled = compiler::compile(objects, node->meta.name, {"uplink", "endpoint%u"}, ids);
    if (!compiled.ok()) {
      faults.push_back(
          {node->meta.at, manifest::name(*object), "", std::string(compiled.status().message())});
    }
  }
  return faults;
}

void validate(Context& context, const Options& options) {
  manifest::Reading reading = read_all(options.files);
  std::vector<manifest::Fault> more = check(reading.documents);
  if (!reading.faults.empty()) more = not_about(reading.faults, std::move(more));
  if (more.empty() && reading.faults.empty()) more = compile_all(reading.documents);
  reading.faults.insert(reading.faults.end(), more.begin(), more.end());
  if (reading.faults.empty()) {
    context.out << plural(reading.documents.size(), "object") << " valid\n";
    return;
  }
  for (const manifest::Fault& fault : reading.faults) context.err << fault.str() << '\n';
  context.fail(plural(reading.faults.size(), "fault"));
}

// Reads the files; reports what is wrong with them, and with the rest of the batch if a daemon can tell.
bool read_batch(Context& context, const Options& options, v1::Batch& batch) {
  manifest::Reading reading = read_all(options.files);
  batch = to_batch(reading.documents);
  if (reading.faults.empty() && !reading.documents.empty()) return true;
  if (reading.faults.empty()) {
    context.fail(absl::StrCat("no objects in ", options.files.front()));
    return false;
  }
  const auto first = target(context);
  if (const auto planned = first.ok() ? first->api->plan(batch) : first.status(); planned.ok()) {
    std::vector<manifest::Fault> more;
    for (const v1::Fault& fault : planned->faults()) more.push_back(to_fault(fault));
    more = not_about(reading.faults, std::move(more));
    reading.faults.insert(reading.faults.end(), more.begin(), more.end());
  }
  print_faults(context.err, reading.faults);
  context.code = kError;
  return false;
}

void apply(Context& context, const Options& options) {
  v1::Batch batch;
  if (read_batch(context, options, batch)) apply_everywhere(context, batch, options.dry_run);
}

bool print_diff(std::ostream& out, const v1::Change& change) {
  if (change.outcome() == v1::UNCHANGED) return false;
  const std::string name = absl::StrCat(singular(change.key().kind()), "/", change.key().namespace_(),
                                        change.key().namespace_().empty() ? "" : "/", change.key().name());
  out << "--- in force: " << (change.outcome() == v1::CREATED ? "(none)" : name) << '\n'
      << "+++ in files: " << (change.outcome() == v1::DELETED ? "(none)" : name) << '\n'
      << unified_diff(change.before(), change.after());
  return true;
}

void diff(Context& context, const Options& options) {
  v1::Batch batch;
  if (!read_batch(context, options, batch)) return;
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  for (const Target& target : *all) {
    const auto planned = target.api->plan(batch);
    if (!planned.ok()) return context.fail(planned.status());
    std::vector<manifest::Fault> faults;
    for (const v1::Fault& fault : planned->faults()) faults.push_back(to_fault(fault));
    print_faults(context.err, faults);
    if (!faults.empty()) {
      context.code = kError;
      return;
    }
    if (all->size() > 1) context.out << "# node " << target.node << '\n';
    for (const v1::Change& change : planned->changes()) {
      if (print_diff(context.out, change)) context.code = kDiffers;
    }
  }
}

// The one object a user means; a namespace need be given only when several have the name.
absl::StatusOr<v1::Key> find_object(Api& api, const Kind& kind, const Options& options,
                                    const std::string& text) {
  v1::GetRequest request;
  request.set_kind(std::string(kind.name));
  const size_t slash = text.find('/');
  request.set_namespace_(slash == std::string::npos ? options.ns : text.substr(0, slash));
  request.set_name(slash == std::string::npos ? text : text.substr(slash + 1));
  const auto found = api.get(request);
  if (!found.ok()) return found.status();
  if (found->objects_size() == 1) return found->objects(0).key();
  if (found->objects_size() == 0)
    return absl::NotFoundError(absl::StrCat(kind.singular, " \"", text, "\" not found"));
  std::string namespaces;
  for (const v1::Object& object : found->objects()) {
    absl::StrAppend(&namespaces, namespaces.empty() ? "" : ", ", object.key().namespace_());
  }
  return absl::InvalidArgumentError(
      absl::StrCat(kind.singular, " \"", text, "\" exists in ", namespaces, "; choose one with -n"));
}

void remove(Context& context, const Options& options) {
  v1::Batch batch;
  if (!options.files.empty()) {
    manifest::Reading reading = read_all(options.files);
    print_faults(context.err, reading.faults);
    if (!reading.faults.empty()) {
      context.code = kError;
      return;
    }
    for (const manifest::Document& document : reading.documents)
      *batch.add_deletions() = key_of(document.object);
  } else {
    const auto kind = find_kind(options.kind);
    if (!kind.ok()) return context.fail(kind.status());
    const auto first = target(context);
    if (!first.ok()) return context.fail(first.status());
    for (const std::string& name : options.names) {
      const auto key = find_object(*first->api, *kind, options, name);
      if (!key.ok()) return context.fail(key.status());
      *batch.add_deletions() = *key;
    }
  }
  apply_everywhere(context, batch, options.dry_run);
}

CLI::Option* add_files(CLI::App& command, Options& options) {
  return command.add_option("-f,--filename", options.files, "files, folders, or - for standard input")
      ->type_name("PATH");
}

}  // namespace

void add_config_commands(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* validating =
      app.add_subcommand("validate",
                         "Check manifests without a daemon; every fault by file, line and field.\n"
                         "Example: outrigger validate -f examples/two-hosts");
  add_files(*validating, *options)->required();
  validating->callback([&context, options] { validate(context, *options); });

  auto* applying =
      app.add_subcommand("apply",
                         "Put manifests in force, all of them or none.\n"
                         "Example: outrigger apply -f web.yaml -f policies/   (or: cat web.yaml | "
                         "outrigger apply -f -)");
  add_files(*applying, *options)->required();
  applying->add_flag("--dry-run", options->dry_run, "say what would change, and change nothing");
  add_target_options(*applying, context);
  applying->callback([&context, options] { apply(context, *options); });

  auto* differing =
      app.add_subcommand("diff",
                         "Show what apply would change; exit code 3 when it would change anything.\n"
                         "Example: outrigger diff -f examples/two-hosts");
  add_files(*differing, *options)->required();
  add_target_options(*differing, context);
  differing->callback([&context, options] { diff(context, *options); });

  auto* removing =
      app.add_subcommand("delete",
                         "Take objects out of force, all of them or none.\n"
                         "Example: outrigger delete networkpolicy web -n shop   (or: outrigger delete "
                         "-f web.yaml)");
  auto* files = add_files(*removing, *options);
  auto* kind = removing->add_option("kind", options->kind, "such as endpoint, network, networkpolicy");
  auto* names = removing->add_option("name", options->names, "names, or namespace/name");
  removing->add_option("-n,--namespace", options->ns, "namespace of the names")->type_name("NAMESPACE");
  removing->add_flag("--dry-run", options->dry_run, "say what would change, and change nothing");
  kind->needs(names)->excludes(files);
  add_target_options(*removing, context);
  removing->callback([&context, options] {
    if (options->files.empty() && options->kind.empty()) throw CLI::RequiredError("KIND NAME, or -f");
    remove(context, *options);
  });
}

}  // namespace outrigger::cli
