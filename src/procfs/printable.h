// Names on a host are whatever whoever started the process made of them: newlines, escape sequences for the
// terminal, bytes that are no UTF-8.  Nothing of that may reach a screen or a file of ours.
#pragma once

#include <string>
#include <string_view>

namespace outrigger::procfs {

// UTF-8 without control characters, at most `most` bytes long and "..." where it was cut: what is neither is
// spelt "\x1b".
std::string printable(std::string_view text, size_t most = 512);

}  // namespace outrigger::procfs
