// outrigger-bundle: a host bundle from manifests, without an agent: for a host that is set up before its DPU,
// and to see what a host would carry.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "compiler/peer_fallback.h"
#include "dpu/fallback/bundle_maker.h"
#include "manifest/check.h"
#include "manifest/read.h"

namespace outrigger::agent {
namespace {

struct Options {
  std::string node, key, out, sequence;
  std::vector<std::string> manifests, services = default_host_services();
  uint64_t generation = 1;
  int64_t lifetime = 86400, age = 0;
};

int fail(const std::string& what) {
  std::cerr << "outrigger-bundle: " << what << std::endl;
  return 1;
}

int make(const Options& options) {
  absl::StatusOr<Ed25519Key> key = load_or_make(options.key);
  if (!key.ok()) return fail(std::string(key.status().message()));
  std::vector<manifest::Document> documents;
  std::vector<manifest::Fault> faults;
  for (const std::string& path : options.manifests) {
    manifest::Reading reading = manifest::read_path(path);
    std::move(reading.documents.begin(), reading.documents.end(), std::back_inserter(documents));
    std::move(reading.faults.begin(), reading.faults.end(), std::back_inserter(faults));
  }
  std::vector<const manifest::Object*> objects;
  for (const manifest::Document& document : documents) objects.push_back(&document.object);
  for (const manifest::Fault& fault : manifest::check(objects)) faults.push_back(fault);
  for (const manifest::Fault& fault : faults) std::cerr << fault.str() << "\n";
  if (!faults.empty()) return 1;
  compiler::Ids ids;
  const auto compiled = compiler::compile(objects, options.node, {"uplink", "ep%u"}, ids);
  if (!compiled.ok()) return fail(std::string(compiled.status().message()));
  const compiler::FallbackAddresses addresses = compiler::fallback_addresses(objects);
  const auto tunnel = addresses.find(options.node);
  BundleMaker maker({.node = options.node,
                     .sequence_file = options.sequence.empty() ? options.out + ".sequence" : options.sequence,
                     .lifetime = absl::Seconds(options.lifetime),
                     .clock = [&] { return absl::Now() - absl::Seconds(options.age); }},
                    *key, [&] { return options.services; });
  const auto bundle =
      maker.make(*compiled, options.generation, tunnel == addresses.end() ? IpAddress{} : tunnel->second);
  if (!bundle.ok()) return fail(std::string(bundle.status().message()));
  std::ofstream out(options.out, std::ios::binary | std::ios::trunc);
  out << bundle->SerializeAsString() << std::flush;
  return out ? 0 : fail("cannot write " + options.out);
}

int main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Makes a signed host bundle from manifests.  The key is made when there is none; its public half lies "
      "beside it as KEY.pub, for the host.",
      "outrigger-bundle");
  app.add_option("-f,--file", options.manifests, "manifest file or folder, more than once if need be")
      ->required();
  app.add_option("--node", options.node, "whose host it is for")->required();
  app.add_option("--key", options.key, "Ed25519 private key (PEM)")->required();
  app.add_option("--out", options.out, "the bundle")->required();
  app.add_option("--generation", options.generation);
  app.add_option("--sequence-file", options.sequence, "keeps the last sequence; OUT.sequence when not given");
  app.add_option("--lifetime", options.lifetime, "seconds");
  app.add_option("--made-ago", options.age, "seconds; to try what becomes of an old one");
  app.add_option("--service", options.services, "whose contract allows the host path; `none` for none");
  CLI11_PARSE(app, argc, argv);
  std::erase(options.services, "none");
  return make(options);
}

}  // namespace
}  // namespace outrigger::agent

int main(int argc, char** argv) { return outrigger::agent::main(argc, argv); }
