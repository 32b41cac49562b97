#include "app/recording_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

namespace weir::app {
namespace {

using delivery::Parsed;
using delivery::RecordedLine;

// No line of a recording is near as long.
constexpr std::size_t kLongest = 64 * 1024;
constexpr std::size_t kShown = 60;  // of a line that is none

enum class Got : std::uint8_t { kLine, kCutLine, kTooLong, kEnd };

class Part {
 public:
  explicit Part(std::string path) : path_(std::move(path)), in_(path_, std::ios::binary) {
    if (!in_) fault_ = std::strerror(errno);
    std::error_code ignored;
    if (in_ && std::filesystem::is_directory(path_, ignored)) fault_ = std::strerror(EISDIR);
  }

  const std::string& path() const { return path_; }
  const std::string& fault() const { return fault_; }  // empty: it can be read
  std::string place() const { return fmt::format("{}:{}", path_, number_); }

  Got next(std::string_view& line) {
    if (in_.eof() || !in_) return Got::kEnd;
    in_.getline(buffer_.get(), kLongest);
    const auto count = static_cast<std::size_t>(in_.gcount());
    if (count == 0) return Got::kEnd;
    ++number_;
    line = {buffer_.get(), count - (in_.eof() || in_.fail() ? 0 : 1)};
    if (in_.eof()) return Got::kCutLine;
    return in_.fail() ? Got::kTooLong : Got::kLine;
  }
  void rewind() {
    in_.clear();
    in_.seekg(0);
    number_ = 0;
  }

  int version = 0;
  TimePoint first = TimePoint::max();  // time in it

 private:
  std::string path_;
  std::ifstream in_;
  std::string fault_;
  std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(kLongest);
  std::size_t number_ = 0;
};

std::string shown(std::string_view line) {
  std::string out;
  for (const char c : line.substr(0, kShown)) out += c >= ' ' && c < 0x7f ? c : '?';
  return out + (line.size() > kShown ? "..." : "");
}

TimePoint time_of(const RecordedLine& line) {
  if (const auto* sample = std::get_if<delivery::Sample>(&line)) return sample->now;
  if (const auto* run = std::get_if<delivery::RecordedRun>(&line)) return run->now;
  if (const auto* begin = std::get_if<delivery::RecordedBegin>(&line)) return begin->now;
  if (const auto* end = std::get_if<delivery::RecordedEnd>(&line)) return end->now;
  return TimePoint::max();
}

// Reads the header and up to the first time.
std::expected<void, RecordingFault> look_into(Part& part) {
  if (!part.fault().empty())
    return std::unexpected(RecordingFault{fmt::format("{}: {}", part.path(), part.fault())});
  std::string_view line;
  Got got = part.next(line);
  if (got == Got::kEnd) return {};  // nothing has been written yet
  part.version = delivery::samples_version(line.substr(0, line.find('\r')));
  if (part.version == 0) {
    const bool later = line.starts_with("weir-samples ");
    return std::unexpected(RecordingFault{
        later ? fmt::format("{}: \"{}\" is of a later version of Weir", part.place(), shown(line))
              : fmt::format("{}: \"{}\" is not \"{}\", with which a recording begins", part.place(),
                            shown(line), delivery::kSamplesHeader),
        !later});
  }
  while (part.first == TimePoint::max()) {
    got = part.next(line);
    if (got != Got::kLine) break;  // what is wrong is told when it is read
    const auto parsed = delivery::parse_line(line, part.version);
    if (parsed) part.first = time_of(*parsed);
  }
  part.rewind();
  return {};
}

std::expected<void, RecordingFault> read_part(Part& part, std::size_t file, RecordingReader& reader,
                                              RecordingNotes& notes) {
  std::string_view line;
  if (part.version == 0) return {};
  if (part.version == 1) ++notes.old_files;
  part.next(line);  // the header
  for (Got got = part.next(line); got != Got::kEnd; got = part.next(line)) {
    auto parsed = got == Got::kTooLong ? std::unexpected(Parsed::kBad)
                                       : delivery::parse_line(line, part.version);
    const bool cut = got == Got::kCutLine || (!parsed && parsed.error() == Parsed::kCut);
    if (!cut && !parsed) {
      return std::unexpected(RecordingFault{
          fmt::format("{}: error: not a line of a recording\n    {}", part.place(), shown(line))});
    }
    if (cut) {
      notes.cut.push_back(part.place());
      continue;
    }
    if (const auto* loss = std::get_if<delivery::RecordedLoss>(&*parsed))
      notes.lost_lines += loss->lines;
    reader.on_line(file, std::move(*parsed));
  }
  return {};
}

}  // namespace

std::expected<RecordingNotes, RecordingFault> read_recording(const std::vector<std::string>& files,
                                                             RecordingReader& reader) {
  std::vector<std::unique_ptr<Part>> parts;
  for (const std::string& file : files) {
    parts.push_back(std::make_unique<Part>(file));
    if (const auto looked = look_into(*parts.back()); !looked)
      return std::unexpected(looked.error());
  }
  std::ranges::sort(parts, {},
                    [](const auto& part) { return std::pair(part->first, part->path()); });
  RecordingNotes notes;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (const auto read = read_part(*parts[i], i, reader, notes); !read)
      return std::unexpected(read.error());
  }
  return notes;
}

}  // namespace weir::app
