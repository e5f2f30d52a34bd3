#include "base/record.h"

#include <gtest/gtest.h>

namespace outrigger {
namespace {

Record sample() {
  return {.time = absl::FromUnixMicros(1'700'000'000'123'456),
          .monotonic_ns = 42,
          .offset_ns = -7,
          .side = "host",
          .domain = Domain::kFabric,
          .service = "overlay",
          .version = "1.2.0",
          .generation = 9,
          .owner = "netops",
          .severity = Severity::kWarning,
          .incident = "inc-3",
          .message = "peer \"b\"\ndoes not answer",
          .evidence = {{"rtt", "1s"}},
          .cursor = 18'000'000'000'000'000'000U};
}

TEST(Record, SurvivesItsJson) {
  const std::string line = to_json(sample());
  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto back = record_from_json(line);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(to_json(*back), line);
  EXPECT_EQ(back->time, sample().time);
  EXPECT_EQ(back->offset_ns, -7);
  EXPECT_EQ(back->cursor, sample().cursor);
  EXPECT_EQ(back->evidence, sample().evidence);
  EXPECT_EQ(back->message, sample().message);
}

TEST(Record, UnknownFieldsAreIgnoredAndOptionalOnesAbsent) {
  const auto record = record_from_json(
      R"({"time":"2026-01-02T03:04:05.000006Z","side":"dpu","domain":"policy","service":"policy",
          "severity":"error","message":"m","later":{"x":[1]}})");
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->domain, Domain::kPolicy);
  EXPECT_EQ(record->cursor, 0U);
}

// Each row: what is put in place of a field, and the field that must be named.
TEST(Record, WrongTypesAreRefusedByName) {
  struct Row {
    std::string from, to, field;
  };
  const std::string good = to_json(sample());
  for (const Row& row :
       std::vector<Row>{{R"("monotonic_ns":42)", R"("monotonic_ns":"42")", "monotonic_ns"},
                        {R"("monotonic_ns":42)", R"("monotonic_ns":4.5)", "monotonic_ns"},
                        {R"("monotonic_ns":42)", R"("monotonic_ns":9223372036854775808)", "monotonic_ns"},
                        {R"("generation":9)", R"("generation":-9)", "generation"},
                        {R"("side":"host")", R"("side":"moon")", "side"},
                        {R"("domain":"fabric")", R"("domain":"cloud")", "domain"},
                        {R"("severity":"warning")", R"("severity":3)", "severity"},
                        {R"("rtt":"1s")", R"("rtt":1)", "evidence"},
                        {R"("service":"overlay")", R"("other":"overlay")", "service"},
                        {"2023-11-14T", "infinite-past ", "time"},
                        {".123456Z", ".123456+01:00", "time"}}) {
    std::string bad = good;
    ASSERT_NE(bad.find(row.from), std::string::npos) << row.from;
    bad.replace(bad.find(row.from), row.from.size(), row.to);
    const auto record = record_from_json(bad);
    ASSERT_FALSE(record.ok()) << bad;
    EXPECT_NE(record.status().message().find(row.field), absl::string_view::npos) << record.status();
  }
  for (const char* bad : {"", "{", "[]", "null", "{\"time\":"})
    EXPECT_FALSE(record_from_json(bad).ok()) << bad;
}

TEST(Record, BytesThatAreNoTextAreReplacedNotThrown) {
  Record record = sample();
  record.message = "\xff\xfe half \xc3";
  EXPECT_TRUE(record_from_json(to_json(record)).ok());
}

TEST(Record, BoundedItFitsALineWhateverItHolds) {
  Record record = sample();
  record.message = record.service = record.owner = record.incident = std::string(1 << 20, '\x01');
  for (int i = 0; i < 100; ++i) record.evidence[std::string(i, '\x02')] = record.message;
  bound(record);
  EXPECT_LT(to_json(record).size(), 128U << 10);
  EXPECT_TRUE(record_from_json(to_json(record)).ok());
}

}  // namespace
}  // namespace outrigger
