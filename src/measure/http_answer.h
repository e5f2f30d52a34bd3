// Where does an HTTP/1.1 answer end?  RFC 9112 §6.3: by its length, its chunks, or the end of the connection.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "measure/dialogue.h"

namespace outrigger::measure {

class HttpAnswer {
 public:
  Answer take(std::string_view bytes);
  Answer end();  // the server closed

 private:
  enum class Part { kHead, kBody, kChunkLine, kChunk, kTrailer, kToTheEnd };

  bool take_line(std::string_view& bytes);  // true: line_ is whole
  bool take_head_line();                    // false: garbled
  bool take_chunk_line();
  bool begin_body();
  [[nodiscard]] Answer whole() const;
  void skip(std::string_view& bytes);

  Part part_ = Part::kHead;
  std::string line_;
  size_t head_bytes_ = 0;
  bool first_line_ = true, chunked_ = false, sized_ = false, last_ = false, done_ = false, garbled_ = false;
  int status_ = 0;
  uint64_t left_ = 0;  // bytes of the body or the chunk, its line end included
};

}  // namespace outrigger::measure
