// The words that name a tap.  Opening one needs rights and is tested where there are some.
#include "engine/tap.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

namespace outrigger::engine {
namespace {

TEST(Tap, WordsAreReadAndRefused) {
  EXPECT_TRUE(is_tap("tap,iface=ep1"));
  EXPECT_FALSE(is_tap("tapestry"));
  EXPECT_FALSE(is_tap("net_tap0,iface=ep1"));
  const auto tap = parse_tap("tap,iface=ep1,mac=02:00:00:00:00:09");
  ASSERT_TRUE(tap.ok()) << tap.status();
  EXPECT_EQ(tap->interface, "ep1");
  EXPECT_EQ(tap->mac, (MacAddress{{2, 0, 0, 0, 0, 9}}));
  for (const char* wrong : {"tap", "tap,", "tap,iface=", "tap,iface=a234567890123456", "tap,iface=a/b",
                            "tap,iface=a,mac=x", "tap,iface=a,remote=b", "net_tap0"}) {
    EXPECT_FALSE(parse_tap(wrong).ok()) << wrong;
    EXPECT_FALSE(open_tap(wrong, 1, 1500).ok()) << wrong;
  }
}

TEST(Tap, QueuesAreOpened) {
  if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0) GTEST_SKIP() << "needs /dev/net/tun";
  if (unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs a namespace of its own";
  const auto fds = open_tap("tap,iface=ortaptest0", 2, 1400);
  if (!fds.ok()) GTEST_SKIP() << fds.status();
  ASSERT_EQ(fds->size(), 2u);
  char frame[2048];
  for (const int fd : *fds) {
    while (read(fd, frame, sizeof frame) > 0) {
    }
    EXPECT_EQ(errno, EAGAIN);
    close(fd);
  }
}

}  // namespace
}  // namespace outrigger::engine
