#pragma once
// Landlock (landlock(7)): the kernel keeps a process from files that it did not name. Of the
// calling thread and those it starts, for good.

#include <cstdint>
#include <string>
#include <vector>

namespace weir::app {

enum class FileUse : std::uint8_t {
  kRead,    // files are read, directories listed
  kWrite,   // and written, made and removed
  kRemove,  // files are removed, and sockets made
};

// What is beneath a directory, or a file. What does not exist is passed over.
struct FileRule {
  std::string path;
  FileUse use = FileUse::kRead;

  bool operator==(const FileRule&) const = default;
};

// The version that the kernel speaks; 0: it has none, or it is not switched on.
int landlock_version();
// From now on files are reached by these rules alone; descriptors that are open stay as they are.
// REQUIRES: no_new_privs. Returns an empty text, or why it failed, and then nothing has changed.
std::string restrict_files(const std::vector<FileRule>& rules);

}  // namespace weir::app
