// An engine process that moves nothing: attaches to (fake) ports and answers on its control socket.  How it
// misbehaves is the word after --behaviour.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <map>
#include <string>

#include "base/local_socket.h"
#include "dpu/fake_engine.h"
#include "engine/engine_server.h"
#include "outrigger/engine/v1/ports.pb.h"

namespace outrigger::agent {
namespace {

SteadyTime soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(2); }

class Engine : public FakeEngine {
 public:
  Engine(int ports, std::string behaviour) : ports_(ports), behaviour_(std::move(behaviour)) {}

  absl::StatusOr<Epoch> apply(std::string_view update) override {
    if (behaviour_ == "refuse") return absl::InternalError("this engine applies nothing");
    engine::v1::PortsCall want;
    want.mutable_want();
    (void)send_datagram(ports_, want.SerializeAsString(), {});
    (void)receive_datagram(ports_, soon());
    return FakeEngine::apply(update);
  }
  absl::Status shadow(bool) override { return absl::OkStatus(); }
  engine::ShadowReport shadow_report() override {
    engine::ShadowReport report;
    report.first_packets = 10;
    if (behaviour_ != "differ") return report;
    report.different = 1;
    report.differences = {
        {"tcp 10.1.0.5:1 -> 10.1.0.6:2", "forward", "drop", "forward -> drop policy_ingress"}};
    return report;
  }

 private:
  int ports_;
  std::string behaviour_;
};

int serve(std::map<std::string, std::string>& options) {
  const std::string behaviour = options["--behaviour"];
  if (behaviour == "crash") {
    std::cerr << "cannot find my tables" << std::endl;
    return 3;
  }
  if (behaviour == "hang") return pause();
  const std::string folder = options["--runtime"];
  auto ports = connect_to(folder + "/ports.sock", SocketKind::kDatagrams);
  if (!ports.ok()) return 4;
  engine::v1::PortsCall attach;
  attach.mutable_attach()->set_version(options["--version"]);
  attach.mutable_attach()->set_instance(options["--instance"]);
  (void)send_datagram(ports->get(), attach.SerializeAsString(), {});
  auto datagram = receive_datagram(ports->get(), soon());
  engine::v1::PortsReply reply;
  if (!datagram.ok() || !reply.ParseFromString(datagram->bytes)) return 5;
  auto listener = listen_at(folder + "/" + options["--instance"] + ".sock", SocketKind::kStream);
  if (!listener.ok()) return 6;
  Engine engine(ports->get(), behaviour);
  int never[2];
  if (pipe(never) != 0) return 7;
  engine::EngineServer(engine, {options["--version"], reply.attach().slot(), {}, {}}, *std::move(listener),
                       {getuid()})
      .serve(never[0]);
  return 0;
}

}  // namespace
}  // namespace outrigger::agent

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::map<std::string, std::string> options;
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  if (std::string(argv[argc - 1]) == "--describe") {
    const bool other = options["--behaviour"] == "other-layout";
    std::cout << "{\"version\": \"" << options["--version"]
              << "\", \"session_layout\": " << (other ? 99 : outrigger::engine::kSessionLayout)
              << ", \"memory_layout\": 1}\n";
    return 0;
  }
  return outrigger::agent::serve(options);
}
