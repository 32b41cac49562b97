#pragma once
// Questions of the command line to the admin address of a running Weir.

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

#include "app/config.h"

namespace weir::app {

struct AdminQuestion {
  std::string_view path;
  std::string body = {};  // JSON, for POST; empty: GET
  Duration patience = std::chrono::seconds(5);
};

// Why there is no answer, in words for people.
struct NoAnswer {
  std::string text;
  bool absent = false;  // nobody is there
};

// The content of the answer. Blocks for as long as `patience` says at most.
std::expected<std::string, NoAnswer> ask_admin(const Config& config, const AdminQuestion& question);

}  // namespace weir::app
