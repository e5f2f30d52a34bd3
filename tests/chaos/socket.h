// Sockets of other network namespaces, without a process there: a socket stays where it was made.  What fails
// ends the program: a measurement that cannot be set up has nothing to say.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "chaos/silence.h"

namespace outrigger::chaos {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "10.1.0.21" or "fd00::1", and a port; "any": of the same family.
Address address(const std::string& text, uint16_t port);
Address any_of(const Address& like, uint16_t port);

// `netns`: a name in /run/netns; empty: here.  Non-blocking by choice of `type`.
int socket_in(const std::string& netns, int family, int type, int protocol = 0);
int listening(const std::string& netns, const Address& at, int type);

[[noreturn]] void fail(const std::string& what);  // with errno
Nanoseconds now();
void sleep_until(Nanoseconds when);

// The measurement must not wait for what it measures: first in line for its CPU, woken on the spot.
void be_prompt();

// SIGTERM, SIGINT and the end of standard input end a run.
void watch_for_the_end(double seconds);
bool ended();

}  // namespace outrigger::chaos
