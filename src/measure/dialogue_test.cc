#include "measure/dialogue.h"

#include <gtest/gtest.h>

namespace outrigger::measure {
namespace {

std::unique_ptr<Dialogue> dialogue(const std::string& url) {
  const auto target = parse_target(url);
  EXPECT_TRUE(target.ok()) << target.status();
  auto out = dialogue_for(*target);
  out->begin();
  return out;
}

struct Row {
  const char* what;
  const char* url;
  std::string bytes;
  Answer answer;
  bool then_closed = false;
};

const std::string kHead = "HTTP/1.1 200 OK\r\n";

const Row kRows[] = {
    {"pong", "redis://h", "+PONG\r\n", Answer::kGood},
    {"error", "redis://h", "-LOADING\r\n", Answer::kBad},
    {"half a line", "redis://h", "+PON", Answer::kMore},
    {"no reply", "redis://h", "HTTP/1.1 400\r\n", Answer::kGarbled},
    {"two replies", "redis://h", "+PONG\r\n+PONG\r\n", Answer::kGarbled},
    {"value", "redis://h/k", "$5\r\nhello\r\n", Answer::kGood},
    {"value with line ends", "redis://h/k", "$2\r\n\r\n\r\n", Answer::kGood},
    {"empty value", "redis://h/k", "$0\r\n\r\n", Answer::kGood},
    {"no such key", "redis://h/k", "$-1\r\n", Answer::kGood},
    {"part of a value", "redis://h/k", "$5\r\nhel", Answer::kMore},
    {"more than the value", "redis://h/k", "$5\r\nhello\r\n!", Answer::kGarbled},
    {"length that is none", "redis://h/k", "$-2\r\n", Answer::kGarbled},
    {"huge length", "redis://h/k", "$99999999999999\r\n", Answer::kGarbled},
    {"endless line", "redis://h", std::string(5000, '+'), Answer::kGarbled},
    {"first byte", "tcp://h:1", "x", Answer::kGood},
    {"sized", "http://h/", kHead + "Content-Length: 3\r\n\r\nabc", Answer::kGood},
    {"sized, empty", "http://h/", kHead + "content-length:0\r\n\r\n", Answer::kGood},
    {"sized, part", "http://h/", kHead + "Content-Length: 3\r\n\r\nab", Answer::kMore},
    {"sized, more", "http://h/", kHead + "Content-Length: 3\r\n\r\nabcd", Answer::kGarbled},
    {"sized, closing", "http://h/", kHead + "Connection: close\r\nContent-Length: 0\r\n\r\n",
     Answer::kGoodLast},
    {"length that is none", "http://h/", kHead + "Content-Length: -3\r\n\r\n", Answer::kGarbled},
    {"chunked", "http://h/",
     kHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", Answer::kGood},
    {"chunked, trailer", "http://h/", kHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
     Answer::kGood},
    {"chunked, not ended", "http://h/", kHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
     Answer::kMore},
    {"chunked, no number", "http://h/", kHead + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
     Answer::kGarbled},
    {"no body", "http://h/", "HTTP/1.1 204 No Content\r\n\r\n", Answer::kGood},
    {"not modified", "http://h/", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Answer::kGood},
    {"announced", "http://h/", "HTTP/1.1 103 Early\r\n\r\n" + kHead + "Content-Length: 1\r\n\r\nx",
     Answer::kGood},
    {"not found", "http://h/", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Answer::kBad},
    {"error", "http://h/", "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
     Answer::kBadLast},
    {"old", "http://h/", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", Answer::kGoodLast},
    {"old, kept", "http://h/", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx",
     Answer::kGood},
    {"to the end", "http://h/", kHead + "\r\nabc", Answer::kGoodLast, true},
    {"cut off", "http://h/", kHead + "Content-Length: 9\r\n\r\nabc", Answer::kGarbled, true},
    {"cut off in its head", "http://h/", kHead, Answer::kGarbled, true},
    {"closed at once", "redis://h", "", Answer::kGarbled, true},
    {"another protocol", "http://h/", "+PONG\r\n", Answer::kGarbled},
    {"another version", "http://h/", "HTTP/2.0 200 OK\r\n\r\n", Answer::kGarbled},
    {"endless head", "http://h/", kHead + std::string(100'000, 'x'), Answer::kGarbled},
};

TEST(Dialogue, KnowsWhereAnAnswerEnds) {
  for (const Row& row : kRows) {
    const auto one = dialogue(row.url);
    Answer answer = row.bytes.empty() ? Answer::kMore : one->take(row.bytes);
    if (row.then_closed) {
      EXPECT_EQ(answer, Answer::kMore) << row.url << " " << row.what;
      answer = one->end();
    }
    EXPECT_EQ(answer, row.answer) << row.url << " " << row.what;
  }
}

TEST(Dialogue, PiecesMakeTheSameAnswer) {
  for (const Row& row : kRows) {
    if (row.then_closed || row.bytes.empty()) continue;
    const auto one = dialogue(row.url);
    Answer answer = Answer::kMore;
    for (size_t at = 0; at < row.bytes.size() && answer == Answer::kMore; ++at)
      answer = one->take(row.bytes.substr(at, 1));
    // What follows a whole answer is seen only by who gets both at once.
    if (row.answer != Answer::kGarbled) {
      EXPECT_EQ(answer, row.answer) << row.url << " " << row.what;
    }
  }
}

TEST(Dialogue, BeginsAnew) {
  const auto one = dialogue("http://h/");
  EXPECT_EQ(one->take(kHead + "Connection: close\r\nContent-Length: 5\r\n\r\nab"), Answer::kMore);
  one->begin();
  EXPECT_EQ(one->take(kHead + "Content-Length: 1\r\n\r\nx"), Answer::kGood);
}

TEST(Dialogue, RequestsSayWhatWasNamed) {
  EXPECT_EQ(dialogue("redis://h/some-key")->request(), "*2\r\n$3\r\nGET\r\n$8\r\nsome-key\r\n");
  EXPECT_EQ(dialogue("http://[::1]:81/a/b?c=d")->request().substr(0, 42),
            "GET /a/b?c=d HTTP/1.1\r\nHost: [::1]:81\r\nUse");
  EXPECT_EQ(dialogue("connect://h:1")->request(), "");
}

TEST(Target, IsWhatItSays) {
  const auto target = parse_target("http://10.0.0.2:8080/x");
  ASSERT_TRUE(target.ok());
  EXPECT_EQ(target->protocol, "http");
  EXPECT_EQ(target->address(), "10.0.0.2:8080");
  EXPECT_EQ(target->path, "x");
  EXPECT_EQ(parse_target("redis://h")->port, 6379);
  EXPECT_EQ(parse_target("http://[fe80::1]/")->address(), "[fe80::1]:80");
}

TEST(Target, RefusesWhatIsNone) {
  for (const char* text :
       {"", "h:1", "ftp://h:1", "tcp://h", "tcp://:1", "tcp://h:0", "tcp://h:65536", "tcp://h:x",
        "tcp://[::1", "tcp://h:1/x", "redis://h/a b", "http://h/\r\nX: y", "redis://"}) {
    const auto target = parse_target(text);
    EXPECT_EQ(target.status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace outrigger::measure
