#include <unistd.h>

#include <csignal>
#include <iostream>

#include "cli/commands.h"

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_DFL);  // `outrigger sessions | head` ends quietly
  return outrigger::cli::run(argc, argv, std::cout, std::cerr, outrigger::cli::connect,
                             isatty(STDOUT_FILENO) == 1);
}
