#include "dpu/journal/service.h"

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <thread>

#include "base/record_wire.h"
#include "dpu/journal/answers.h"
#include "outrigger/v1/journal.grpc.pb.h"

namespace outrigger::agent {

namespace {

constexpr auto kLook = std::chrono::milliseconds(100);  // for what is new
constexpr int kMostFollowers = 16;                      // each holds a thread

grpc::Status status_of(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

class JournalService final : public v1::Journal::Service {
 public:
  explicit JournalService(Journal& journal) : journal_(journal) {}

  grpc::Status ReadLogs(grpc::ServerContext* context, const v1::LogsRequest* request,
                        grpc::ServerWriter<v1::LogRecord>* writer) override {
    const auto query = query_of(*request, journal_.incidents());
    if (!query.ok()) return status_of(query.status());
    if (!request->follow()) {
      (void)send(journal_.read(*query), *writer);
      return grpc::Status::OK;
    }
    if (followers_.fetch_add(1) >= kMostFollowers) {
      --followers_;
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "16 calls follow the logs already; end one of them"};
    }
    follow(*context, *query, *writer);
    --followers_;
    return grpc::Status::OK;
  }

  grpc::Status ListIncidents(grpc::ServerContext*, const v1::IncidentsRequest* request,
                             v1::IncidentList* reply) override {
    auto list = list_incidents(journal_.incidents(), *request, journal_.node());
    if (!list.ok()) return status_of(list.status());
    *reply = *std::move(list);
    return grpc::Status::OK;
  }

  grpc::Status ListStreams(grpc::ServerContext*, const v1::ListStreamsRequest*,
                           v1::StreamList* reply) override {
    *reply = list_streams(journal_.streams());
    return grpc::Status::OK;
  }

 private:
  static bool send(const std::vector<Record>& records, grpc::ServerWriter<v1::LogRecord>& writer) {
    for (const Record& record : records) {
      v1::LogRecord wire;
      to_wire(record, wire);
      if (!writer.Write(wire)) return false;
    }
    return true;
  }

  void follow(grpc::ServerContext& context, const LogQuery& query,
              grpc::ServerWriter<v1::LogRecord>& writer) {
    Journal::Follower follower(journal_, query);
    while (!context.IsCancelled()) {
      const std::vector<Record> records = follower.next();
      if (!send(records, writer)) return;
      if (records.empty()) std::this_thread::sleep_for(kLook);
    }
  }

  Journal& journal_;
  std::atomic<int> followers_ = 0;
};

}  // namespace

std::unique_ptr<grpc::Service> make_journal_service(Journal& journal) {
  return std::make_unique<JournalService>(journal);
}

}  // namespace outrigger::agent
