#include "cli/nodes.h"

#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/batch.h"
#include "cli/kinds.h"
#include "cli/request_id.h"

namespace outrigger::cli {

namespace {

std::string on(const Target& target) {
  return target.node.empty() ? "" : absl::StrCat("node ", target.node, ": ");
}

absl::Status at(const Target& target, const absl::Status& status) {
  return {status.code(), absl::StrCat(on(target), status.message())};
}

std::vector<manifest::Fault> faults_of(const v1::Planned& planned) {
  std::vector<manifest::Fault> faults;
  for (const v1::Fault& fault : planned.faults()) faults.push_back(to_fault(fault));
  return faults;
}

// True when every target would take the batch.
bool accepted_by_all(Context& context, const std::vector<Target>& all, const v1::Batch& batch,
                     v1::Planned& first) {
  for (const Target& target : all) {
    const auto planned = target.api->plan(batch);
    if (!planned.ok()) {
      context.fail(at(target, planned.status()));
      return false;
    }
    if (planned->faults_size() > 0) {
      context.err << on(target) << (target.node.empty() ? "" : "\n");
      print_faults(context.err, faults_of(*planned));
      context.code = kError;
      return false;
    }
    if (&target == &all.front()) first = *planned;
  }
  return true;
}

void apply_on_each(Context& context, const std::vector<Target>& all, const v1::Batch& batch) {
  for (const Target& target : all) {
    const auto applied = target.api->apply(batch);
    if (!applied.ok()) {
      context.fail(at(target, applied.status()));
      continue;
    }
    if (&target == &all.front()) print_changes(context.out, applied->changes(), "");
    if (!target.node.empty()) {
      context.err << "node " << target.node << ": generation " << applied->generation() << " in force\n";
    }
  }
}

// One daemon need not be asked twice: what it turns down it has not changed.
void apply_on_one(Context& context, const Target& target, const v1::Batch& batch) {
  const auto applied = target.api->apply(batch);
  if (applied.ok()) return print_changes(context.out, applied->changes(), "");
  v1::Planned ignored;
  if (absl::IsInvalidArgument(applied.status()) && !accepted_by_all(context, {target}, batch, ignored))
    return;
  context.fail(applied.status());
}

absl::Status apply_text(Api& api, std::string_view yaml) {
  const manifest::Reading reading = manifest::read(yaml, "lab");
  if (!reading.faults.empty()) return absl::InvalidArgumentError(reading.faults.front().str());
  return api.apply(to_batch(reading.documents)).status();
}

absl::StatusOr<std::string> all_text(Api& api) {
  const auto objects = api.get({});
  if (!objects.ok()) return objects.status();
  std::string yaml;
  for (const v1::Object& object : objects->objects()) {
    absl::StrAppend(&yaml, yaml.empty() ? "" : "---\n", object.document().text());
    if (!yaml.ends_with('\n')) yaml += '\n';
  }
  return yaml;
}

absl::StatusOr<std::map<std::string, std::string>> devices(Api& api) {
  const auto stats = api.stats();
  if (!stats.ok()) return stats.status();
  std::map<std::string, std::string> found;
  for (const v1::PortStats& port : stats->ports()) {
    if (!port.endpoint().empty()) found[port.endpoint() == "uplink" ? "" : port.endpoint()] = port.device();
  }
  return found;
}

}  // namespace

void print_changes(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::Change>& changes,
                   std::string_view suffix) {
  for (const v1::Change& change : changes) {
    out << singular(change.key().kind()) << '/' << change.key().name() << ' '
        << absl::AsciiStrToLower(v1::Outcome_Name(change.outcome())) << suffix << '\n';
  }
}

absl::StatusOr<Target> only(const std::vector<Target>& all) {
  if (all.size() == 1) return all.front();
  const std::string names = absl::StrJoin(
      all, "|", [](std::string* out, const Target& target) { absl::StrAppend(out, target.node); });
  return absl::InvalidArgumentError(absl::StrCat("which node? --node ", names));
}

absl::StatusOr<Target> target_to_change(const Context& context) {
  const auto all = targets(context);
  if (!all.ok()) return all.status();
  return only(*all);
}

void apply_everywhere(Context& context, v1::Batch batch, bool dry_run) {
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  batch.set_request_id(request_id());
  v1::Planned plan;
  if (all->size() == 1 && !dry_run) {
    apply_on_one(context, all->front(), batch);
  } else {
    if (!accepted_by_all(context, *all, batch, plan)) return;
    if (dry_run) return print_changes(context.out, plan.changes(), " (dry run)");
    apply_on_each(context, *all, batch);
  }
  if (context.lab.empty() || context.code != kOk) return;
  if (absl::Status status = lab::sync(context.lab, lab_api(context.connect)); !status.ok())
    context.fail(status);
}

lab::NodeApi lab_api(const Connect& connect) {
  return {
      .apply = [connect](const lab::NodeSocket& node,
                         std::string_view yaml) { return apply_text(*connect(node.path), yaml); },
      .get = [connect](const lab::NodeSocket& node) { return all_text(*connect(node.path)); },
      .devices = [connect](const lab::NodeSocket& node) { return devices(*connect(node.path)); },
  };
}

}  // namespace outrigger::cli
