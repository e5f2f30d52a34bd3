// Anything at all said to the ports process by several callers, in any order: it must answer, open nothing
// twice and keep its books.  Input: records of one byte caller and action, one byte length, bytes of a call.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ports/desk_fixture.h"

namespace {

using outrigger::ports::Desk;
using outrigger::ports::FakeBackend;

constexpr uint64_t kCallers = 6;

void step(Desk& desk, FakeBackend& backend, uint8_t head, std::string bytes) {
  const uint64_t caller = head % kCallers;
  if (head >= 250) {
    desk.leave(caller);
    desk.admit(caller, {static_cast<pid_t>(100 + head), caller == 0});
    backend.roster.remove(head % 4);
    return;
  }
  (void)desk.handle(caller, {std::move(bytes), {}});
  if (backend.wrong) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FakeBackend backend;
  Desk desk(backend);
  for (uint64_t id = 0; id < kCallers; ++id) desk.admit(id, {static_cast<pid_t>(id + 1), id == 0});
  size_t at = 0;
  while (at + 2 <= size) {
    const size_t length = std::min<size_t>(data[at + 1], size - at - 2);
    step(desk, backend, data[at], std::string(reinterpret_cast<const char*>(data) + at + 2, length));
    at += 2 + length;
  }
  return 0;
}
