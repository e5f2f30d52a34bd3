#include "dpu/documents.h"

#include <iterator>
#include <utility>
#include <variant>

namespace outrigger::agent {

manifest::Reading read_document(const std::string& text, const manifest::Location& at) {
  manifest::Reading reading = manifest::read(text, at.file);
  const int before = at.line > 0 ? at.line - 1 : 0;
  for (manifest::Fault& fault : reading.faults) fault.at.line += before;
  for (manifest::Document& document : reading.documents) {
    std::visit([&](auto& object) { object.meta.at = at; }, document.object);
  }
  return reading;
}

Batch read_batch(const v1::Batch& batch) {
  Batch out;
  out.documents.reserve(static_cast<size_t>(batch.documents_size()));
  for (const v1::Document& document : batch.documents()) {
    manifest::Reading one =
        read_document(document.text(), {document.file(), static_cast<int>(document.line())});
    std::move(one.documents.begin(), one.documents.end(), std::back_inserter(out.documents));
    std::move(one.faults.begin(), one.faults.end(), std::back_inserter(out.faults));
  }
  for (const v1::Key& key : batch.deletions())
    out.deletions.push_back({key.kind(), key.namespace_(), key.name()});
  return out;
}

}  // namespace outrigger::agent
