#include "host/observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "host/process_use.h"
#include "measure/lines.h"

namespace outrigger::host {
namespace {

using ::testing::HasSubstr;

// An observer that says what is in a file and then sleeps, or ends.
class Puppet {
 public:
  Puppet(const std::string& words, const std::string& then) {
    std::ofstream(file_ + ".said") << words;
    std::ofstream(file_) << "#!/bin/sh\necho \"$@\" > " << file_ << ".args\ncat " << file_ << ".said\n"
                         << then << "\n";
    (void)chmod(file_.c_str(), 0755);
  }
  ~Puppet() {
    for (const char* end : {"", ".said", ".args"}) (void)unlink((file_ + end).c_str());
  }
  [[nodiscard]] std::unique_ptr<Observer> start(const std::string& work = "") const {
    auto out = Observer::start({.program = file_, .name = "cg", .work = work, .rate = 7});
    EXPECT_TRUE(out.ok());
    (*out)->listen();
    return *std::move(out);
  }
  [[nodiscard]] std::string arguments() const {
    std::ifstream in(file_ + ".args");
    std::string line;
    std::getline(in, line);
    return line;
  }

 private:
  const std::string file_ = absl::StrCat(testing::TempDir(), "/puppet-", getpid());
};

measure::Window window(double cpu) {
  measure::Window out{.start_ms = 0, .length_ms = 1000};
  out.own_cpu = cpu;
  out.own_memory = 10 << 20;
  out.gaps.add(5000);
  return out;
}

std::string line(double cpu, size_t number) {
  return absl::StrCat(measure::dump(measure::json_of(window(cpu), number)), "\n");
}

// Until it has as many.
std::vector<Observed> wait_for(const Observer& observer, size_t count) {
  for (int i = 0; i < 500 && observer.since(0, 10'000).size() < count; ++i) usleep(10'000);
  return observer.since(0, 10'000);
}

TEST(Observer, KeepsWhatItHears) {
  const Puppet puppet(absl::StrCat(R"({"enforced": ["1 %"], "not_enforced": [], "missing": []})", "\n",
                                   line(0.004, 0), "nonsense\n", "{\"window\": 1}\n", line(0.008, 1)),
                      "exec sleep 60");
  const auto observer = puppet.start("redis://127.0.0.1:1");
  const std::vector<Observed> heard = wait_for(*observer, 2);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].cursor, 1u);
  EXPECT_EQ(heard[1].window.own_cpu, 0.008);
  EXPECT_EQ(heard[1].window.gaps, window(0).gaps);
  EXPECT_GT(heard[0].start_ns, 0);
  ASSERT_EQ(observer->since(1, 10).size(), 1u);
  EXPECT_EQ(observer->since(1, 10)[0].cursor, 2u);
  EXPECT_EQ(observer->since(0, 1).size(), 1u);
  EXPECT_TRUE(observer->since(2, 10).empty());
  const auto status = measure::Json::parse(observer->status_json());
  EXPECT_EQ(status["windows"], 2);
  EXPECT_EQ(status["refused"], 2);
  EXPECT_EQ(status["running"], true);
  EXPECT_NEAR(status["cpu"].get<double>(), 0.006, 1e-9);
  EXPECT_EQ(status["cpu_most"], 0.008);
  EXPECT_EQ(status["enforced"][0], "1 %");
  EXPECT_THAT(observer->figure(), HasSubstr("0.60 % of a CPU on the average, 0.80 % at most"));
  EXPECT_EQ(puppet.arguments(),
            absl::StrCat("observe --agent ", getpid(), " --cgroup cg --work redis://127.0.0.1:1 --rate 7"));
}

TEST(Observer, ForgetsTheOldest) {
  std::string said;
  for (size_t i = 0; i < Observer::kKept + 5; ++i) said += line(0.001, i);
  const Puppet puppet(said, "exec sleep 60");
  const auto observer = puppet.start();
  for (int i = 0; i < 500 && observer->since(Observer::kKept + 4, 1).empty(); ++i) usleep(10'000);
  const std::vector<Observed> heard = observer->since(0, 10'000);
  ASSERT_EQ(heard.size(), Observer::kKept);
  EXPECT_EQ(heard.front().cursor, 6u);
  EXPECT_EQ(heard.back().cursor, Observer::kKept + 5);
}

TEST(Observer, ItsDeathIsSaidAndNothingElse) {
  const Puppet puppet(line(0.001, 0), "exit 3");
  const auto observer = puppet.start();
  ASSERT_EQ(wait_for(*observer, 1).size(), 1u);
  for (int i = 0; i < 500 && observer->status_json().find("\"running\":true") != std::string::npos; ++i)
    usleep(10'000);
  EXPECT_THAT(observer->status_json(), HasSubstr("\"running\":false"));
  EXPECT_EQ(observer->since(0, 10).size(), 1u);
}

TEST(ProcessUse, CountsWhatAProcessTook) {
  ProcessUse use(getpid());
  volatile uint64_t sum = 0;
  for (uint64_t i = 0; i < 30'000'000; ++i) sum = sum + i;
  EXPECT_GT(use.take_cpu_seconds(), 0.001);
  EXPECT_LT(use.take_cpu_seconds(), 0.001);
  EXPECT_GT(use.memory().own, 100u << 10);
  EXPECT_GT(use.memory().shared, 100u << 10);
  ProcessUse gone(1 << 22);
  EXPECT_EQ(gone.take_cpu_seconds(), 0);
  EXPECT_EQ(gone.memory().bytes(), 0u);
}

}  // namespace
}  // namespace outrigger::host
