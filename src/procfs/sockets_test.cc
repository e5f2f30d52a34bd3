#include "procfs/sockets.h"

#include <gmock/gmock.h>

#include "procfs/fake_proc.h"

namespace outrigger::procfs {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::vector<std::pair<uint64_t, std::string>> parsed(const char* file, const std::string& text) {
  Sockets found;
  parse_sockets(file, absl::StrCat("  heading\n", text), found);
  return {found.by_inode.begin(), found.by_inode.end()};
}

TEST(Sockets, ListeningOnesHaveAnAddress) {
  EXPECT_THAT(parsed("tcp",
                     "   0: 0100007F:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0      "
                     "  0 71 1 x\n"
                     "   1: 00000000:00B3 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0      "
                     "  0 72 1 x\n"),
              UnorderedElementsAre(Pair(71, "listen tcp 127.0.0.1:22"), Pair(72, "listen tcp 0.0.0.0:179")));
  EXPECT_THAT(parsed("tcp6",
                     "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A "
                     "0:0 00:0 0 0 0 73 1\n"),
              ElementsAre(Pair(73, "listen tcp [::1]:8080")));
}

TEST(Sockets, ConnectedOnesAreLeftOut) {
  EXPECT_THAT(parsed("tcp",
                     "   0: 0100007F:0016 0100007F:9999 01 0:0 00:0 0 0 0 71 1\n"
                     "   1: 0100007F:0017 00000000:0000 0A 0:0 00:0 0 0 0 72 1\n"),
              ElementsAre())
      << "the kernel lists those that listen before all others";
  EXPECT_THAT(parsed("udp",
                     "  9: 00000000:12B5 00000000:0000 07 0:0 00:0 0 0 0 81 2\n"
                     "  9: 0100007F:12B5 0100007F:0035 01 0:0 00:0 0 0 0 82 2\n"
                     "  9: 00000000:0000 00000000:0000 07 0:0 00:0 0 0 0 83 2\n"),
              ElementsAre(Pair(81, "listen udp 0.0.0.0:4789")));
}

TEST(Sockets, OtherKinds) {
  EXPECT_THAT(parsed("raw", "  1: 00000000:0059 00000000:0000 07 0:0 00:0 0 0 0 91 2\n"),
              ElementsAre(Pair(91, "raw ospf")));
  EXPECT_THAT(parsed("packet", "0000 3 3 0003 2 1 0 0 95\n"), ElementsAre(Pair(95, "packet")));
  EXPECT_THAT(
      parsed("netlink",
             "0000 0 1 0 0 0 0 2 0 96\n0000 16 1 0 0 0 0 2 0 97\n0000 99 1 0 0 0 0 2 0 98\n0000 0 0 0 0 0 0 "
             "2 0 0\n"),
      UnorderedElementsAre(Pair(96, "netlink:route"), Pair(97, "netlink:generic"), Pair(98, "netlink:99")));
}

TEST(Sockets, LinesThatAreNoneArePassedOver) {
  for (const char* file : {"tcp", "udp6", "raw", "packet", "netlink"}) {
    EXPECT_THAT(parsed(file,
                       "\n \nx\n0: zz:zz 0:0 0A 0 0 0 0 0 71 0\n0: 01:16 0:0 0A a b c d e f g h\n"
                       "0: 0100007F:99999 0:0 0A 0:0 00:0 0 0 0 71 1\n"),
                testing::Not(testing::Contains(Pair(71, testing::HasSubstr("listen")))))
        << file;
  }
}

TEST(Sockets, FilesThatAreNotThereAreNoFault) {
  const FakeProc proc;
  proc.write("8/net/packet", "heading\n0000 3 3 0003 2 1 0 0 95\n");
  const Sockets found = read_sockets(8, proc.root());
  EXPECT_EQ(found.by_inode.at(95), "packet");
  EXPECT_THAT(found.missing, ElementsAre());
  EXPECT_EQ(read_sockets(9, proc.root()).missing.size(), 1u);
}

}  // namespace
}  // namespace outrigger::procfs
