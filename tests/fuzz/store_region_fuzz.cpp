// Recovery of a region that was harmed: a good one, sealed or not, in which the input overwrites
// bytes (two for the place, one for the value, again and again) and which it then cuts. What is
// found lies inside of the file, and what a scan finds reads as it was written.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "store/directory.h"
#include "store/region.h"
#include "support/memory_files.h"

using namespace weir;
using namespace weir::store;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

struct Harm {
  test::MemoryFiles files;
  const std::string path = "d/region-00000001";
  std::vector<std::string> payloads;

  explicit Harm(bool sealed) {
    const auto region = *make_region(files, path, {1, 42, 7}, 0);
    std::vector<Entry> entries;
    for (std::size_t n = 0; n < 6; ++n) {
      payloads.emplace_back(n * 37, static_cast<char>('a' + n));
      Record r;
      r.kind = n % 3 == 0   ? RecordKind::kObject
               : n % 3 == 1 ? RecordKind::kChunk
                            : RecordKind::kTombstone;
      r.sequence = n + 1;
      r.key = {n / 3, 1};
      r.body = n / 3;
      r.length = static_cast<std::uint32_t>(payloads.back().size());
      const Bytes payload = std::as_bytes(std::span(payloads.back()));
      RecordHeader header;
      encode(r, checksum(payload), region->salt(), header);
      const std::string pad(record_bytes(payload.size()) - kRecordHeaderBytes - payload.size(), 0);
      const Bytes pieces[] = {header, payload, std::as_bytes(std::span(pad))};
      require(write_all(region->file(), pieces, region->end()).has_value());
      entries.push_back({r, static_cast<std::uint32_t>(region->end())});
      region->set_end(region->end() + record_bytes(payload.size()));
    }
    if (sealed) require(region->seal(entries).has_value());
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  Harm harm((data[0] & 1) != 0);
  auto& content = harm.files.content(harm.path);
  for (std::size_t i = 3; i + 2 < size; i += 3) {
    const std::size_t at = (data[i] + 256u * data[i + 1]) % content.size();
    content[at] = std::byte{data[i + 2]};
  }
  if ((data[0] & 2) != 0) content.resize((data[1] + 256u * data[2]) % (content.size() + 1));

  const auto opened = open_region(harm.files, harm.path, FileSystem::Open::kWrite);
  if (!opened) return 0;
  for (const bool verify : {false, true}) {
    const auto found = survey(**opened, verify);
    require(found.has_value());
    Directory directory;
    for (const bool chunks : {false, true}) directory.recover(found->entries, 1, 1, chunks);
    directory.remove_worthless();
    for (const Entry& e : found->entries) {
      require(e.offset + kRecordHeaderBytes + e.record.length <= content.size());
      std::string payload(e.record.length, '?');
      const auto bytes = std::as_writable_bytes(std::span(payload));
      const auto record = read_record(**opened, e.offset, bytes);
      require(record.has_value() || !verify);  // contents that were not verified may be wrong
      if (record) require(record->sequence - 1 < harm.payloads.size());
      if (record) require(payload == harm.payloads[record->sequence - 1]);
    }
  }
  return 0;
}
