#include "cli/log_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace outrigger::cli {
namespace {

TEST(LogLines, NothingInARecordCommandsTheTerminal) {
  EXPECT_EQ(harmless("a\x1b[31mred\r\n"), "a\\x1b[31mred\\x0d\\x0a");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "31m"),
            "\\x9b31m");
  EXPECT_EQ(harmless("grüße → ok"), "grüße → ok");
}

TEST(LogLines, ARecordIsOneAlignedLine) {
  v1::LogRecord record;
  record.set_time("2026-01-02T03:04:05.000006Z");
  record.set_side("dpu");
  record.set_domain("policy");
  record.set_service("policy");
  record.set_severity("error");
  record.set_message("verdicts\nare wrong");
  (*record.mutable_evidence())["b"] = "2";
  (*record.mutable_evidence())["a"] = "1";
  std::ostringstream plain, coloured;
  print_log(plain, record, "", {});
  EXPECT_EQ(plain.str(),
            "2026-01-02T03:04:05.000006Z  dpu   policy       policy      error     -         "
            "verdicts\\x0aare wrong a=1 b=2\n");
  print_log(coloured, record, "host-a", {.colour = true, .nodes = true});
  EXPECT_THAT(coloured.str(), testing::HasSubstr("\x1b[31merror   \x1b[0m"));
  EXPECT_THAT(coloured.str(), testing::HasSubstr("Z  host-a    dpu "));
}

v1::IncidentList tree() {
  v1::IncidentList list;
  for (const auto& [id, cause] :
       {std::pair{"inc-2", ""}, {"inc-3", "inc-2"}, {"inc-5", "inc-3"}, {"inc-4", "inc-2"}, {"inc-1", ""}}) {
    v1::Incident& one = *list.add_incidents();
    one.set_id(id);
    one.set_cause(cause);
    one.set_state("over");
    one.set_domain("dpu");
    one.set_kind("health");
    one.set_service("policy");
    one.set_summary("s");
    one.set_recover_ms(12'345);
    one.set_act_ms(-1);
    one.add_evidence("rtt=3");
  }
  return list;
}

TEST(LogLines, ConsequencesStandUnderTheirCause) {
  const v1::IncidentList list = tree();
  std::vector<int> depths;
  for (int i = 0; i < list.incidents_size(); ++i) depths.push_back(depth(list, i));
  EXPECT_THAT(depths, testing::ElementsAre(0, 1, 2, 1, 0));
  std::ostringstream out;
  print_incident_tree(out, list, {});
  EXPECT_THAT(out.str(), testing::HasSubstr("\n    inc-5  over  domain dpu  health of policy: s\n"));
  EXPECT_THAT(out.str(), testing::HasSubstr("acted on in -, recovered in 12.3 s\n"));
  EXPECT_THAT(out.str(), testing::HasSubstr("  - rtt=3\n"));
}

}  // namespace
}  // namespace outrigger::cli
