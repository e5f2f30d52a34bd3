#include "engine/node_memory.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "engine/session_table.h"

namespace outrigger::engine {

namespace {

constexpr uint64_t kMagic = 0x316d656d72747464;  // "ddtrmem1"
constexpr size_t kPage = 4096;
constexpr size_t kHugePage = size_t{2} << 20;

constexpr size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// Where the parts of one worker begin, counted from the worker's own begin.
struct Parts {
  size_t rule_hits, ports, samples, sessions, end;
};

Parts parts_of(const WorkerSizes& sizes) {
  Parts parts{};
  parts.rule_hits = round_up(sizeof(WorkerCounters), 64);
  parts.ports = round_up(parts.rule_hits + sizeof(Counter) * size_t{sizes.rules}, kPage);
  parts.samples = round_up(parts.ports + sizeof(PortCounters) * kCountedPorts, kPage);
  parts.sessions = round_up(parts.samples + sizeof(Sample) * kSamples, kPage);
  parts.end = round_up(parts.sessions + SessionTable::bytes_needed(sizes.sessions), kPage);
  return parts;
}

constexpr size_t kWorkersBegin = round_up(sizeof(NodeMemoryHeader), kPage);

uint64_t bytes_of(const WorkerSizes& sizes) {
  return round_up(kWorkersBegin + parts_of(sizes).end * sizes.workers, kHugePage);
}

absl::Status check(const WorkerSizes& sizes) {
  if (sizes.workers >= 1 && sizes.workers <= kMaxWorkers && sizes.sessions >= 1 && sizes.rules >= 1 &&
      sizes.sessions <= 1u << 28 && sizes.rules <= 1u << 28) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("node memory: ", sizes.workers, " workers (1 to ",
                                                 kMaxWorkers, "), ", sizes.sessions, " sessions, ",
                                                 sizes.rules, " rules"));
}

absl::Status too_little(uint64_t bytes, bool huge) {
  return absl::ResourceExhaustedError(
      absl::StrCat("sessions and counters need ", bytes >> 20, " MiB",
                   huge ? " of huge pages; reserve more or start without" : ""));
}

absl::Status foreign(const std::string& what) {
  return absl::FailedPreconditionError(absl::StrCat("node memory: ", what));
}

absl::Status check(const NodeMemoryHeader& header, uint64_t file_bytes) {
  if (header.magic != kMagic) return foreign("the file is none");
  if (header.layout != kNodeMemoryLayout || header.session_layout != kSessionLayout) {
    return foreign(absl::StrCat("it has layout ", header.layout, " and session layout ",
                                header.session_layout, ", this program speaks ", kNodeMemoryLayout, " and ",
                                kSessionLayout));
  }
  if (header.drop_count > kDropPlaces) return foreign("it counts more reasons to drop than it has places");
  if (absl::Status status = check(header.sizes); !status.ok()) return foreign(std::string(status.message()));
  if (header.bytes != bytes_of(header.sizes) || header.bytes > file_bytes) {
    return foreign(absl::StrCat("it says ", header.bytes, " bytes, its sizes make ", bytes_of(header.sizes),
                                ", the file has ", file_bytes));
  }
  return absl::OkStatus();
}

}  // namespace

NodeMemory NodeMemory::make(int fd, void* at, const WorkerSizes& sizes) {
  auto* const header = new (at) NodeMemoryHeader;
  header->layout = kNodeMemoryLayout;
  header->session_layout = kSessionLayout;
  header->drop_count = kDropCount;
  header->sizes = sizes;
  header->bytes = bytes_of(sizes);
  NodeMemory memory(fd, header);
  for (unsigned worker = 0; worker < sizes.workers; ++worker)
    (void)SessionTable(memory.sessions(worker), sizes.sessions);
  std::atomic_thread_fence(std::memory_order_release);
  header->magic = kMagic;
  return memory;
}

absl::StatusOr<NodeMemory> NodeMemory::create(const WorkerSizes& sizes, bool huge) {
  if (absl::Status status = check(sizes); !status.ok()) return status;
  const uint64_t bytes = bytes_of(sizes);
  const int fd =
      memfd_create("outrigger", MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0));
  if (fd < 0) return too_little(bytes, huge);
  void* const at = ftruncate(fd, static_cast<off_t>(bytes)) != 0
                       ? MAP_FAILED
                       : mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) {
    ::close(fd);
    return too_little(bytes, huge);
  }
  if (!huge) (void)madvise(at, bytes, MADV_HUGEPAGE);
  // Every engine has the descriptor: none of them may cut off what the others have mapped.
  (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  return make(fd, at, sizes);
}

absl::StatusOr<NodeMemory> NodeMemory::alone(const WorkerSizes& sizes, bool huge) {
  if (absl::Status status = check(sizes); !status.ok()) return status;
  const uint64_t bytes = bytes_of(sizes);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (huge ? MAP_HUGETLB : 0);
  void* const at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (at == MAP_FAILED) return too_little(bytes, huge);
  if (!huge) (void)madvise(at, bytes, MADV_HUGEPAGE);
  return make(-1, at, sizes);
}

