// logs: what both sides told, on one time line.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/commands.h"
#include "cli/daemon_call.h"
#include "cli/json.h"
#include "cli/log_lines.h"
#include "cli/table.h"
#include "outrigger/v1/journal.grpc.pb.h"

namespace outrigger::cli {

namespace {

constexpr auto kPatience = std::chrono::seconds(60);

struct Options {
  std::string service, domain, owner, incident, since;
  uint32_t limit = 1000;
  bool follow = false;
  bool streams = false;
  std::string form = "table";
};

struct Line {
  std::string node;
  v1::LogRecord record;
};

absl::StatusOr<v1::LogsRequest> request_of(const Options& options) {
  v1::LogsRequest request;
  absl::Duration since;
  if (!options.since.empty()) {
    if (!absl::ParseDuration(options.since, &since) || since <= absl::ZeroDuration())
      return absl::InvalidArgumentError(
          absl::StrCat("--since ", options.since, ": say how long ago, like 90s, 10m or 2h"));
    request.set_since_seconds(absl::ToDoubleSeconds(since));
  }
  request.set_service(options.service);
  request.set_domain(options.domain);
  request.set_owner(options.owner);
  request.set_incident(options.incident);
  request.set_limit(options.limit);
  request.set_follow(options.follow);
  return request;
}

class Printer {
 public:
  Printer(Context& context, bool json, bool nodes)
      : context_(context), json_(json), style_{context.terminal && !json, nodes} {}

  // False: nobody reads any more.
  bool print(const Line& line) {
    std::lock_guard guard(lock_);
    if (json_) {
      Json object = to_json(line.record);
      if (style_.nodes) object["node"] = line.node;
      context_.out << object.dump() << '\n';
    } else {
      if (!headed_) print_log_heading(context_.out, style_);
      headed_ = true;
      print_log(context_.out, line.record, line.node, style_);
    }
    context_.out << std::flush;
    return static_cast<bool>(context_.out);
  }

 private:
  Context& context_;
  const bool json_;
  const LogStyle style_;
  std::mutex lock_;
  bool headed_ = false;
};

// Hands each record to `take` until that says no.
template <typename Take>
absl::Status read(const Target& target, const v1::LogsRequest& request, const Take& take) {
  if (target.api->channel() == nullptr) return absl::UnavailableError("no channel to the daemon");
  const auto stub = v1::Journal::NewStub(target.api->channel());
  grpc::ClientContext call;
  if (!request.follow()) call.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto reader = stub->ReadLogs(&call, request);
  for (Line line{target.node, {}}; reader->Read(&line.record);) {
    if (take(line)) continue;
    call.TryCancel();
    (void)reader->Finish();
    return absl::OkStatus();
  }
  const grpc::Status status = reader->Finish();
  return to_status(status);
}

void follow(Context& context, const std::vector<Target>& all, const v1::LogsRequest& request,
            Printer& printer) {
  std::vector<std::thread> readers;
  std::mutex lock;
  for (const Target& target : all) {
    readers.emplace_back([&context, &target, &request, &printer, &lock] {
      const absl::Status status =
          read(target, request, [&](const Line& line) { return printer.print(line); });
      std::lock_guard guard(lock);
      if (!status.ok()) context.fail(target, status);
    });
  }
  for (std::thread& reader : readers) reader.join();
}

// Each node's records are in order; nodes are put together by their clocks.
void show(Context& context, const std::vector<Target>& all, const v1::LogsRequest& request,
          Printer& printer) {
  std::vector<Line> lines;
  for (const Target& target : all) {
    const absl::Status status = read(target, request, [&lines](const Line& line) {
      lines.push_back(line);
      return true;
    });
    if (!status.ok()) context.fail(target, status);
  }
  if (all.size() > 1) {
    std::ranges::stable_sort(lines, {}, [](const Line& line) { return line.record.time(); });
    if (lines.size() > request.limit())
      lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(request.limit()));
  }
  for (const Line& line : lines) printer.print(line);
}

void streams(Context& context, const std::vector<Target>& all, bool json) {
  Table table({"NODE", "SIDE", "SERVICE", "OWNER", ">RECORDS", ">BYTES", ">DROPPED", "OLDEST"});
  Json array = Json::array();
  for (const Target& target : all) {
    if (target.api->channel() == nullptr) return context.fail("no channel to the daemon");
    grpc::ClientContext call;
    call.set_deadline(std::chrono::system_clock::now() + kPatience);
    v1::StreamList list;
    const grpc::Status status = v1::Journal::NewStub(target.api->channel())->ListStreams(&call, {}, &list);
    if (!status.ok()) context.fail(target, to_status(status));
    for (const v1::Stream& one : list.streams()) {
      table.row({target.node.empty() ? "-" : target.node, one.side(), harmless(one.service()), one.owner(),
                 absl::StrCat(one.records()), binary(one.bytes()), absl::StrCat(one.dropped()),
                 one.oldest()});
      array.push_back(to_json(one));
      if (!target.node.empty()) array.back()["node"] = target.node;
    }
  }
  if (json) {
    context.out << array.dump(2) << '\n';
  } else {
    table.print(context.out);
  }
}

void logs(Context& context, const Options& options) {
  const auto request = request_of(options);
  if (!request.ok()) return context.fail(request.status());
  const auto all = targets(context);
  if (!all.ok()) return context.fail(all.status());
  const bool json = options.form == "json";
  if (options.streams) return streams(context, *all, json);
  Printer printer(context, json, !context.lab.empty());
  options.follow ? follow(context, *all, *request, printer) : show(context, *all, *request, printer);
}

}  // namespace

void add_logs_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("logs",
                         "Show what the DPU's and the host's services told, on one time line.\n"
                         "Example: outrigger logs --service policy --since 10m   (as they come: --follow)");
  command->add_option("--service", options->service, "of this service alone")->type_name("NAME");
  command->add_option("--domain", options->domain, "of this fault domain alone")
      ->check(CLI::IsMember({"application", "host", "dpu", "policy", "fabric", "fleet"}))
      ->type_name("DOMAIN");
  command->add_option("--owner", options->owner, "of the streams of this owner alone")->type_name("NAME");
  command->add_option("--since", options->since, "not older than this: 90s, 10m, 2h")->type_name("DURATION");
  command->add_option("--incident", options->incident, "of this incident and what follows from it")
      ->type_name("ID");
  command->add_option("--limit", options->limit, "the last so many")
      ->check(CLI::Range(1, 100'000))
      ->default_str("1000");
  command->add_flag("-f,--follow", options->follow, "go on as they come, until Ctrl-C");
  command->add_flag("--streams", options->streams, "who owns which stream, and what was dropped of each");
  command->add_option("-o,--output", options->form, "form of the result; json: one object a line")
      ->check(CLI::IsMember({"table", "json"}))
      ->type_name("table|json");
  add_target_options(*command, context);
  command->callback([&context, options] { logs(context, *options); });
}

}  // namespace outrigger::cli
