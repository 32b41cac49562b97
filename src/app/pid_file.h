#pragma once

#include <string>

namespace weir::app {

// A file with the number of this process, as server.pid_file names it; gone with its owner, where
// that may still remove it.
class PidFile {
 public:
  PidFile() = default;
  ~PidFile();
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

  // Does nothing for an empty path. Empty, or what went wrong.
  std::string write(const std::string& path);

 private:
  std::string path_;  // empty: there is none
};

}  // namespace weir::app
