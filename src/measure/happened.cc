#include "measure/happened.h"

#include <iterator>

namespace outrigger::measure {

namespace {

void append(auto from, auto& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void add(Happened happened, Measurement& into) {
  if (!into.incidents) into.incidents.emplace();
  append(std::move(happened.incidents), *into.incidents);
  append(std::move(happened.blackout_ms), into.cost.blackout_ms);
  append(std::move(happened.notes), into.notes);
}

}  // namespace outrigger::measure
