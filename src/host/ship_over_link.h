// A shipper's Send over the host link.
#pragma once

#include <string>

#include "base/record_wire.h"
#include "host/link.h"
#include "host/shipper.h"

namespace outrigger::host {

// The link must outlive it.
inline Shipper::Send ship_over(Link& link, const std::string& node) {
  return [&link, node](const std::vector<Record>& records, uint64_t dropped) -> absl::StatusOr<uint64_t> {
    v1::ShipLogsRequest request;
    request.set_node(node);
    request.set_dropped(dropped);
    for (const Record& record : records) to_wire(record, *request.add_records());
    const auto reply = link.ship(request);
    if (!reply.ok()) return reply.status();
    return reply->kept_to();
  };
}

}  // namespace outrigger::host
