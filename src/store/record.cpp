#include "store/record.h"

#include <bit>
#include <cstring>

#include "body/body.h"

namespace weir::store {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they are");

constexpr std::uint32_t kRecordMagic = 0x43455257;          // "WREC"
constexpr std::uint64_t kRegionMagic = 0x4e4f494745524957;  // "WIREGION"
constexpr std::uint64_t kFooterMagic = 0x44454c4145535257;  // "WRSEALED"
constexpr std::uint8_t kRefillable = 1;

template <class T>
void put(std::span<std::byte> to, std::size_t at, T value) {
  std::memcpy(to.data() + at, &value, sizeof(value));
}

template <class T>
T get(std::span<const std::byte> from, std::size_t at) {
  T value;
  std::memcpy(&value, from.data() + at, sizeof(value));
  return value;
}

// What header and entry share: bytes 16 to 64.
void put_names(const Record& r, std::span<std::byte> to) {
  put(to, 16, r.sequence);
  put(to, 24, r.key.high);
  put(to, 32, r.key.low);
  put(to, 40, r.body);
  put(to, 48, r.part);
  put(to, 56, r.total);
}

bool get_record(std::span<const std::byte> from, std::size_t kind_at, std::size_t length_at,
                Record& r) {
  const auto kind = get<std::uint8_t>(from, kind_at);
  if (kind < 1 || kind > 4) return false;
  r.kind = static_cast<RecordKind>(kind);
  r.refillable = (get<std::uint8_t>(from, kind_at + 1) & kRefillable) != 0;
  r.length = get<std::uint32_t>(from, length_at);
  r.sequence = get<std::uint64_t>(from, 16);
  r.key = {get<std::uint64_t>(from, 24), get<std::uint64_t>(from, 32)};
  r.body = get<std::uint64_t>(from, 40);
  r.part = get<std::uint64_t>(from, 48);
  r.total = get<std::uint64_t>(from, 56);
  // What no writer writes is not read, whatever its checksum says.
  const bool chunk_exists =
      r.kind != RecordKind::kChunk || r.part < body::kMaxTotal / body::kChunkSize;
  return chunk_exists && (r.total <= body::kMaxTotal || r.total == ~std::uint64_t{0});
}

std::uint8_t flags(const Record& r) { return r.refillable ? kRefillable : 0; }

}  // namespace

void encode(const Record& record, std::uint64_t payload_sum, std::uint64_t salt, RecordHeader& to) {
  to.fill({});
  put(to, 0, kRecordMagic);
  put(to, 4, static_cast<std::uint8_t>(record.kind));
  put(to, 5, flags(record));
  put(to, 8, record.length);
  put_names(record, to);
  put(to, 64, payload_sum);
  put(to, 72, checksum(std::span(to).first(72), salt));
}

std::optional<DecodedRecord> decode_record(std::span<const std::byte> header, std::uint64_t salt) {
  if (header.size() < kRecordHeaderBytes || get<std::uint32_t>(header, 0) != kRecordMagic)
    return {};
  if (get<std::uint64_t>(header, 72) != checksum(header.first(72), salt)) return {};
  DecodedRecord out{};
  if (!get_record(header, 4, 8, out.record)) return {};
  out.payload_sum = get<std::uint64_t>(header, 64);
  return out;
}

void encode(const Entry& entry, std::span<std::byte, kEntryBytes> to) {
  std::memset(to.data(), 0, to.size());
  put(to, 0, static_cast<std::uint8_t>(entry.record.kind));
  put(to, 1, flags(entry.record));
  put(to, 4, entry.offset);
  put(to, 8, entry.record.length);
  put_names(entry.record, to);
}

std::optional<Entry> decode_entry(std::span<const std::byte> line) {
  Entry out;
  if (line.size() < kEntryBytes || !get_record(line, 0, 8, out.record)) return {};
  out.offset = get<std::uint32_t>(line, 4);
  return out;
}

void encode(const RegionHeader& header, std::span<std::byte, kRegionHeaderBytes> to) {
  std::memset(to.data(), 0, to.size());
  put(to, 0, kRegionMagic);
  put(to, 8, kFormatVersion);
  put(to, 12, header.id);
  put(to, 16, header.salt);
  put(to, 24, header.disk);
  put(to, 56, checksum(to.first(56)));
}

std::optional<RegionHeader> decode_region_header(std::span<const std::byte> bytes) {
  if (bytes.size() < kRegionHeaderBytes || get<std::uint64_t>(bytes, 0) != kRegionMagic) return {};
  if (get<std::uint32_t>(bytes, 8) != kFormatVersion) return {};
  if (get<std::uint64_t>(bytes, 56) != checksum(bytes.first(56))) return {};
  return RegionHeader{get<std::uint32_t>(bytes, 12), get<std::uint64_t>(bytes, 16),
                      get<std::uint64_t>(bytes, 24)};
}

bool of_another_version(std::span<const std::byte> bytes) {
  return bytes.size() >= 12 && get<std::uint64_t>(bytes, 0) == kRegionMagic &&
         get<std::uint32_t>(bytes, 8) != kFormatVersion;
}

void encode(const Footer& footer, std::uint64_t salt, std::span<std::byte, kFooterBytes> to) {
  put(to, 0, kFooterMagic);
  put(to, 8, footer.contents_at);
  put(to, 16, footer.entries);
  put(to, 24, checksum(to.first(24), salt));
}

std::optional<Footer> decode_footer(std::span<const std::byte> bytes, std::uint64_t salt) {
  if (bytes.size() < kFooterBytes || get<std::uint64_t>(bytes, 0) != kFooterMagic) return {};
  if (get<std::uint64_t>(bytes, 24) != checksum(bytes.first(24), salt)) return {};
  return Footer{get<std::uint64_t>(bytes, 8), get<std::uint64_t>(bytes, 16)};
}

}  // namespace weir::store
