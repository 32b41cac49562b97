#include "store/region.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace weir::store {
namespace {

constexpr std::string_view kPrefix = "region-";
constexpr std::size_t kWindow = 4 * 1024 * 1024;       // of a scan, bytes
constexpr std::uint64_t kLargest = ~std::uint32_t{0};  // offset of a record

// A file read from front to back through a window.
class Scanner {
 public:
  Scanner(File& file, std::uint64_t size) : file_(file), size_(size) {}

  std::uint64_t size() const { return size_; }
  // `n` bytes at `offset`, valid until the next call; fewer at the end of the file.
  Result<std::span<const std::byte>> at(std::uint64_t offset, std::size_t n) {
    if (offset < begin_ || offset + n > begin_ + window_.size()) {
      window_.resize(static_cast<std::size_t>(
          std::min<std::uint64_t>(std::max(n, kWindow), size_ - std::min(size_, offset))));
      begin_ = offset;
      const auto got = file_.read(window_, offset);
      if (!got) return std::unexpected(got.error());
      window_.resize(*got);
    }
    const auto skip = static_cast<std::size_t>(offset - begin_);
    return std::span<const std::byte>(window_).subspan(skip, std::min(n, window_.size() - skip));
  }

 private:
  File& file_;
  const std::uint64_t size_;
  std::uint64_t begin_ = 0;
  std::vector<std::byte> window_;
};

// The table of contents, if there is a good one.
Result<bool> read_contents(Region& region, std::uint64_t size, Survey& out) {
  if (size < kRegionHeaderBytes + Region::seal_bytes(0)) return false;
  std::array<std::byte, kFooterBytes> tail;
  if (auto read = read_all(region.file(), tail, size - kFooterBytes); !read)
    return std::unexpected(read.error());
  const auto footer = decode_footer(tail, region.salt());
  const std::uint64_t most = size - kFooterBytes;
  if (!footer || footer->contents_at < kRegionHeaderBytes || footer->contents_at > most ||
      footer->contents_at > kLargest || footer->entries > most / kEntryBytes ||
      footer->contents_at + record_bytes(footer->entries * kEntryBytes) != most) {
    return false;
  }
  std::vector<std::byte> lines(footer->entries * kEntryBytes);
  const auto record = read_record(region, static_cast<std::uint32_t>(footer->contents_at), lines);
  if (!record && record.error().sys != EBADMSG) return std::unexpected(record.error());
  if (!record || record->kind != RecordKind::kContents) return false;
  out.entries.reserve(footer->entries);
  for (std::size_t at = 0; at < lines.size(); at += kEntryBytes) {
    const auto entry = decode_entry(std::span(lines).subspan(at, kEntryBytes));
    const bool inside = entry && entry->offset >= kRegionHeaderBytes &&
                        entry->offset + record_bytes(entry->record.length) <= footer->contents_at;
    if (!inside) {
      out.entries.clear();
      return false;
    }
    out.entries.push_back(*entry);
  }
  out.end = footer->contents_at;
  out.sealed = true;
  return true;
}

// Record by record, each checked. What is no record is passed over until one follows: a single
// damaged header, or a page that a power cut lost, does not hide what stands behind it.
Result<void> scan(Region& region, std::uint64_t size, Survey& out) {
  Scanner bytes(region.file(), size);
  std::uint64_t at = kRegionHeaderBytes;
  out.end = at;
  while (at + kRecordHeaderBytes <= size && at <= kLargest) {
    const auto header = bytes.at(at, kRecordHeaderBytes);
    if (!header) return std::unexpected(header.error());
    const auto found = decode_record(*header, region.salt());
    if (!found || at + kRecordHeaderBytes + found->record.length > size) {
      at += 8;
      continue;
    }
    const Record& record = found->record;
    if (record.kind == RecordKind::kContents) break;
    const auto payload = bytes.at(at + kRecordHeaderBytes, record.length);
    if (!payload) return std::unexpected(payload.error());
    if (payload->size() == record.length && checksum(*payload) == found->payload_sum) {
      out.entries.push_back({record, static_cast<std::uint32_t>(at)});
    } else {
      ++out.damaged;
    }
    out.torn += at - out.end;
    at += record_bytes(record.length);
    out.end = at;
  }
  if (!out.sealed) out.torn += size - std::min(size, out.end);
  return {};
}

}  // namespace