absl::StatusOr<NodeMemory> NodeMemory::map(int fd) {
  struct stat file {};
  absl::Status status;
  void* at = MAP_FAILED;
  if (fstat(fd, &file) != 0 || static_cast<uint64_t>(file.st_size) < kWorkersBegin) {
    status = foreign("the file is none");
  } else {
    const auto bytes = static_cast<uint64_t>(file.st_size);
    at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED) (void)madvise(at, bytes, MADV_POPULATE_WRITE);  // not page by page in a swap
    status = at == MAP_FAILED ? foreign(absl::StrCat("cannot be mapped: ", strerror(errno)))
                              : check(*static_cast<const NodeMemoryHeader*>(at), bytes);
    if (!status.ok() && at != MAP_FAILED) (void)munmap(at, bytes);
  }
  if (!status.ok()) {
    ::close(fd);
    return status;
  }
  return NodeMemory(fd, static_cast<NodeMemoryHeader*>(at));
}

NodeMemory::~NodeMemory() {
  if (header_ != nullptr) (void)munmap(header_, bytes_of(sizes_));
  if (fd_ >= 0) ::close(fd_);
}

NodeMemory::NodeMemory(NodeMemory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      header_(std::exchange(other.header_, nullptr)),
      sizes_(other.sizes_) {}

NodeMemory& NodeMemory::operator=(NodeMemory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(header_, other.header_);
  std::swap(sizes_, other.sizes_);
  return *this;
}

void NodeMemory::start_clock(uint64_t cycles, uint64_t hz) const {
  header_->start_cycles = cycles;
  header_->cycles_per_tick = hz / kTicksPerSecond;
}

std::byte* NodeMemory::part(unsigned worker, size_t offset) const {
  return reinterpret_cast<std::byte*>(header_) + kWorkersBegin + parts_of(sizes_).end * worker + offset;
}

// All of these begin as zeroes, which is what their constructors would make of them.
WorkerCounters& NodeMemory::counters(unsigned worker) const {
  return *reinterpret_cast<WorkerCounters*>(part(worker, 0));
}
std::span<Counter> NodeMemory::rule_hits(unsigned worker) const {
  const size_t at = parts_of(sizes_).rule_hits;
  return {reinterpret_cast<Counter*>(part(worker, at)), sizes_.rules};
}
std::span<PortCounters> NodeMemory::ports(unsigned worker) const {
  return {reinterpret_cast<PortCounters*>(part(worker, parts_of(sizes_).ports)), kCountedPorts};
}
std::span<Sample> NodeMemory::samples(unsigned worker) const {
  return {reinterpret_cast<Sample*>(part(worker, parts_of(sizes_).samples)), kSamples};
}
std::span<std::byte> NodeMemory::sessions(unsigned worker) const {
  return {part(worker, parts_of(sizes_).sessions), SessionTable::bytes_needed(sizes_.sessions)};
}

// Not FUTEX_PRIVATE: the sleeper and who wakes it are two processes.
void sleep_while(const std::atomic<uint32_t>& owner, uint32_t known, std::chrono::nanoseconds patience) {
  const timespec limit{patience.count() / 1'000'000'000, patience.count() % 1'000'000'000};
  (void)syscall(SYS_futex, &owner, FUTEX_WAIT, known, patience.count() == 0 ? nullptr : &limit, nullptr, 0);
}
void wake_sleepers(const std::atomic<uint32_t>& owner) {
  (void)syscall(SYS_futex, &owner, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

uint32_t Ownership::owner() const {
  const uint32_t first = memory_.word(0).owner.load(std::memory_order_acquire);
  return done(first) ? first : kNobody;
}

void Ownership::ask(uint32_t slot) const {
  for (unsigned worker = 0; worker < memory_.sizes().workers; ++worker) ask(worker, slot);
}

void Ownership::ask(unsigned worker, uint32_t slot) const {
  memory_.word(worker).wanted.store(slot, std::memory_order_release);
}

bool Ownership::done(uint32_t slot) const {
  for (unsigned worker = 0; worker < memory_.sizes().workers; ++worker) {
    if (memory_.word(worker).owner.load(std::memory_order_acquire) != slot) return false;
  }
  return true;
}

bool Ownership::wait_for(uint32_t slot, std::chrono::nanoseconds patience) const {
  using std::chrono::steady_clock;
  const auto end = steady_clock::now() + patience;
  for (unsigned worker = 0; worker < memory_.sizes().workers; ++worker) {
    const std::atomic<uint32_t>& word = memory_.word(worker).owner;
    for (uint32_t now = word.load(); now != slot; now = word.load()) {
      const auto left = end - steady_clock::now();
      if (left <= left.zero()) return false;
      sleep_while(word, now, left);
    }
  }
  return true;
}

void Ownership::seize(uint32_t slot) const {
  for (unsigned worker = 0; worker < memory_.sizes().workers; ++worker) {
    seize(worker, slot);
  }
}

// `wanted` first: the new owner must not find itself asked to leave.
void Ownership::seize(unsigned worker, uint32_t slot) const {
  WorkerWord& word = memory_.word(worker);
  word.wanted.store(slot, std::memory_order_relaxed);
  if (word.owner.load(std::memory_order_relaxed) == slot) return;  // it went there already
  word.doing.store(0, std::memory_order_relaxed);
  word.thread.store(0, std::memory_order_relaxed);
  word.owner.store(slot, std::memory_order_release);
  wake_sleepers(word.owner);
}

}  // namespace outrigger::engine
