// selvage: the command line tool beside the agent.
#include "tools/cli/cli.h"

int main(int argc, char** argv) { return selvage::cli::Main(argc, argv); }
