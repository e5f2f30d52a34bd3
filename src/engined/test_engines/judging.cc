#include "engined/test_engines/judging.h"

#include <utility>

namespace outrigger::engined {

namespace {

using engine::Decision;
using engine::End;
using engine::FirstPacket;
using engine::Step;
using engine::Tables;

class JudgingTables final : public Tables {
 public:
  JudgingTables(const Tables& inner, Opinion opinion) : inner_(inner), opinion_(opinion) {
    epoch = inner.epoch;
    generation = inner.generation;
    actions = inner.actions;
  }
  Step decide(const FirstPacket& packet, Decision& decision) const override {
    const Step step = inner_.decide(packet, decision);
    return opinion_(packet, step, decision);
  }
  bool changed_since(const FirstPacket&, const End&, const End&, Epoch) const override { return true; }
  size_t respond(const FirstPacket& packet, std::span<uint8_t> frame) const override {
    return inner_.respond(packet, frame);
  }
  size_t refuse(const FirstPacket& packet, Step::Error error, uint16_t mtu,
                std::span<uint8_t> frame) const override {
    return inner_.refuse(packet, error, mtu, frame);
  }
  size_t announce(PortId port, std::span<uint8_t> frame) const override {
    return inner_.announce(port, frame);
  }
  [[nodiscard]] std::vector<Capacity> capacity() const override { return inner_.capacity(); }
  size_t receivers(const FirstPacket& packet, std::span<End> out) const override {
    return inner_.receivers(packet, out);
  }

 private:
  const Tables& inner_;
  Opinion opinion_;
};

class JudgingBuilder final : public engine::TableBuilder {
 public:
  JudgingBuilder(std::unique_ptr<engine::TableBuilder> inner, Opinion opinion)
      : inner_(std::move(inner)), opinion_(opinion) {}
  absl::StatusOr<const Tables*> build(std::string_view update, Epoch epoch) override {
    return wrap(inner_->build(update, epoch));
  }
  void retire() override {
    old_.reset();
    inner_->retire();
  }
  std::vector<IpAddress> neighbours() const override { return inner_->neighbours(); }
  bool learn(IpAddress neighbour, const MacAddress& mac) override { return inner_->learn(neighbour, mac); }
  absl::StatusOr<const Tables*> rebuild(Epoch epoch) override { return wrap(inner_->rebuild(epoch)); }

 private:
  absl::StatusOr<const Tables*> wrap(absl::StatusOr<const Tables*> made) {
    if (!made.ok()) return made;
    old_ = std::exchange(now_, std::make_unique<JudgingTables>(**made, opinion_));
    return now_.get();
  }

  std::unique_ptr<engine::TableBuilder> inner_;
  Opinion opinion_;
  std::unique_ptr<JudgingTables> now_, old_;
};

}  // namespace

std::unique_ptr<engine::TableBuilder> make_judging(std::unique_ptr<engine::TableBuilder> inner,
                                                   Opinion opinion) {
  return std::make_unique<JudgingBuilder>(std::move(inner), opinion);
}

}  // namespace outrigger::engined
