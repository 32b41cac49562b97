#include "app/store_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <thread>

#include "app/descriptors.h"
#include "app/units.h"
#include "cache/object_blob.h"
#include "cache/purge_log.h"
#include "store/inspect.h"

namespace weir::app {
namespace {

using store::InspectedRegion;
using store::RecordKind;

constexpr std::string_view kKinds[] = {"?", "chunk", "object", "tombstone", "contents"};

// The key's bytes as one word of a line.
std::string one_word(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '\\') {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

// "12.3 GiB"
std::string size_text(std::uint64_t n) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(n);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.{}f} {}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

// On a terminal only.
void show_progress(const std::string& path, std::uint64_t done, std::uint64_t all) {
  constexpr std::uint64_t kWidth = 40;
  const std::uint64_t filled = all == 0 ? kWidth : done * kWidth / all;
  fmt::print(stderr, "\r{} [{:#<{}}{:.<{}}] {} of {} ", path, "", filled, "", kWidth - filled,
             size_text(done), size_text(all));
  if (done == all) fmt::print(stderr, "\r\033[K");
}

class Tool {
 public:
  Tool(const Config& config, std::ostream& out, std::ostream& err)
      : config_(config), out_(out), err_(err) {}

  bool look(bool verify);
  void stat();
  bool check();
  void list();
  void dump();

 private:
  std::uint64_t stored_bytes(const store::StoredBody& body) const;
  std::string description(const store::StoredBody& body) const;

  const Config& config_;
  std::ostream& out_;
  std::ostream& err_;
  std::vector<std::vector<InspectedRegion>> disks_;
  store::Directory directory_;
};

bool Tool::look(bool verify) {
  bool good = true;
  const unsigned threads = verify ? std::max(1u, std::thread::hardware_concurrency()) : 1;
  for (const DiskConf& disk : config_.storage.disks) {
    store::Progress progress;
    if (verify && ::isatty(STDERR_FILENO)) {
      progress = [&](std::uint64_t done, std::uint64_t all) {
        show_progress(disk.path, done, all);
      };
    }
    auto found = store::inspect(store::posix_files(), disk.path, verify, threads, progress);
    if (!found) {
      err_ << fmt::format("weir store: {}: {}\n", disk.path, describe(found.error()));
      good = false;
    }
    disks_.push_back(found ? std::move(*found) : std::vector<InspectedRegion>{});
  }
  store::recover(directory_, disks_);
  return good;
}

std::uint64_t Tool::stored_bytes(const store::StoredBody& body) const {
  std::uint64_t sum = 0;
  for (std::uint32_t i = body.next_chunk(0); i != ~std::uint32_t{0}; i = body.next_chunk(i + 1)) {
    sum += body.chunk(i)->length;
  }
  return sum;
}

void Tool::stat() {
  std::vector<std::uint64_t> live(config_.storage.disks.size() + 1, 0);
  std::vector<std::uint64_t> objects(config_.storage.disks.size() + 1, 0);
  directory_.each([&](const Digest&, const store::StoredBody& b) {
    ++objects[b.disk];
    live[b.disk] += stored_bytes(b);
  });
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    std::uint64_t bytes = 0, records = 0, open = 0, torn = 0;
    for (const InspectedRegion& r : disks_[i]) {
      bytes += r.bytes;
      records += r.survey.entries.size();
      open += r.survey.sealed ? 0 : 1;
      torn += r.survey.torn;
    }
    out_ << fmt::format(
        "{}: {} of {} in {} regions ({} not sealed), {} records, {} objects, {} of them live, {} "
        "torn\n",
        config_.storage.disks[i].path, size_text(bytes), size_text(config_.storage.disks[i].size),
        disks_[i].size(), open, records, objects[i + 1], size_text(live[i + 1]), size_text(torn));
  }
}

bool Tool::check() {
  std::uint64_t bad = 0;
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    std::uint64_t records = 0, bytes = 0;
    for (const InspectedRegion& r : disks_[i]) {
      const std::string name = config_.storage.disks[i].path + "/" + r.name;
      records += r.survey.entries.size();
      bytes += r.bytes;
      const bool harmed = r.survey.damaged > 0 || (r.survey.sealed && r.survey.torn > 0);
      bad += harmed || r.error ? 1 : 0;
      if (r.error) out_ << fmt::format("{}: {}\n", name, describe(*r.error));
      if (harmed) {
        out_ << fmt::format("{}: {} damaged records, {} bytes that are no record\n", name,
                            r.survey.damaged, r.survey.torn);
      }
    }
    const std::string& path = config_.storage.disks[i].path;
    const auto purges = cache::PurgeLog::survey(store::posix_files(), path);
    if (purges.damaged) out_ << fmt::format("{}: the log of purges is damaged\n", path);
    bad += purges.damaged ? 1 : 0;
    out_ << fmt::format(
        "{}: {} regions, {} records, {} read, purges of {} tags and URLs, {} bans\n", path,
        disks_[i].size(), records, size_text(bytes), purges.tags, purges.bans);
  }
  out_ << (bad == 0 ? "all checksums are right\n" : fmt::format("{} files are damaged\n", bad));
  return bad == 0;
}

// Empty: it cannot be read.
std::string Tool::description(const store::StoredBody& body) const {
  const auto& regions = disks_[body.disk - 1u];
  const std::uint32_t id = body.object.region & ((1u << store::Place::kDiskShift) - 1);
  const auto it = std::ranges::find(regions, id, &InspectedRegion::id);
  if (it == regions.end() || !it->region) return {};
  std::string text(body.object.length, '\0');
  const auto bytes = std::as_writable_bytes(std::span(text));
  return store::read_record(*it->region, body.object.offset, bytes) ? text : std::string();
}

void Tool::list() {
  directory_.each([&](const Digest&, const store::StoredBody& b) {
    const auto content = cache::from_blob(description(b));
    const bool known = b.total != ~std::uint64_t{0};
    out_ << fmt::format("{} {} {} {}\n", content ? content->parts.head.status : 0, stored_bytes(b),
                        known ? std::to_string(b.total) : "?",
                        content ? one_word(content->key) : "(cannot be read)");
  });
}

void Tool::dump() {
  for (std::size_t i = 0; i < disks_.size(); ++i) {
    for (const InspectedRegion& r : disks_[i]) {
      for (const store::Entry& e : r.survey.entries) {
        out_ << fmt::format(
            "{}/{} offset={} {} seq={} key={:016x}{:016x} body={} part={:x} length={} total={}\n",
            config_.storage.disks[i].path, r.name, e.offset,
            kKinds[static_cast<std::size_t>(e.record.kind)], e.record.sequence, e.record.key.high,
            e.record.key.low, e.record.body, e.record.part, e.record.length,
            static_cast<std::int64_t>(e.record.total));
      }
    }
  }
}

}  // namespace

int store_command(const Config& config, const std::string& what, std::ostream& out,
                  std::ostream& err) {
  if (config.storage.disks.empty()) {
    err << "weir store: the conf has no [[storage.disk]]\n";
    return 1;
  }
  raise_descriptor_limit();  // each region is a file
  Tool tool(config, out, err);
  bool good = tool.look(what == "check");
  if (what == "stat") tool.stat();
  if (what == "check") good = tool.check() && good;
  if (what == "ls") tool.list();
  if (what == "dump") tool.dump();
  return good ? 0 : 1;
}

}  // namespace weir::app
