// Whether calls are really refused: over loopback, through gRPC and OpenSSL, with the certificates of `pki`.
#include <grpcpp/generic/async_generic_service.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/time/clock.h"
#include "base/descriptor.h"
#include "dpu/secure/files.h"
#include "dpu/secure/management.h"
#include "dpu/secure/wire_fixture.h"

namespace outrigger::secure {
namespace {

// Answers every method there is or is not, so that only the gate can refuse one.
class Yes : public grpc::CallbackGenericService {
  class Reactor : public grpc::ServerGenericBidiReactor {
   public:
    Reactor() { StartRead(&request_); }
    void OnReadDone(bool) override { StartWriteAndFinish(&reply_, {}, grpc::Status::OK); }
    void OnDone() override { delete this; }

   private:
    grpc::ByteBuffer request_;
    grpc::Slice slice_{"yes"};
    grpc::ByteBuffer reply_{&slice_, 1};
  };

 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override {
    const std::lock_guard lock(mutex);
    actor = actor_of(*context);
    return new Reactor;
  }
  std::mutex mutex;
  std::string actor;
};

class ManagementTest : public WireTest {
 protected:
  void SetUp() override {
    grpc::ServerBuilder builder;
    auto listener = add_listener({"127.0.0.1:0", server_files()}, &heard_, builder);
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
    port_ = listener_->port();
    builder.RegisterCallbackGenericService(&yes_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    ASSERT_NE(port_, 0);
    listener_->start();
  }
  void TearDown() override {
    listener_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  // A client of OpenSSL alone, which can do what gRPC's would not.  "TLSv1.3", or why not.
  std::string handshake(int version, const std::string& certificate) {
    const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    if (!certificate.empty()) {
      SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str());
      SSL_CTX_use_PrivateKey_file(context.get(), certificate.c_str(), SSL_FILETYPE_PEM);
    }
    const int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(file, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
    const std::unique_ptr<SSL, Freed<SSL_free>> tls(SSL_new(context.get()));
    SSL_set_fd(tls.get(), file);
    const unsigned char h2[] = {2, 'h', '2'};
    SSL_set_alpn_protos(tls.get(), h2, sizeof(h2));
    std::string result = "refused";
    char first =
        0;  // in TLS 1.3 the server judges our certificate after our side is done: its first byte tells
    if (SSL_connect(tls.get()) == 1 && SSL_read(tls.get(), &first, 1) == 1)
      result = SSL_get_version(tls.get());
    close(file);
    return result;
  }

  Yes yes_;
  int port_ = 0;
  Heard heard_;
  std::unique_ptr<ManagementListener> listener_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(ManagementTest, EveryMethodIsRefusedToEveryRoleThatMayNotCallIt) {
  for (const Role role : kRoles) {
    if (role == Role::kDpu) continue;  // its certificate opens no connection, see below
    const auto channel = dial(port_, files_for(role));
    for (const Method& method : kMethods) {
      const bool may = has(method.roles, role) && listener_of(method.path) == Listener::kManagement;
      const grpc::Status status = call(channel, std::string(method.path));
      EXPECT_EQ(status.error_code(), may ? grpc::StatusCode::OK : grpc::StatusCode::PERMISSION_DENIED)
          << name(role) << " " << method.path << ": " << status.error_message();
      if (!may) {
        EXPECT_NE(status.error_message().find(std::string(method.path)), std::string::npos);
        EXPECT_NE(status.error_message().find(std::string(name(role))), std::string::npos);
      }
    }
    EXPECT_EQ(call(channel, "/outrigger.v1.Config/Invented").error_code(),
              grpc::StatusCode::PERMISSION_DENIED);
  }
}

TEST_F(ManagementTest, HandlersLearnWhoCalls) {
  EXPECT_TRUE(call(dial(port_, files_for(Role::kOperator)), "/outrigger.v1.Config/Get").ok());
  const std::lock_guard lock(yes_.mutex);
  EXPECT_EQ(yes_.actor, "operator/someone");
}

// A descriptor, memory and five seconds for each that says nothing: of one caller only so many.
TEST_F(ManagementTest, WhoFloodsItShutsOutNobodyElse) {
  sockaddr_in from{}, to{};
  from.sin_family = to.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(static_cast<uint16_t>(port_));
  std::vector<Descriptor> flood;
  for (int i = 0; i < 700; ++i) {
    flood.emplace_back(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(bind(flood.back().get(), reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
    (void)connect(flood.back().get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
  }
  EXPECT_TRUE(call(dial(port_, files_for(Role::kViewer)), "/outrigger.v1.Config/Get").ok());
  size_t held = 0;
  for (const Descriptor& one : flood) {
    char byte = 0;
    held += recv(one.get(), &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN ? 1 : 0;
  }
  EXPECT_LT(held, 300u);
  EXPECT_EQ(heard_.count("connect", Domain::kFleet), 1u);
}

TEST_F(ManagementTest, OnlyTls13WithACertificateGetsThrough) {
  const std::string fleet = files_for(Role::kFleet).certificate;
  EXPECT_EQ(handshake(TLS1_3_VERSION, fleet), "TLSv1.3");
  EXPECT_EQ(handshake(TLS1_2_VERSION, fleet), "refused");
  EXPECT_EQ(handshake(TLS1_3_VERSION, ""), "refused");
  EXPECT_EQ(handshake(TLS1_3_VERSION, server_files().certificate), "refused");  // not for clients
}

TEST_F(ManagementTest, AnotherAuthorityIsRefusedAndRefuses) {
  const std::string other = folder_ + "/other";
  auto pki = Pki::init(other, "test.local", Overwrite::kNo);  // the same names
  issue(*pki, Role::kFleet, "someone");
  EXPECT_EQ(handshake(TLS1_3_VERSION, other + "/fleet-someone.pem"), "refused");
  TlsFiles files = files_for(Role::kFleet);
  files.authority = other + "/ca.crt";
  EXPECT_EQ(call(dial(port_, files), "/outrigger.v1.Config/Get").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ManagementTest, AnExpiredCertificateIsRefused) {
  const auto ca = certificate_from_pem(*read_file(folder_ + "/ca.crt"));
  const auto ca_key = key_from_pem(*read_file(folder_ + "/ca.key"));
  const auto key = make_p256();
  const Draft draft{.common_name = "fleet/someone",
                    .uri = "spiffe://test.local/fleet/someone",
                    .hosts = {},
                    .use = Use::kClient,
                    .not_before = absl::Now() - absl::Hours(2),
                    .not_after = absl::Now() - absl::Hours(1)};
  const auto certificate = sign(draft, **key, ca->get(), **ca_key);
  const std::string path = folder_ + "/expired.pem";
  ASSERT_TRUE(replace_file(path, *to_pem(**key) + *to_pem(**certificate), 0600).ok());
  EXPECT_EQ(handshake(TLS1_3_VERSION, path), "refused");
}

TEST_F(ManagementTest, AClientTrustsNoServerButADpu) {
  // Any certificate of the authority could otherwise pose as the DPU.  Here: of another node.
  const auto wrong = client_credentials(files_for(Role::kFleet), "node-b");
  const auto channel = grpc::CreateChannel(absl::StrCat("127.0.0.1:", port_), *wrong);
  EXPECT_EQ(call(channel, "/outrigger.v1.Config/Get").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ManagementTest, RotatedCertificatesAreUsedWithoutARestart) {
  const auto serial_seen = [this] {
    const std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
    const std::unique_ptr<BIO, Freed<BIO_free_all>> bio(BIO_new_ssl_connect(context.get()));
    BIO_set_conn_hostname(bio.get(), absl::StrCat("127.0.0.1:", port_).c_str());
    SSL* tls = nullptr;
    BIO_get_ssl(bio.get(), &tls);
    const unsigned char h2[] = {2, 'h', '2'};
    SSL_set_alpn_protos(tls, h2, sizeof(h2));
    if (BIO_do_handshake(bio.get()) != 1) return std::string("no handshake");
    const Certificate peer(SSL_get1_peer_certificate(tls));
    return serial_of(*peer);
  };
  const std::string before = read_leaf(server_files().certificate)->serial;
  EXPECT_EQ(serial_seen(), before);
  ASSERT_TRUE(Pki::open(folder_)->rotate(std::nullopt).ok());
  const std::string after = read_leaf(server_files().certificate)->serial;
  const absl::Time patience = absl::Now() + absl::Seconds(10);
  while (serial_seen() != after && absl::Now() < patience) absl::SleepFor(absl::Milliseconds(200));
  EXPECT_EQ(serial_seen(), after);
  EXPECT_TRUE(call(dial(port_, files_for(Role::kViewer)), "/outrigger.v1.Config/Get").ok());
}

TEST(ListenAddress, EverywhereMustBeSaid) {
  for (const char* good : {"10.0.0.1:7443", "[fd00::1]:7443", "0.0.0.0:7443", "[::]:7443"})
    EXPECT_TRUE(check_listen_address(good).ok()) << good;
  for (const char* bad :
       {"", ":7443", "7443", "*:7443", "[]:7443", "10.0.0.1", "10.0.0.1:70000", "localhost:7443"})
    EXPECT_FALSE(check_listen_address(bad).ok()) << bad;
}

}  // namespace
}  // namespace outrigger::secure
