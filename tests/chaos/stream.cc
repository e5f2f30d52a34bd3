// outrigger-stream udp|tcp|denied|fill --from NETNS --to NETNS --address A --port N ...: measures a network
// from outside. Ends with --seconds, with its standard input, or by SIGTERM; then prints one JSON object.
#include <getopt.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "chaos/denied_flows.h"
#include "chaos/fill_sessions.h"
#include "chaos/tcp_streams.h"
#include "chaos/udp_stream.h"

namespace {

using namespace outrigger::chaos;
using Options = std::map<std::string, std::string>;

constexpr char kUsage[] =
    "usage: outrigger-stream udp|tcp|denied|fill --from NETNS --to NETNS --address A --port N [--seconds S]\n"
    "  udp:    [--rate PER_SECOND] [--burst N] [--payload BYTES] [--record] [--threshold MICROSECONDS]\n"
    "  tcp:    [--connections N] [--every MILLISECONDS]\n"
    "  denied: [--every MILLISECONDS]\n"
    "  fill:   [--sessions N] [--rate PER_SECOND]\n";

[[noreturn]] void usage() {
  std::fputs(kUsage, stderr);
  std::exit(2);
}

Options parse(int argc, char** argv) {
  static const option known[] = {
      {"from", 1, nullptr, 0},      {"to", 1, nullptr, 0},          {"address", 1, nullptr, 0},
      {"port", 1, nullptr, 0},      {"seconds", 1, nullptr, 0},     {"rate", 1, nullptr, 0},
      {"burst", 1, nullptr, 0},     {"payload", 1, nullptr, 0},     {"record", 0, nullptr, 0},
      {"threshold", 1, nullptr, 0}, {"connections", 1, nullptr, 0}, {"sessions", 1, nullptr, 0},
      {"every", 1, nullptr, 0},     {nullptr, 0, nullptr, 0}};
  Options found;
  int index = 0;
  for (int c; (c = getopt_long(argc, argv, "", known, &index)) != -1;) {
    if (c != 0) usage();
    found[known[index].name] = optarg != nullptr ? optarg : "";
  }
  for (const char* needed : {"from", "to", "address", "port"}) {
    if (!found.contains(needed)) usage();
  }
  return found;
}

double number(const Options& options, const char* name, double otherwise) {
  const auto found = options.find(name);
  return found == options.end() ? otherwise : std::atof(found->second.c_str());
}

std::string run(const std::string& mode, const Options& options) {
  const std::string from = options.at("from"), to = options.at("to");
  const Address destination =
      address(options.at("address"), static_cast<uint16_t>(number(options, "port", 0)));
  if (mode == "tcp") {
    return run_tcp({.from = from,
                    .to = to,
                    .destination = destination,
                    .connections = static_cast<unsigned>(number(options, "connections", 100)),
                    .every_ms = number(options, "every", 10)});
  }
  if (mode == "denied") return run_denied({from, to, destination, number(options, "every", 1)});
  if (mode == "fill") {
    return run_fill({from, to, destination, static_cast<unsigned>(number(options, "sessions", 1e6)),
                     number(options, "rate", 30'000)});
  }
  return run_udp({.from = from,
                  .to = to,
                  .destination = destination,
                  .rate = number(options, "rate", 10'000),
                  .burst = static_cast<unsigned>(number(options, "burst", 1)),
                  .payload = static_cast<unsigned>(number(options, "payload", 18)),
                  .record = options.contains("record"),
                  .threshold_us = number(options, "threshold", 500)});
}

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode != "udp" && mode != "tcp" && mode != "denied" && mode != "fill") usage();
  const Options options = parse(argc - 1, argv + 1);
  watch_for_the_end(number(options, "seconds", 0));
  std::fputs(run(mode, options).c_str(), stdout);
  return 0;
}
