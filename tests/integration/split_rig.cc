#include "integration/split_rig.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"

namespace outrigger::integration {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr auto kEvery = std::chrono::microseconds(200);

int64_t now_ns() { return steady_clock::now().time_since_epoch().count(); }

Descriptor raw_socket(const char* interface) {
  Descriptor made(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP)));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(if_nametoindex(interface));
  EXPECT_EQ(::bind(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0) << interface;
  const timeval patience{0, 20'000};
  (void)::setsockopt(made.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return made;
}

constexpr char kFolders[] = "outrigger-split.";

// Of runs that were killed; what they had mounted went with them.
void remove_those_of_the_dead() {
  std::error_code error;
  for (const auto& one : std::filesystem::directory_iterator("/tmp", error)) {
    const std::string name = one.path().filename();
    if (!name.starts_with(kFolders)) continue;
    const pid_t owner = std::atoi(name.c_str() + sizeof kFolders - 1);
    if (owner > 0 && ::kill(owner, 0) != 0 && errno == ESRCH) std::filesystem::remove_all(one.path(), error);
  }
}

v1::Update world_on_taps() {
  v1::Update update;
  *update.mutable_structure() = reachable_world();
  update.mutable_policy()->set_replace(true);
  update.set_generation(1);
  update.set_digest(77);
  for (v1::Port& port : *update.mutable_structure()->mutable_ports()) {
    port.set_device(absl::StrCat("tap,iface=split", port.id()));
    port.set_mtu(1500);
  }
  return update;
}

}  // namespace

Process::Process(const std::vector<std::string>& command) : pid_(::fork()) {
  if (pid_ != 0) return;
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  ::_exit(127);
}

Process::~Process() {
  signal(SIGKILL);
  wait();
}

void Process::signal(int number) const {
  if (pid_ > 0) (void)::kill(pid_, number);
}

void Process::wait() {
  if (pid_ > 0) (void)::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

PortsClient::PortsClient(const std::string& folder) {
  auto socket = connect_to(folder + "/ports.sock", SocketKind::kDatagrams);
  EXPECT_TRUE(socket.ok()) << socket.status();
  if (socket.ok()) socket_ = *std::move(socket);
}

ev1::PortsReply PortsClient::call(ev1::PortsCall call, const std::vector<int>& descriptors) {
  call.set_id(++id_);
  EXPECT_TRUE(send_datagram(socket_.get(), call.SerializeAsString(), descriptors).ok());
  for (;;) {
    auto datagram = receive_datagram(socket_.get(), steady_clock::now() + std::chrono::seconds(10));
    ev1::PortsReply reply;
    if (!datagram.ok() || !reply.ParseFromString(datagram->bytes)) {
      ADD_FAILURE() << datagram.status();
      return reply;
    }
    if (reply.id() == id_) return reply;
    note(*std::move(datagram), std::move(reply));
  }
}

void PortsClient::note(Datagram datagram, ev1::PortsReply message) {
  const ev1::PortsEvent& event = message.event();
  if (event.kind() == ev1::PortsEvent::KEEP && datagram.descriptors.size() == 1)
    kept[event.subject()] = std::move(datagram.descriptors[0]);
  if (event.kind() == ev1::PortsEvent::RELEASE) kept.erase(event.subject());
  events_.push_back(event);
}

void PortsClient::hear(milliseconds patience) {
  auto datagram = receive_datagram(socket_.get(), steady_clock::now() + patience);
  ev1::PortsReply message;
  if (datagram.ok() && message.ParseFromString(datagram->bytes))
    note(*std::move(datagram), std::move(message));
}

ev1::PortsEvent PortsClient::next(ev1::PortsEvent::Kind kind, milliseconds patience) {
  const auto deadline = steady_clock::now() + patience;
  while (steady_clock::now() < deadline) {
    while (!events_.empty()) {
      const ev1::PortsEvent event = events_.front();
      events_.erase(events_.begin());
      if (event.kind() == kind) return event;
    }
    hear(milliseconds(50));
  }
  return {};
}

ev1::PortsStatus PortsClient::status() {
  ev1::PortsCall message;
  message.mutable_status();
  return call(std::move(message)).status();
}

ev1::PortsReply PortsClient::swap(uint32_t to) {
  ev1::PortsCall message;
  message.mutable_swap()->set_to_slot(to);
  return call(std::move(message));
}

Stream::Stream() : web_(raw_socket("split1")), db_(raw_socket("split2")) {
  restart();
  receiver_ = std::thread([this] { receive(); });
  sender_ = std::thread([this] { send(); });
}

Stream::~Stream() {
  stop_.store(true);
  sender_.join();
  receiver_.join();
}

void Stream::send_once(const Bytes& frame) const {
  (void)::send(web_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
}

void Stream::send() {
  const Bytes frame = udp(kGatewayMac, kWeb, "10.1.0.11", "10.1.1.12");
  while (!stop_.load()) {
    send_once(frame);
    std::this_thread::sleep_for(kEvery);
  }
}

void Stream::receive() {
  std::array<uint8_t, 2048> frame{};
  while (!stop_.load()) {
    const ssize_t got = ::recv(db_.get(), frame.data(), frame.size(), 0);
    if (got < 34 || std::memcmp(frame.data(), kDb.bytes.data(), 6) != 0) continue;
    const int64_t now = now_ns();
    gap_ns_.store(std::max(gap_ns_.load(), now - last_ns_.load()));
    last_ns_.store(now);
    ++received_;
  }
}

void Stream::restart() {
  last_ns_.store(now_ns());
  gap_ns_.store(0);
  received_.store(0);
}

double Stream::longest_gap_ms() const {
  return static_cast<double>(std::max(gap_ns_.load(), now_ns() - last_ns_.load())) / 1e6;
}

void Split::SetUpTestSuite() {
  if (::geteuid() != 0) return;
  ASSERT_EQ(::unshare(CLONE_NEWNET | CLONE_NEWNS), 0) << strerror(errno);
  ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0) << strerror(errno);
  remove_those_of_the_dead();
}

void Split::SetUp() {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: namespaces, taps, huge pages";
  one_of_us_.reset(::open("/tmp/outrigger-split.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ASSERT_EQ(::flock(one_of_us_.get(), LOCK_EX), 0) << strerror(errno);
  folder_ = absl::StrCat("/tmp/", kFolders, ::getpid(), ".XXXXXX");
  ASSERT_NE(::mkdtemp(folder_.data()), nullptr) << strerror(errno);
  start_ports();
}

void Split::TearDown() {
  if (folder_.empty()) return;
  engines_.clear();
  processes_.clear();
  if (ports_ != nullptr) {
    ports_->signal(SIGTERM);
    ports_->wait();
  }
  (void)::umount2((folder_ + "/huge").c_str(), MNT_DETACH);
  std::error_code error;
  std::filesystem::remove_all(folder_, error);
  one_of_us_.reset();
}

void Split::start_ports() {
  ports_ = std::make_unique<Process>(
      std::vector<std::string>{OUTRIGGER_PORTS_PROGRAM, "--runtime", folder_, "--memory", "64", "--buffers",
                               "8192", "--sessions", "4096", "--rules", "1024", "--reserve-huge-pages"});
  for (int i = 0; i < 200; ++i) {
    if (connect_to(folder_ + "/ports.sock", SocketKind::kDatagrams).ok()) return;
    std::this_thread::sleep_for(milliseconds(50));
  }
  FAIL() << "outrigger-ports does not answer";
}

void Split::start_engine(const std::string& name, const std::string& program) {
  processes_[name] =
      std::make_unique<Process>(std::vector<std::string>{program, "--runtime", folder_, "--instance", name});
  absl::StatusOr<std::unique_ptr<engine::RemoteEngine>> engine;
  for (int i = 0; i < 100; ++i) {
    engine = engine::RemoteEngine::connect(absl::StrCat(folder_, "/", name, ".sock"), {});
    if (engine.ok() && (*engine)->hello().ok()) break;
    std::this_thread::sleep_for(milliseconds(50));
  }
  ASSERT_TRUE(engine.ok()) << engine.status();
  engines_[name] = *std::move(engine);
  const auto applied = engines_[name]->apply(world_on_taps().SerializeAsString());
  ASSERT_TRUE(applied.ok()) << applied.status();
}

// Traffic must have stopped.
void Split::expect_whole_pool(PortsClient& client, uint32_t active) {
  ev1::PortsStatus status;
  for (int i = 0; i < 40; ++i) {
    status = client.status();
    if (status.buffers_in_use() == 0) break;
    std::this_thread::sleep_for(milliseconds(50));
  }
  EXPECT_EQ(status.buffers_in_use(), 0u);
  EXPECT_EQ(status.buffers(), 8192u);
  for (const auto& worker : status.workers()) EXPECT_EQ(worker.owner(), active);
}

}  // namespace outrigger::integration
