// Whatever an application answers is read within bounds; how it comes in pieces does not change what it is.
#include <cstdlib>

#include "measure/dialogue.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::measure;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  (void)parse_target(bytes);
  for (const char* url : {"redis://h", "redis://h/key", "http://h/"}) {
    const auto whole = dialogue_for(*parse_target(url)), pieces = dialogue_for(*parse_target(url));
    whole->begin();
    pieces->begin();
    const Answer answer = bytes.empty() ? Answer::kMore : whole->take(bytes);
    Answer last = Answer::kMore;
    size_t at = 0;
    for (; at < size && last == Answer::kMore; ++at) last = pieces->take(bytes.substr(at, 1));
    // Garbage behind a whole answer is seen only with it.
    const bool followed = at < size && last != Answer::kGarbled && answer == Answer::kGarbled;
    if (!followed && answer != last) abort();
  }
  return 0;
}
