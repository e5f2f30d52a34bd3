// Probes of services that are processes: a command in their sandbox, a connection, a web page,
// grpc.health.v1. Each ends by its timeout. Thread-safety: any thread.
#pragma once

#include "dpu/health/probes.h"
#include "manifest/objects.h"

namespace outrigger::agent {

Probe reach_probe(const ProbeSources& sources, const manifest::Service& service);

// The parts, for tests.
Finding try_tcp(const IpAddress& address, uint16_t port, absl::Duration timeout);
Finding try_http(const IpAddress& address, uint16_t port, const std::string& path, absl::Duration timeout);
Finding try_grpc(const IpAddress& address, uint16_t port, const std::string& service, absl::Duration timeout);

}  // namespace outrigger::agent
