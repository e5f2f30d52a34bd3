#include "dpu/secure/methods.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"

namespace outrigger::secure {
namespace {

// Every method of every service that api/outrigger/v1 declares, from the protos themselves.
std::set<std::string> declared() {
  std::ifstream in(SERVICES_FILE, std::ios::binary);
  google::protobuf::FileDescriptorSet files;
  EXPECT_TRUE(files.ParseFromIstream(&in)) << SERVICES_FILE;
  std::set<std::string> methods;
  for (const auto& file : files.file()) {
    for (const auto& service : file.service()) {
      for (const auto& method : service.method())
        methods.insert(absl::StrCat("/", file.package(), ".", service.name(), "/", method.name()));
    }
  }
  return methods;
}

TEST(Methods, EveryDeclaredMethodIsInTheTable) {
  const std::set<std::string> methods = declared();
  ASSERT_GE(methods.size(), 24u);
  for (const std::string& method : methods)
    EXPECT_NE(allowed(method), 0) << method << " is in no row of kMethods";
}

TEST(Methods, EveryRowIsDeclaredOnce) {
  const std::set<std::string> methods = declared();
  std::set<std::string_view> seen;
  for (const Method& row : kMethods) {
    EXPECT_TRUE(seen.insert(row.path).second) << row.path << " twice";
    EXPECT_TRUE(!row.path.starts_with("/outrigger.") || methods.contains(std::string(row.path))) << row.path;
  }
}

TEST(Methods, NobodyMayCallWhatIsNotThere) {
  EXPECT_EQ(allowed("/outrigger.v1.Config/Drop"), 0);
  EXPECT_EQ(allowed("/outrigger.v1.Config/Apply/"), 0);
  EXPECT_EQ(allowed(""), 0);
}

TEST(Methods, RolesKeepToTheirBounds) {
  for (const Method& row : kMethods) {
    const bool link = listener_of(row.path) == Listener::kHostLink;
    EXPECT_EQ(has(row.roles, Role::kHost), link) << row.path;
    EXPECT_EQ(has(row.roles, Role::kFleet), !link) << row.path;
    EXPECT_FALSE(has(row.roles, Role::kDpu)) << row.path;
    EXPECT_TRUE(!has(row.roles, Role::kViewer) || row.roles == kReaders) << row.path;
  }
  EXPECT_FALSE(has(allowed("/outrigger.v1.Config/Apply"), Role::kOperator));
  EXPECT_TRUE(has(allowed("/outrigger.v1.Engines/Upgrade"), Role::kOperator));
  EXPECT_FALSE(has(allowed("/outrigger.v1.Engines/Upgrade"), Role::kPolicyAdmin));
}

}  // namespace
}  // namespace outrigger::secure
