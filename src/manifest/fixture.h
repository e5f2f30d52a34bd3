// Short ways to read and print manifests in the tests of this folder.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "manifest/check.h"
#include "manifest/read.h"

namespace outrigger::manifest {

inline std::vector<std::string> texts(const std::vector<Fault>& faults) {
  std::vector<std::string> all;
  for (const Fault& fault : faults) all.push_back(fault.str());
  return all;
}

inline std::vector<std::string> faults_of(std::string_view text) {
  return texts(read(text, "f.yaml").faults);
}

inline std::vector<std::string> check_faults_of(std::string_view text) {
  const Reading reading = read(text, "f.yaml");
  if (!reading.faults.empty()) return texts(reading.faults);
  std::vector<const Object*> objects;
  for (const Document& document : reading.documents) objects.push_back(&document.object);
  return texts(check(objects));
}

// The one object of `text`, which must read clean; a default T otherwise, for the test to fail on.
template <typename T>
T one(std::string_view text) {
  const Reading reading = read(text, "f.yaml");
  if (!reading.faults.empty() || reading.documents.size() != 1) return T{};
  const T* object = std::get_if<T>(&reading.documents[0].object);
  return object == nullptr ? T{} : *object;
}

}  // namespace outrigger::manifest
