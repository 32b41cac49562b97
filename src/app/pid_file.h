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
  // Until then what stood there before comes back when this goes: of a Weir that still runs.
  void settle();

 private:
  bool is_ours() const;

  std::string path_;    // empty: there is none
  int fd_ = -1;         // until settle(): who made the file may be another user than who ends
  std::string before_;  // what stood there
};

}  // namespace weir::app
