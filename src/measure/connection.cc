#include "measure/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>

#include <array>
#include <cerrno>

namespace outrigger::measure {

Connection::Connection(const Address& address, const Target& target, bool fresh, int epoll, uint32_t number)
    : address_(address),
      fresh_(fresh || always_fresh(target)),
      just_connect_(target.protocol == "connect"),
      epoll_(epoll),
      number_(number),
      dialogue_(dialogue_for(target)) {}

void Connection::abandon() {
  socket_.reset();
  state_ = State::kClosed;
}

Connection::Outcome Connection::fail() {
  abandon();
  return Outcome::kFailed;
}

Connection::Outcome Connection::ask(uint64_t intended) {
  intended_ = intended;
  sent_ = 0;
  dialogue_->begin();
  return state_ == State::kIdle ? connected() : open();
}

// A probe that opens many connections leaves none waiting for their end (TIME_WAIT): ports would run out.
Connection::Outcome Connection::open() {
  socket_.reset(socket(address_.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket_) return fail();
  const int on = 1;
  const linger at_once{1, 0};
  (void)setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  (void)setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  state_ = State::kConnecting;
  const int failed =
      connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address_.bytes), address_.length);
  if (failed != 0 && errno != EINPROGRESS) return fail();
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = uint64_t{number_} << 32 | ++socket_number_;
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_.get(), &event) != 0) return fail();
  return failed == 0 ? connected() : Outcome::kWaiting;
}

Connection::Outcome Connection::connected() {
  state_ = State::kAsked;
  return just_connect_ ? answered(Answer::kGood) : send_rest();
}

Connection::Outcome Connection::send_rest() {
  const std::string& request = dialogue_->request();
  while (sent_ < request.size()) {
    const ssize_t size = send(socket_.get(), request.data() + sent_, request.size() - sent_, MSG_NOSIGNAL);
    if (size < 0 && errno == EAGAIN) return Outcome::kWaiting;
    if (size < 0) return fail();
    sent_ += static_cast<size_t>(size);
  }
  return Outcome::kWaiting;
}

Connection::Outcome Connection::ready(uint32_t of, uint32_t events) {
  if (of != socket_number_ || !socket_) return Outcome::kWaiting;
  if (state_ == State::kConnecting) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) return fail();
    if ((events & EPOLLOUT) == 0) return Outcome::kWaiting;
    const Outcome outcome = connected();
    return outcome == Outcome::kWaiting ? receive() : outcome;
  }
  if (state_ == State::kAsked && (events & EPOLLOUT) != 0) {
    if (send_rest() == Outcome::kFailed) return Outcome::kFailed;
  }
  return receive();
}

Connection::Outcome Connection::receive() {
  std::array<char, 16 << 10> bytes;
  for (;;) {
    const ssize_t size = recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (size < 0 && errno == EAGAIN) return Outcome::kWaiting;
    if (state_ != State::kAsked) {  // closed, or said something unasked: nobody waits for it
      abandon();
      return Outcome::kWaiting;
    }
    if (size < 0) return fail();
    const Answer answer =
        size == 0 ? dialogue_->end() : dialogue_->take({bytes.data(), static_cast<size_t>(size)});
    if (answer != Answer::kMore) return answered(answer);
  }
}

Connection::Outcome Connection::answered(Answer answer) {
  if (answer == Answer::kGarbled) return fail();
  state_ = State::kIdle;
  if (fresh_ || answer == Answer::kGoodLast || answer == Answer::kBadLast) abandon();
  return answer == Answer::kGood || answer == Answer::kGoodLast ? Outcome::kAnswered : Outcome::kFailed;
}

}  // namespace outrigger::measure
