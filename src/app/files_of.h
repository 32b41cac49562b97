#pragma once
// FilesOf: while it lives, files that are made have the group of this user, as far as this process
// may. Before threads. Nothing for an empty name, or where this is not root.

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace weir::app {

class FilesOf {
 public:
  explicit FilesOf(const std::string& user) : before_(::getegid()) {
    const passwd* entry = user.empty() || ::geteuid() != 0 ? nullptr : ::getpwnam(user.c_str());
    changed_ = entry != nullptr && ::setegid(entry->pw_gid) == 0;
  }
  ~FilesOf() {
    if (changed_ && ::setegid(before_) != 0) std::abort();  // it was ours a moment ago
  }
  FilesOf(const FilesOf&) = delete;

 private:
  const gid_t before_;
  bool changed_ = false;
};

}  // namespace weir::app
