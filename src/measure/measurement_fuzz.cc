// Whatever the lines, once they are sealed they are a measurement or are refused; a measurement has one text.
// Unsealed they are refused.
#include <openssl/sha.h>

#include <cstdlib>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "measure/measurement.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger::measure;
  if (size == 0) return 0;
  const std::string body(reinterpret_cast<const char*>(data + 1), size - 1);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest);
  const std::string hash =
      absl::BytesToHexString(absl::string_view(reinterpret_cast<char*>(digest), sizeof digest));
  (void)parse(body, "f");
  const auto read =
      parse(absl::StrCat(body, R"({"seal":{"windows":)", data[0] % 8, R"(,"sha256":")", hash, "\"}}\n"), "f");
  if (!read.ok()) return 0;
  const std::string text = to_text(*read);
  const auto again = parse(text, "f");
  if (!again.ok() || to_text(*again) != text) std::abort();
  return 0;
}
