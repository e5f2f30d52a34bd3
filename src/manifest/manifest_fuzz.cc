// Any bytes: no crash, no unbounded work.  What reads clean reads again, from each document's own text, to an
// equal object, and check() takes it.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "manifest/check.h"
#include "manifest/read.h"

namespace outrigger::manifest {
namespace {

void require(bool holds, const char* what, const std::string& text) {
  if (holds) return;
  std::fprintf(stderr, "%s:\n%s\n", what, text.c_str());
  std::abort();
}

void check_document(const Document& document) {
  const Reading again = read(document.text, "again.yaml");
  require(again.faults.empty(), "a document's text has faults", document.text);
  require(again.documents.size() == 1, "a document's text is not one document", document.text);
  require(again.documents[0].object == document.object, "a document's text reads differently", document.text);
}

void check_fault(const Fault& fault) {
  const std::string text = fault.str();
  require(!fault.problem.empty(), "a fault says nothing", text);
  require(text.find('\n') == text.npos, "a fault has several lines", text);
}

}  // namespace
}  // namespace outrigger::manifest

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::manifest;
  const Reading reading = read({reinterpret_cast<const char*>(data), size}, "fuzz.yaml");
  for (const Fault& fault : reading.faults) check_fault(fault);
  std::vector<const Object*> objects;
  for (const Document& document : reading.documents) {
    check_document(document);
    objects.push_back(&document.object);
  }
  for (const Fault& fault : check(objects)) check_fault(fault);
  return 0;
}
