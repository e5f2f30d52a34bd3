// The Journal service of the API.
#pragma once

#include <memory>

#include "dpu/journal/journal.h"

namespace grpc {
class Service;
}

namespace outrigger::agent {

// Holds on to the journal; followers end when their call is cancelled or the server shuts down.
std::unique_ptr<grpc::Service> make_journal_service(Journal& journal);

}  // namespace outrigger::agent
