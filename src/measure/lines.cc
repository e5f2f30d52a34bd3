#include "measure/lines.h"

#include "absl/strings/str_cat.h"
#include "measure/boundary.h"

namespace outrigger::measure {

namespace {

Json json_of(const Machine& machine) {
  return {{"host", machine.host},           {"kernel", machine.kernel},
          {"cpu_model", machine.cpu_model}, {"machine_id", machine.machine_id},
          {"boot_id", machine.boot_id},     {"cpus", machine.cpus},
          {"memory", machine.memory}};
}

Machine read_machine(const Json& json, const std::string& where, absl::Status& status) {
  Fields fields(json, where, status);
  Machine out;
  out.host = fields.text("host");
  out.kernel = fields.text("kernel");
  out.cpu_model = fields.text("cpu_model");
  out.machine_id = fields.text("machine_id");
  out.boot_id = fields.text("boot_id");
  out.cpus = static_cast<uint32_t>(fields.count("cpus", 1 << 20));
  out.memory = fields.count("memory", UINT64_MAX);
  fields.nothing_else();
  return out;
}

Json json_of(const Work& work) {
  return {{"protocol", work.protocol},
          {"target", work.target},
          {"rate", work.rate},
          {"budget_ms", work.budget_ms}};
}

Work read_work(const Json& json, const std::string& where, absl::Status& status) {
  Fields fields(json, where, status);
  Work out{.protocol = fields.text("protocol"),
           .target = fields.text("target"),
           .rate = fields.number("rate"),
           .budget_ms = fields.number("budget_ms")};
  fields.nothing_else();
  return out;
}

Json json_of(const Place& place) {
  return {{"experiment", place.experiment}, {"block", place.block}, {"order", place.order}};
}

Place read_place(const Json& json, const std::string& where, absl::Status& status) {
  Fields fields(json, where, status);
  Place out{.experiment = fields.text("experiment"),
            .block = static_cast<uint32_t>(fields.count("block", kMostCount)),
            .order = static_cast<uint32_t>(fields.count("order", kMostCount))};
  fields.nothing_else();
  return out;
}

Json json_of(const PrivilegedService& one) {
  return {{"name", one.name}, {"task", one.task}, {"weight", one.weight}, {"why", one.why}};
}

Json json_of(const BoundaryTest& one) {
  return {{"name", one.name}, {"held", one.held}, {"evidence", one.evidence}};
}

Json json_of(const Incident& one) {
  return {{"domain", one.domain},     {"kind", one.kind},   {"summary", one.summary},
          {"detect_s", one.detect_s}, {"act_s", one.act_s}, {"recover_s", one.recover_s},
          {"at_s", one.at_s}};
}

Json json_of(const Cost& cost) {
  return {{"dpu_cpu", cost.dpu_cpu}, {"dpu_memory", cost.dpu_memory}, {"blackout_ms", cost.blackout_ms}};
}

template <typename Thing>
Json list_of(const std::vector<Thing>& things) {
  Json out = Json::array();
  for (const Thing& one : things) out.push_back(json_of(one));
  return out;
}

// Calls take(fields) for each entry of a list of objects.
void each(const Json& list, const std::string& where, absl::Status& status, auto take) {
  for (size_t i = 0; i < list.size() && status.ok(); ++i) {
    Fields fields(list[i], absl::StrCat(where, " ", i + 1), status);
    take(fields);
    fields.nothing_else();
  }
}

void read_privileged(const Json& list, const std::string& where, Measurement& into, absl::Status& status) {
  auto& out = into.privileged.emplace();
  each(list, absl::StrCat(where, ": privileged"), status, [&](Fields& fields) {
    out.push_back({fields.text("name"), fields.text("task"), fields.number("weight"), fields.text("why")});
  });
}

void read_incidents(const Json& list, const std::string& where, Measurement& into, absl::Status& status) {
  auto& out = into.incidents.emplace();
  each(list, absl::StrCat(where, ": incidents"), status, [&](Fields& fields) {
    Incident one{
        .domain = fields.text("domain"), .kind = fields.text("kind"), .summary = fields.text("summary")};
    one.detect_s = fields.number("detect_s", -kMostNumber);
    one.act_s = fields.number("act_s", -kMostNumber);
    one.recover_s = fields.number("recover_s", -kMostNumber);
    one.at_s = fields.number("at_s", -kMostNumber);
    out.push_back(std::move(one));
  });
}

Cost read_cost(const Json& json, const std::string& where, absl::Status& status) {
  Fields fields(json, where, status);
  Cost out{.dpu_cpu = fields.number("dpu_cpu", -1), .dpu_memory = fields.whole("dpu_memory", -1)};
  for (const Json& one : fields.list("blackout_ms")) {
    const double blackout = one.is_number() ? one.get<double>() : -1;
    if ((blackout < 0 || blackout > kMostNumber) && status.ok())
      status = absl::InvalidArgumentError(absl::StrCat(where, ": blackout_ms: times in ms expected"));
    out.blackout_ms.push_back(blackout);
  }
  fields.nothing_else();
  return out;
}

}  // namespace

std::string dump(const Json& line) { return line.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json head_of(const Measurement& measurement) {
  return {{"format", kFormat},
          {"label", measurement.label},
          {"started_at", measurement.started_at},
          {"machine", json_of(measurement.machine)},
          {"work", json_of(measurement.work)},
          {"place", json_of(measurement.place)},
          {"placement", measurement.placement}};
}

Json notes_of(const Measurement& measurement) {
  Json out = {{"notes", measurement.notes}};
  if (measurement.privileged.has_value()) out["privileged"] = list_of(*measurement.privileged);
  if (measurement.boundary.has_value()) out["boundary"] = list_of(*measurement.boundary);
  if (measurement.incidents.has_value()) out["incidents"] = list_of(*measurement.incidents);
  out["cost"] = json_of(measurement.cost);
  return out;
}

void read_head(const Json& line, const std::string& where, Measurement& into, absl::Status& status) {
  Fields fields(line, where, status);
  if (const std::string format = fields.text("format"); format != kFormat && status.ok())
    status = absl::InvalidArgumentError(
        absl::StrCat(where, ": format \"", format, "\"; this program reads ", std::string(kFormat)));
  into.label = fields.text("label");
  into.started_at = fields.text("started_at");
  into.machine = read_machine(fields.object("machine"), absl::StrCat(where, ": machine"), status);
  into.work = read_work(fields.object("work"), absl::StrCat(where, ": work"), status);
  into.place = read_place(fields.object("place"), absl::StrCat(where, ": place"), status);
  const Json& placement = fields.object("placement");
  Fields services(placement, absl::StrCat(where, ": placement"), status);
  for (const auto& [service, at] : placement.items()) into.placement[service] = services.text(service);
  fields.nothing_else();
}

void read_notes(const Json& line, const std::string& where, Measurement& into, absl::Status& status) {
  Fields fields(line, where, status);
  for (const Json& note : fields.list("notes")) {
    if (!note.is_string() && status.ok())
      status = absl::InvalidArgumentError(absl::StrCat(where, ": notes: texts expected"));
    into.notes.push_back(note.is_string() ? note.get<std::string>() : "");
  }
  if (fields.has("privileged")) read_privileged(fields.list("privileged"), where, into, status);
  if (fields.has("boundary"))
    into.boundary = read_tests(fields.list("boundary"), absl::StrCat(where, ": boundary"), status);
  if (fields.has("incidents")) read_incidents(fields.list("incidents"), where, into, status);
  into.cost = read_cost(fields.object("cost"), absl::StrCat(where, ": cost"), status);
  fields.nothing_else();
}

}  // namespace outrigger::measure
