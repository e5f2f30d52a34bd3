// "30s", "1m30s", "500ms" or "30" as seconds, "5%" as 0.05; for options.
#pragma once

#include <string>

#include "CLI/CLI.hpp"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"

namespace outrigger::cli {

inline bool parse_seconds(const std::string& text, double& seconds) {
  absl::Duration duration;
  if (absl::SimpleAtod(text, &seconds)) return seconds >= 0;
  if (!absl::ParseDuration(text, &duration) || duration < absl::ZeroDuration()) return false;
  seconds = absl::ToDoubleSeconds(duration);
  return true;
}

inline CLI::Option* add_duration(CLI::App& command, const std::string& name, double& seconds,
                                 const std::string& help) {
  return command
      .add_option_function<std::string>(
          name,
          [&seconds, name](const std::string& text) {
            if (!parse_seconds(text, seconds))
              throw CLI::ValidationError(name, "\"" + text + "\" is no duration (30s, 2m)");
          },
          help)
      ->type_name("DURATION");
}

// "5%", or "0.05" for the same.
inline bool parse_share(const std::string& text, double& share) {
  const bool percent = !text.empty() && text.back() == '%';
  if (!absl::SimpleAtod(text.substr(0, text.size() - (percent ? 1 : 0)), &share)) return false;
  if (percent) share /= 100;
  return share > 0 && share <= 1;
}

inline CLI::Option* add_percent(CLI::App& command, const std::string& name, double& share,
                                const std::string& help) {
  return command
      .add_option_function<std::string>(
          name,
          [&share, name](const std::string& text) {
            if (!parse_share(text, share))
              throw CLI::ValidationError(name,
                                         "\"" + text + "\" is no share of more than nothing (5%, 0.05)");
          },
          help)
      ->type_name("PERCENT");
}

}  // namespace outrigger::cli
