// Numbers on a command line.
#pragma once

#include <CLI/CLI.hpp>

#include <cmath>
#include <string>

namespace outrigger {

// As CLI::Range, which lets "nan" through: of a number that is none every later comparison is false.
class NumberBetween : public CLI::Range {
 public:
  NumberBetween(double low, double high) : CLI::Range(low, high) {
    func_ = [range = func_](std::string& text) {
      std::string fault = range(text);
      double value = 0;
      if (fault.empty() && CLI::detail::lexical_cast(text, value) && std::isnan(value))
        fault = "Value " + text + " is no number";
      return fault;
    };
  }
};

}  // namespace outrigger
