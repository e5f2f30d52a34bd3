// engine/engine.h as the messages of control.proto, both ways; the one place that knows both.
// What comes from the other side is checked: it may be of another version, or broken.
#pragma once

#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "outrigger/engine/v1/control.pb.h"

namespace outrigger::engine {

// Longer messages are refused.  An update of a million rules has about 50 MiB.
inline constexpr size_t kMaxMessage = size_t{512} << 20;

// By status, reply.code() and reply.message().
void set_status(const absl::Status& status, v1::EngineReply& reply);
absl::Status status_of(const v1::EngineReply& reply);

void to_message(const Explanation& from, v1::ExplainReply& to);
void to_message(const Figures& from, v1::FiguresReply& to);
void to_message(const std::vector<Session>& from, v1::SessionsReply& to);
void to_message(const Echo& from, v1::ProbeReply& to);
void to_message(const ShadowReport& from, v1::ShadowReportReply& to);

// FailedPrecondition where sizes differ: the other side is another build.
absl::StatusOr<Explanation> from_message(const v1::ExplainReply& from);
Figures from_message(const v1::FiguresReply& from);
absl::StatusOr<std::vector<Session>> from_message(const v1::SessionsReply& from);
Echo from_message(const v1::ProbeReply& from);
ShadowReport from_message(const v1::ShadowReportReply& from);

}  // namespace outrigger::engine
