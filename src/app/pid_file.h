#pragma once

#include <string>

namespace weir::app {

// A file with the number of this process, as server.pid_file names it; gone with its owner, or
// empty where that may not remove it.
class PidFile {
 public:
  PidFile() = default;
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // While it may be made: before privileges are dropped. What stands there stays: it may be of a
  // Weir that still runs. Does nothing for an empty path. Empty, or what went wrong.
  std::string open(const std::string& path);
  // From now on it is this process that serves. Empty, or what went wrong.
  std::string write();
  void leave() { path_.clear(); }  // it is another Weir's

 private:
  bool is_ours() const;

  std::string path_;   // empty: there is none
  int fd_ = -1;        // who made the file may be another user than who ends
  bool made_ = false;  // by open(), and nothing is written yet
};

}  // namespace weir::app
