#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/service_type.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "dpu/api.h"

namespace outrigger::agent {

namespace {

constexpr int kMaxMessage = 512 << 20;  // a whole desired state of a large fleet
constexpr int kThreads = 4;
constexpr auto kGrace = std::chrono::seconds(2);  // for calls in flight when we stop

bool answers(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool connected = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return connected;
}

// Leaves the path free to bind to.
absl::Status clear(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat("socket path ", socket, " is ", socket.size(),
                                                   " bytes long, at most ", sizeof(address.sun_path) - 1,
                                                   "; choose a shorter one with --socket"));
  }
  std::memcpy(address.sun_path, socket.c_str(), socket.size());
  std::error_code failure;
  std::filesystem::create_directories(std::filesystem::absolute(socket).parent_path(), failure);
  if (failure)
    return absl::PermissionDeniedError(
        absl::StrCat("cannot make the folder of ", socket, ": ", failure.message()));
  struct stat file {};
  if (lstat(socket.c_str(), &file) != 0) return absl::OkStatus();
  if (!S_ISSOCK(file.st_mode))
    return absl::AlreadyExistsError(absl::StrCat(socket, " exists and is no socket"));
  if (answers(address)) return absl::AlreadyExistsError(absl::StrCat("another daemon answers on ", socket));
  if (unlink(socket.c_str()) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot replace ", socket));
  return absl::OkStatus();
}

class GrpcServer : public Server {
 public:
  explicit GrpcServer(Agent& agent)
      : config_(make_config_service(agent)),
        inspect_(make_inspect_service(agent)),
        more_(agent.more),
        listen_(agent.listen),
        events_(agent.events) {}

  ~GrpcServer() override {
    listener_.reset();
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + kGrace);
    unlink(socket_.c_str());
  }

  grpc::Server& grpc() override { return *server_; }

  absl::Status start(const std::string& socket) {
    if (absl::Status status = clear(socket); !status.ok()) return status;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(absl::StrCat("unix:", socket), grpc::InsecureServerCredentials());
    builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
    builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kThreads);
    builder.SetMaxReceiveMessageSize(kMaxMessage);
    builder.SetMaxSendMessageSize(kMaxMessage);
    builder.RegisterService(config_.get());
    builder.RegisterService(inspect_.get());
    for (grpc::Service* service : more_) builder.RegisterService(service);
    if (!listen_.address.empty()) {
      auto listener = secure::add_listener(listen_, events_, builder);
      if (!listener.ok()) return listener.status();
      listener_ = *std::move(listener);
    }
    const mode_t before = umask(0177);  // from the first moment on, only the owner may connect
    server_ = builder.BuildAndStart();
    umask(before);
    if (server_ == nullptr) return absl::InternalError(absl::StrCat("cannot listen on ", socket));
    if (listener_ != nullptr) listener_->start();
    socket_ = socket;
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<grpc::Service> config_;
  std::unique_ptr<grpc::Service> inspect_;
  std::vector<grpc::Service*> more_;
  secure::ListenOptions listen_;
  Events* events_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<secure::ManagementListener> listener_;
  std::string socket_;
};

}  // namespace

grpc::Status to_grpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::StatusOr<std::unique_ptr<Server>> Server::listen(Agent& agent, const std::string& socket) {
  auto server = std::make_unique<GrpcServer>(agent);
  if (absl::Status status = server->start(socket); !status.ok()) return status;
  return server;
}

}  // namespace outrigger::agent
