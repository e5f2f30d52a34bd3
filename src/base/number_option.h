// Numbers on a command line.
#pragma once

#include <CLI/CLI.hpp>

#include <cmath>
#include <cstdlib>
#include <string>

namespace outrigger {

// As CLI::Range, which lets "nan" through: of a number that is none every later comparison is false.
class NumberBetween : public CLI::Range {
 public:
  NumberBetween(double low, double high) : CLI::Range(low, high) {
    func_ = [range = func_](std::string& text) {
      const std::string fault = range(text);
      const bool none = fault.empty() && std::isnan(std::strtod(text.c_str(), nullptr));
      return none ? "Value " + text + " is no number" : fault;
    };
  }
};

}  // namespace outrigger
