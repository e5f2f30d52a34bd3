#include "base/local_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <thread>

namespace outrigger {
namespace {

using std::chrono::milliseconds;

SteadyTime soon(int ms = 2000) { return std::chrono::steady_clock::now() + milliseconds(ms); }

struct Pair {
  explicit Pair(int type) {
    std::array<int, 2> both{};
    EXPECT_EQ(socketpair(AF_UNIX, type, 0, both.data()), 0);
    left.reset(both[0]);
    right.reset(both[1]);
  }
  Descriptor left, right;
};

TEST(Stream, CarriesMessagesOfEverySize) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{70'000}, size_t{5} << 20}) {
    Pair pair(SOCK_STREAM);
    const std::string message(size, 'x');
    std::thread sender([&] { EXPECT_TRUE(send_message(pair.left.get(), message, soon()).ok()); });
    const auto got = receive_message(pair.right.get(), size_t{8} << 20, soon());
    sender.join();
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got, message);
  }
}

TEST(Stream, RefusesWhatIsTooLongBeforeItIsRead) {
  Pair pair(SOCK_STREAM);
  ASSERT_EQ(write(pair.left.get(), "\xff\xff\xff\x7f", 4), 4);
  EXPECT_EQ(receive_message(pair.right.get(), 1024, soon()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Stream, TakesNoMemoryForWhatIsOnlyAnnounced) {
  Pair pair(SOCK_STREAM);
  ASSERT_EQ(write(pair.left.get(), "\x00\x00\x00\x10 little", 11), 11);  // 256 MiB announced
  pair.left.reset();
  EXPECT_EQ(receive_message(pair.right.get(), size_t{512} << 20, soon()).status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(Stream, SaysWhenThePeerIsGoneOrSlow) {
  Pair pair(SOCK_STREAM);
  EXPECT_EQ(receive_message(pair.right.get(), 10, soon(20)).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  pair.left.reset();
  EXPECT_EQ(receive_message(pair.right.get(), 10, soon()).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(send_message(pair.right.get(), "x", soon()).code(), absl::StatusCode::kUnavailable);
}

TEST(Stream, AFullSocketIsWaitedForUntilTheDeadline) {
  Pair pair(SOCK_STREAM);
  EXPECT_EQ(send_message(pair.left.get(), std::string(size_t{32} << 20, 'x'), soon(50)).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST(Datagrams, CarryDescriptorsInOrder) {
  Pair pair(SOCK_SEQPACKET), first(SOCK_STREAM), second(SOCK_STREAM);
  ASSERT_TRUE(send_datagram(pair.left.get(), "two", {first.left.get(), second.left.get()}).ok());
  auto got = receive_datagram(pair.right.get(), soon());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->bytes, "two");
  ASSERT_EQ(got->descriptors.size(), 2u);
  ASSERT_EQ(write(got->descriptors[1].get(), "!", 1), 1);
  char byte = 0;
  EXPECT_EQ(read(second.right.get(), &byte, 1), 1);
  EXPECT_EQ(byte, '!');
}

TEST(Datagrams, EndAndTooLongAreToldApart) {
  Pair pair(SOCK_SEQPACKET);
  const int room = 8 << 20;
  (void)setsockopt(pair.left.get(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  const std::string big(kMaxDatagram + 1, 'x');
  if (send(pair.left.get(), big.data(), big.size(), 0) > 0) {
    EXPECT_EQ(receive_datagram(pair.right.get(), soon()).status().code(), absl::StatusCode::kInvalidArgument);
  }
  pair.left.reset();
  EXPECT_EQ(receive_datagram(pair.right.get(), soon()).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Datagrams, APeerThatDoesNotReadIsNotWaitedFor) {
  Pair pair(SOCK_SEQPACKET);
  absl::Status status;
  for (int i = 0; i < 100'000 && status.ok(); ++i)
    status = send_datagram(pair.left.get(), std::string(1000, 'x'), {});
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
}

TEST(Listening, ReplacesADeadSocketAndRefusesALiveOne) {
  const std::string path = testing::TempDir() + "local_socket_test.sock";
  {
    auto dead = listen_at(path, SocketKind::kDatagrams);
    ASSERT_TRUE(dead.ok()) << dead.status();
    EXPECT_EQ(listen_at(path, SocketKind::kDatagrams).status().code(), absl::StatusCode::kAlreadyExists);
  }
  auto fresh = listen_at(path, SocketKind::kDatagrams);
  ASSERT_TRUE(fresh.ok()) << fresh.status();
  struct stat about {};
  ASSERT_EQ(stat(path.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  auto client = connect_to(path, SocketKind::kDatagrams);
  ASSERT_TRUE(client.ok()) << client.status();
  const Descriptor served(accept(fresh->get(), nullptr, nullptr));
  EXPECT_EQ(peer_of(served.get())->pid, getpid());
  (void)unlink(path.c_str());
}

}  // namespace
}  // namespace outrigger
