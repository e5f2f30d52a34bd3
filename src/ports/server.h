// The socket that engines and the agent connect to.
// Thread-safety: one thread.
#pragma once

#include <sys/types.h>

#include <map>

#include "base/local_socket.h"
#include "ports/desk.h"
#include "ports/events.h"
#include "ports/options.h"

namespace outrigger::ports {

class Server {
 public:
  Server(Descriptor listener, Desk& desk, Events& events, const Options& options)
      : listener_(std::move(listener)), desk_(desk), events_(events), options_(options) {}

  void serve(int stop);  // until `stop` can be read

 private:
  void admit();
  bool serve_one(ConnectionId id, int socket);  // false: it is over
  void send_events();
  void leave(ConnectionId id);

  Descriptor listener_;
  Desk& desk_;
  Events& events_;
  const Options& options_;
  std::map<ConnectionId, Descriptor> connections_;
  ConnectionId last_ = 0;
};

}  // namespace outrigger::ports
