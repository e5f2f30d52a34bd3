// Pays, does not pay, or not known.  The rule, and why it is this one: docs/explanation/scorecard.md.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "scorecard/scorecard.h"
#include "scorecard/sections.h"

namespace outrigger::scorecard {

struct Ruling {
  Verdict verdict = Verdict::kInconclusive;
  std::string why;  // with the number that decided
};

// Over all sections.
Ruling rule(std::span<const Section> sections, const Counted& counted);

// Of a section of estimated figures: pays when one that decides got better and none that may say no got
// worse.
void rule_on(Section& section);

}  // namespace outrigger::scorecard
