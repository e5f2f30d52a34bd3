// How every program of ours that runs for long begins.
#pragma once

#include <atomic>

#include "base/descriptor.h"

namespace outrigger {

// SIGTERM and SIGINT are waited for, not handled: every thread started later inherits the block.  Readable
// when one has come.
Descriptor block_signals();

// As many open files as this process may have: a tap is a descriptor for each worker.
void allow_descriptors();

// On a CPU that several share, who moves packets goes first, and who prepares goes last.
enum class Rank : int { kFirst = -20, kOrdinary = 0, kLast = 19 };  // as nice values
// The calling thread alone; those that it starts inherit it.  Up takes CAP_SYS_NICE.  Who is first also asks
// for short turns (0.1 ms, where the kernel knows them), for which it need not wait until another's is over.
void take_rank(Rank rank);

// For a thread that must see within a millisecond that another hangs, and works for microseconds: the calling
// one goes before all that are not real-time, however busy those keep the CPU (SCHED_FIFO).  Where that is
// not allowed it is kFirst.
void take_watch();

// Kernels that group by session (autogroup) weigh whole processes first and threads only within them.  This
// is the calling process's weight among the others; opened before a sandbox shuts /proc.  The kernel takes
// ten changes a second of the whole machine: what it refuses is tried again by the next call.
class ProcessRank {
 public:
  ProcessRank();  // without such a kernel it does nothing
  void take(Rank rank);

 private:
  Descriptor file_;
  std::atomic<int> taken_{0};
};

}  // namespace outrigger
