// The engine as it is shipped.
#include "engined/engined.h"
#include "services/services.h"

int main(int argc, char** argv) {
  return outrigger::engined::run(
      argc, argv, {.name = OUTRIGGER_ENGINE_VERSION, .builder = outrigger::services::make_builder});
}
