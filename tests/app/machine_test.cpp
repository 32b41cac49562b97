#include "app/machine.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

#include "app/pipe.h"

namespace weir::app {
namespace {

TEST_CASE("this machine has some memory, and not more than there is in the world") {
  CHECK(machine_memory() > (1ULL << 24));
  CHECK(machine_memory() < (1ULL << 50));
}

TEST_CASE("the least limit of a cgroup and those above it counts") {
  const ScratchDir dir;
  const std::string root = dir.file("cgroup");
  std::filesystem::create_directories(root + "/system/weir");
  const auto limit = [&](const std::string& group, const char* text) {
    std::ofstream(root + group + "/memory.max") << text << '\n';
  };
  CHECK(cgroup_memory(root, "/system/weir") == 0);
  limit("/system/weir", "max");
  CHECK(cgroup_memory(root, "/system/weir") == 0);
  limit("/system/weir", "2000000");
  limit("/system", "3000000");
  CHECK(cgroup_memory(root, "/system/weir") == 2'000'000);
  limit("", "1000000");
  CHECK(cgroup_memory(root, "/system/weir") == 1'000'000);
  CHECK(cgroup_memory(root, "/") == 1'000'000);
  CHECK(cgroup_memory(root, "") == 1'000'000);
}

}  // namespace
}  // namespace weir::app
