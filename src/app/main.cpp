#include "app/cli.h"
#include "app/server.h"

int main(int argc, char** argv) { return weir::app::cli_main(argc, argv, weir::app::run_server); }
