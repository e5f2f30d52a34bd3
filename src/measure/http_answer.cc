#include "measure/http_answer.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace outrigger::measure {

namespace {

constexpr size_t kMostHead = 64 << 10;
constexpr uint64_t kMostBody = uint64_t{1} << 40;

}  // namespace

Answer HttpAnswer::whole() const {
  const bool good = status_ >= 200 && status_ < 400;
  if (last_) return good ? Answer::kGoodLast : Answer::kBadLast;
  return good ? Answer::kGood : Answer::kBad;
}

Answer HttpAnswer::end() { return part_ == Part::kToTheEnd ? whole() : Answer::kGarbled; }

bool HttpAnswer::take_line(std::string_view& bytes) {
  const size_t end = bytes.find('\n');
  const std::string_view part = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
  line_.append(part);
  head_bytes_ += part.size();
  bytes.remove_prefix(part.size());
  garbled_ = garbled_ || line_.size() > kMostHead || head_bytes_ > kMostHead;
  if (end == std::string_view::npos || garbled_) return false;
  line_ = std::string(absl::StripTrailingAsciiWhitespace(line_));
  return true;
}

bool HttpAnswer::take_head_line() {
  if (first_line_) {
    first_line_ = false;
    last_ = absl::StartsWith(line_, "HTTP/1.0 ");
    return line_.size() >= 12 && (last_ || absl::StartsWith(line_, "HTTP/1.1 ")) &&
           absl::SimpleAtoi(line_.substr(9, 3), &status_) && status_ >= 100;
  }
  const std::pair<std::string, std::string> field = absl::StrSplit(line_, absl::MaxSplits(':', 1));
  const std::string name = absl::AsciiStrToLower(field.first);
  const std::string value = absl::AsciiStrToLower(absl::StripAsciiWhitespace(field.second));
  if (name == "connection") last_ = value == "close" || (last_ && value != "keep-alive");
  if (name == "transfer-encoding") chunked_ = absl::EndsWith(value, "chunked");
  if (name != "content-length") return true;
  sized_ = absl::SimpleAtoi(value, &left_) && left_ <= kMostBody;
  return sized_;
}

// Behind the empty line that ends the head.  1xx only announce the answer; 204 and 304 have no body.
bool HttpAnswer::begin_body() {
  if (status_ < 200) {
    first_line_ = true;
    return status_ != 101;
  }
  if (status_ == 204 || status_ == 304) {
    done_ = true;
  } else if (chunked_) {
    part_ = Part::kChunkLine;
  } else if (sized_) {
    part_ = Part::kBody;
    done_ = left_ == 0;
  } else {
    part_ = Part::kToTheEnd;
    last_ = true;
  }
  return true;
}

bool HttpAnswer::take_chunk_line() {
  const std::string size(absl::StripAsciiWhitespace(line_.substr(0, line_.find(';'))));
  head_bytes_ = 0;
  if (size.empty() || !absl::SimpleHexAtoi(size, &left_) || left_ > kMostBody) return false;
  part_ = left_ == 0 ? Part::kTrailer : Part::kChunk;
  left_ += left_ == 0 ? 0 : 2;
  return true;
}

void HttpAnswer::skip(std::string_view& bytes) {
  const auto some = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
  bytes.remove_prefix(some);
  left_ -= some;
  if (left_ > 0) return;
  if (part_ == Part::kChunk) {
    part_ = Part::kChunkLine;
  } else {
    done_ = true;
  }
}

Answer HttpAnswer::take(std::string_view bytes) {
  while (!bytes.empty() && !done_ && !garbled_) {
    if (part_ == Part::kToTheEnd) return Answer::kMore;
    if (part_ == Part::kBody || part_ == Part::kChunk) {
      skip(bytes);
      continue;
    }
    if (!take_line(bytes)) continue;
    if (part_ == Part::kHead)
      garbled_ = !(line_.empty() && !first_line_ ? begin_body() : take_head_line());
    else if (part_ == Part::kChunkLine)
      garbled_ = !take_chunk_line();
    else
      done_ = line_.empty();
    line_.clear();
  }
  if (garbled_ || (done_ && !bytes.empty())) return Answer::kGarbled;
  return done_ ? whole() : Answer::kMore;
}

}  // namespace outrigger::measure