std::string region_name(std::uint32_t id) { return fmt::format("{}{:08x}", kPrefix, id); }

std::uint32_t region_id(std::string_view name) {
  std::uint32_t id = 0;
  if (!name.starts_with(kPrefix) || name.size() != kPrefix.size() + 8) return 0;
  const auto [end, error] =
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), id, 16);
  return error == std::errc{} && end == name.data() + name.size() ? id : 0;
}

Result<Ref<Region>> make_region(FileSystem& files, const std::string& path,
                                const RegionHeader& header, std::uint64_t reserve) {
  auto file = files.open(path, FileSystem::Open::kCreate);
  if (!file) return std::unexpected(file.error());
  std::array<std::byte, kRegionHeaderBytes> bytes;
  encode(header, bytes);
  const Bytes piece(bytes);
  auto done = (*file)->reserve(reserve);
  if (done) done = write_all(**file, std::span(&piece, 1), 0);
  if (!done) {
    (void)files.remove(path);
    return std::unexpected(done.error());
  }
  return make_ref<Region>(header, std::move(*file), kRegionHeaderBytes, false);
}

Result<Ref<Region>> open_region(FileSystem& files, const std::string& path, FileSystem::Open how) {
  auto file = files.open(path, how);
  if (!file) return std::unexpected(file.error());
  std::array<std::byte, kRegionHeaderBytes> bytes;
  const auto got = (*file)->read(bytes, 0);
  if (!got) return std::unexpected(got.error());
  const auto header = decode_region_header(std::span(bytes).first(*got));
  if (!header) return fail(Errc::kSystem, EINVAL);
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  return make_ref<Region>(*header, std::move(*file), *size, false);
}

Result<void> Region::seal(std::span<const Entry> entries) {
  std::vector<std::byte> lines(entries.size() * kEntryBytes);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    encode(entries[i], std::span(lines).subspan(i * kEntryBytes).first<kEntryBytes>());
  }
  Record record;
  record.kind = RecordKind::kContents;
  record.length = static_cast<std::uint32_t>(lines.size());
  RecordHeader header;
  encode(record, checksum(lines), salt(), header);
  std::array<std::byte, kFooterBytes> footer;
  encode(Footer{end(), entries.size()}, salt(), footer);
  const Bytes pieces[] = {header, lines, footer};  // entries are multiples of 8: no padding
  auto done = write_all(*file_, pieces, end());
  if (done) done = file_->truncate(end() + seal_bytes(entries.size()));
  if (!done) return done;
  set_end(end() + seal_bytes(entries.size()));
  sealed_ = true;
  return {};
}

Result<Survey> survey(Region& region, bool verify) {
  Survey out;
  const auto size = region.file().size();
  if (!size) return std::unexpected(size.error());
  const auto sealed = read_contents(region, *size, out);
  if (!sealed) return std::unexpected(sealed.error());
  if (*sealed && !verify) return out;
  Survey scanned;
  scanned.sealed = out.sealed;
  if (const auto done = scan(region, *size, scanned); !done) return std::unexpected(done.error());
  if (*sealed && scanned.entries.size() + scanned.damaged < out.entries.size())
    scanned.damaged = out.entries.size() - scanned.entries.size();
  return scanned;
}

Result<Record> read_record(Region& region, std::uint32_t offset, std::span<std::byte> payload) {
  RecordHeader header;
  // Small records in one read; for large ones a second read costs little beside the copy it saves.
  constexpr std::size_t kSmall = 16 * 1024;
  if (payload.size() <= kSmall) {
    std::array<std::byte, kRecordHeaderBytes + kSmall> both;
    const auto record = std::span(both).first(kRecordHeaderBytes + payload.size());
    if (const auto read = read_all(region.file(), record, offset); !read)
      return std::unexpected(read.error());
    std::copy_n(both.begin(), kRecordHeaderBytes, header.begin());
    std::copy_n(both.begin() + kRecordHeaderBytes, payload.size(), payload.begin());
  } else {
    auto read = read_all(region.file(), header, offset);
    if (read) read = read_all(region.file(), payload, offset + kRecordHeaderBytes);
    if (!read) return std::unexpected(read.error());
  }
  const auto found = decode_record(header, region.salt());
  if (!found || found->record.length != payload.size() || checksum(payload) != found->payload_sum)
    return fail(Errc::kSystem, EBADMSG);
  return found->record;
}

}  // namespace weir::store
