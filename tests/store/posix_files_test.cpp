#include <doctest/doctest.h>

#include <filesystem>

#include "store/file_system.h"

using namespace weir;
using namespace weir::store;

TEST_CASE("a file without a name holds what is written until it is punched") {
  const auto directory = std::filesystem::temp_directory_path();
  auto file = posix_files().open_nameless(directory.string());
  REQUIRE(file);
  std::vector<std::byte> bytes(8192, std::byte{7});
  const Bytes piece(bytes);
  REQUIRE(write_all(**file, {&piece, 1}, 4096));
  REQUIRE((*file)->punch(4096, 4096));
  std::vector<std::byte> back(8192);
  REQUIRE(read_all(**file, back, 4096));
  CHECK(back[4095] == std::byte{0});
  CHECK(back[4096] == std::byte{7});
  CHECK(*(*file)->size() == 12288);
}

TEST_CASE("a file in a directory that is not there says so") {
  const auto file = posix_files().open_nameless("/nonexistent/weir");
  REQUIRE_FALSE(file);
  CHECK(file.error().sys == ENOENT);
}
