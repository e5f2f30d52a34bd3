#include "dpu/secure/pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "dpu/secure/files.h"

namespace outrigger::secure {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PkiTest : public testing::Test {
 protected:
  PkiTest() {
    std::string name = "/tmp/outrigger-pki-XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~PkiTest() override { std::filesystem::remove_all(folder_); }

  Pki made() { return *Pki::init(folder_, "test.local", Overwrite::kNo); }
  mode_t mode_of(const std::string& path) {
    struct stat file {};
    return stat(path.c_str(), &file) == 0 ? file.st_mode & 0777 : 0;
  }

  std::string folder_;
};

TEST_F(PkiTest, MakesAnAuthorityWhoseKeysAreItsOwners) {
  const Pki pki = made();
  EXPECT_EQ(mode_of(folder_ + "/ca.key"), 0600u);
  EXPECT_EQ(mode_of(folder_ + "/bundle.key"), 0600u);
  EXPECT_EQ(mode_of(folder_ + "/ca.crt"), 0644u);
  const auto key = key_from_pem(*read_file(folder_ + "/bundle.key"));
  ASSERT_TRUE(key.ok()) << key.status();
  EXPECT_EQ(EVP_PKEY_id(key->get()), EVP_PKEY_ED25519);
  EXPECT_EQ(Pki::open(folder_)->trust_domain(), "test.local");
}

TEST_F(PkiTest, OverwritesNothingUnlessTold) {
  Pki pki = made();
  const std::string before = *read_file(folder_ + "/ca.key");
  EXPECT_EQ(Pki::init(folder_, "test.local", Overwrite::kNo).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(*read_file(folder_ + "/ca.key"), before);
  const LeafRequest alice{Role::kOperator, "alice", {}, absl::Hours(24)};
  const auto first = pki.issue(alice, Overwrite::kNo);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(pki.issue(alice, Overwrite::kNo).status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(read_leaf(first->path)->serial, first->serial);
  EXPECT_NE(pki.issue(alice, Overwrite::kYes)->serial, first->serial);
}

TEST_F(PkiTest, LeafIsSignedByTheAuthorityAndCarriesItsIdentity) {
  Pki pki = made();
  const auto leaf =
      pki.issue({Role::kDpu, "host-a", {"10.0.0.1", "fd00::1", "dpu.example"}, kLeafLife}, Overwrite::kNo);
  ASSERT_TRUE(leaf.ok()) << leaf.status();
  EXPECT_EQ(leaf->identity.uri(), "spiffe://test.local/dpu/host-a");
  EXPECT_THAT(leaf->hosts, ElementsAre("host-a", "10.0.0.1", "fd00::1", "dpu.example"));
  EXPECT_EQ(mode_of(leaf->path), 0600u);
  const auto ca = certificate_from_pem(*read_file(folder_ + "/ca.crt"));
  const auto certificate = certificate_from_pem(*read_file(leaf->path));
  EXPECT_EQ(X509_verify(certificate->get(), X509_get0_pubkey(ca->get())), 1);
  const auto key = key_from_pem(*read_file(leaf->path));
  EXPECT_EQ(X509_check_private_key(certificate->get(), key->get()), 1);
}

TEST_F(PkiTest, RotationKeepsNamesAndLivesButNoKey) {
  Pki pki = made();
  const auto dpu = *pki.issue({Role::kDpu, "host-a", {"10.0.0.1"}, absl::Hours(48)}, Overwrite::kNo);
  const auto bob = *pki.issue({Role::kViewer, "bob", {}, absl::Hours(24)}, Overwrite::kNo);
  const auto alone = pki.rotate("viewer-bob");
  ASSERT_TRUE(alone.ok()) << alone.status();
  ASSERT_EQ(alone->size(), 1u);
  EXPECT_NE(alone->front().serial, bob.serial);
  EXPECT_EQ(read_leaf(dpu.path)->serial, dpu.serial);
  const auto all = pki.rotate(std::nullopt);
  ASSERT_EQ(all->size(), 2u);
  const Leaf& renewed = all->front();
  EXPECT_EQ(renewed.identity, dpu.identity);
  EXPECT_EQ(renewed.hosts, dpu.hosts);
  EXPECT_NE(renewed.serial, dpu.serial);
  EXPECT_LT(absl::AbsDuration((renewed.not_after - renewed.not_before) - (dpu.not_after - dpu.not_before)),
            absl::Seconds(2));
  EXPECT_EQ(pki.rotate("viewer-nobody").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(PkiTest, AnAuthorityIsReplacedInThreeSteps) {
  Pki pki = made();
  const auto bob = *pki.issue({Role::kViewer, "bob", {}, kLeafLife}, Overwrite::kNo);
  const auto old = certificate_from_pem(*read_file(folder_ + "/ca.crt"));
  const auto signed_by = [&bob](const Certificate& authority) {
    const auto leaf = certificate_from_pem(*read_file(bob.path));
    return X509_verify(leaf->get(), X509_get0_pubkey(authority.get())) == 1;
  };
  const std::string before = *read_file(folder_ + "/ca.crt");
  ASSERT_TRUE(pki.renew_authority().ok());
  EXPECT_TRUE(read_file(folder_ + "/ca.crt")->ends_with(before));
  EXPECT_TRUE(signed_by(*old));
  EXPECT_EQ(pki.forget_old_authorities().code(), absl::StatusCode::kFailedPrecondition);
  auto again = Pki::open(folder_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->trust_domain(), "test.local");
  ASSERT_TRUE(again->rotate(std::nullopt).ok());
  EXPECT_FALSE(signed_by(*old));
  ASSERT_TRUE(again->forget_old_authorities().ok());
  EXPECT_EQ(read_file(folder_ + "/ca.crt")->find(before), std::string::npos);
  EXPECT_TRUE(signed_by(*certificate_from_pem(*read_file(folder_ + "/ca.crt"))));
}

TEST_F(PkiTest, ADeathBetweenTheTwoFilesLeavesTheOldAuthority) {
  Pki pki = made();
  const std::string key = *read_file(folder_ + "/ca.key");
  ASSERT_TRUE(pki.renew_authority().ok());
  ASSERT_TRUE(replace_file(folder_ + "/ca.key", key, 0600).ok());
  EXPECT_TRUE(Pki::open(folder_).ok());
}

TEST_F(PkiTest, SaysWhatIsWrong) {
  EXPECT_THAT(std::string(Pki::open(folder_ + "/none").status().message()), HasSubstr("pki init"));
  Pki pki = made();
  EXPECT_EQ(pki.issue({Role::kViewer, "../ca", {}, kLeafLife}, Overwrite::kNo).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(pki.issue({Role::kViewer, "a", {"10.0.0.1"}, kLeafLife}, Overwrite::kNo).status().code(),
            absl::StatusCode::kInvalidArgument);
  std::ofstream(folder_ + "/viewer-x.pem") << "garbage";
  EXPECT_THAT(std::string(pki.list().status().message()), HasSubstr("viewer-x.pem"));
}

TEST(Identity, ReadsItsOwnUriAndNothingElse) {
  const Identity alice{"a.b", Role::kPolicyAdmin, "alice"};
  EXPECT_EQ(*parse_spiffe(alice.uri()), alice);
  for (const char* bad :
       {"", "spiffe://", "spiffe://td/operator", "spiffe://td/root/alice", "spiffe://td/host/a/b",
        "https://td/host/a", "spiffe:///host/a", "spiffe://td/host/", "spiffe://td/Host/a"}) {
    EXPECT_FALSE(parse_spiffe(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace outrigger::secure
