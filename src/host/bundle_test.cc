#include "host/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace outrigger::host {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class BundleTest : public ::testing::Test {
 protected:
  BundleTest() {
    bundle_.set_node("host-a");
    bundle_.set_generation(7);
    bundle_.set_sequence(40);
    bundle_.set_not_before(absl::ToUnixSeconds(kNow));
    bundle_.set_not_after(absl::ToUnixSeconds(kNow + absl::Hours(24)));
    bundle_.add_services("policy");
  }
  v1::SignedBundle sign(const Ed25519Key& key) {
    v1::SignedBundle out;
    out.set_bundle(bundle_.SerializeAsString());
    out.set_signature(key.sign(bundle_message(out.bundle())));
    out.set_key_id(key.id());
    return out;
  }
  std::string refusal(const v1::SignedBundle& bundle, Accepted last = {}, absl::Time now = kNow) {
    return std::string(check_bundle(bundle, key_, "host-a", last, now).status().message());
  }
  std::string refusal() { return refusal(sign(key_)); }

  const Ed25519Key key_ = *Ed25519Key::make();
  v1::HostBundle bundle_;
};

TEST_F(BundleTest, AGoodOneIsTaken) {
  const auto taken = check_bundle(sign(key_), key_, "host-a", {7, 40}, kNow + absl::Hours(23));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->generation(), 7u);
}

TEST_F(BundleTest, EachRefusalHasItsName) {
  v1::SignedBundle one = sign(key_);
  one.clear_signature();
  EXPECT_THAT(refusal(one), StartsWith("unsigned:"));
  EXPECT_THAT(refusal(sign(*Ed25519Key::make())), StartsWith("other_key:"));
  one = sign(*Ed25519Key::make());
  one.set_key_id(key_.id());
  EXPECT_THAT(refusal(one), StartsWith("bad_signature:"));
  one = sign(key_);
  one.mutable_bundle()->back() ^= 1;
  EXPECT_THAT(refusal(one), StartsWith("bad_signature:"));
  one = sign(key_);
  one.mutable_bundle()->pop_back();
  EXPECT_THAT(refusal(one), StartsWith("bad_signature:"));
  EXPECT_THAT(refusal(v1::SignedBundle{}), StartsWith("truncated:"));
  one.set_bundle("\x0a\x7f");
  one.set_signature(key_.sign(bundle_message(one.bundle())));
  EXPECT_THAT(refusal(one), StartsWith("truncated:"));
}

TEST_F(BundleTest, TimeOrderNodeAndServices) {
  EXPECT_THAT(refusal(sign(key_), {}, kNow + absl::Hours(25)), StartsWith("expired:"));
  EXPECT_THAT(refusal(sign(key_), {}, kNow - absl::Minutes(6)), StartsWith("not_yet_valid:"));
  EXPECT_EQ(refusal(sign(key_), {}, kNow - absl::Minutes(4)), "");
  EXPECT_THAT(refusal(sign(key_), {7, 41}), StartsWith("older: sequence 40 of generation 7, taken was 41"));
  EXPECT_THAT(refusal(sign(key_), {8, 39}), StartsWith("older:"));
  bundle_.add_services("agent");
  EXPECT_THAT(refusal(), StartsWith("unknown_service: agent"));
  bundle_.set_node("host-b");
  EXPECT_THAT(refusal(), StartsWith("other_node: for host-b, this is host-a"));
}

// The bytes of another kind of message, signed by the same key, are no bundle.
TEST_F(BundleTest, ASignatureIsOfABundleAlone) {
  v1::SignedBundle one = sign(key_);
  one.set_signature(key_.sign(one.bundle()));
  EXPECT_THAT(refusal(one), StartsWith("bad_signature:"));
}

TEST_F(BundleTest, WhatIsKeptIsFoundAgain) {
  char folder[] = "/tmp/bundle_test.XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  const std::string file = std::string(folder) + "/bundle";
  EXPECT_EQ(load_accepted(file)->sequence, 0u);
  ASSERT_TRUE(save_bundle(file, sign(key_), {7, 40}).ok());
  EXPECT_EQ(load_accepted(file)->generation, 7u);
  EXPECT_EQ(load_accepted(file)->sequence, 40u);
  EXPECT_EQ(refusal(*load_bundle(file)), "");
  ASSERT_TRUE(write_file(file + ".accepted", "rubbish").ok());
  EXPECT_THAT(std::string(load_accepted(file).status().message()), HasSubstr("damaged"));
  ASSERT_TRUE(key_.save(std::string(folder) + "/key").ok());
  EXPECT_EQ(Ed25519Key::load_public(std::string(folder) + "/key.pub")->id(), key_.id());
  EXPECT_FALSE(Ed25519Key::load_private(std::string(folder) + "/key.pub").ok());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace outrigger::host
