// The files of the PurgeLog. The input is records, their checksums made right; an even first byte
// says that they are such as Weir writes, and what a start makes of them, whole, cut in the last
// one, or damaged, is held against store/FORMAT.md. An odd one says nothing of what the records
// hold. What a start leaves behind, the next one must read the same.

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "cache/blob.h"
#include "cache/purge_log.h"
#include "cache/tags.h"
#include "support/memory_files.h"

using namespace weir;
using namespace weir::cache;

namespace {

constexpr std::string_view kMagic = "WIRPURG1";
constexpr WallTime kNow{Seconds{1000}};

void require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : left_(reinterpret_cast<const char*>(data), size) {}
  bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    const auto taken = text(1);
    return taken.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(taken[0]);
  }
  std::string_view text(std::size_t n) {
    const std::string_view taken = left_.substr(0, n);
    left_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view left_;
};

std::string frame(std::string_view record) {
  BlobWriter out;
  out.number(static_cast<std::uint32_t>(record.size()));
  out.number(hash64(record, record.size()));
  return out.take() + std::string(record);
}

Digest tag(std::uint8_t n) { return tag_digests(std::string(1, static_cast<char>('a' + n)))[0]; }

struct Purge {
  std::uint8_t kind = 1;
  std::uint64_t number = 0;
  bool soft = false;
  std::uint8_t tag = 0;
};

std::string record_of(const Purge& p) {
  BlobWriter out;
  out.number(p.kind);
  out.number(p.number);
  out.number(static_cast<std::uint8_t>(p.soft));
  out.seconds(Seconds{500});
  if (p.kind == 1) out.digest(tag(p.tag));
  if (p.kind == 2) {
    out.number(std::uint8_t{1});
    out.text("path ^= /nowhere");
  }
  return out.take();
}

PurgeLog::Verdict judge(const PurgeLog& log, std::uint8_t n, std::uint64_t born) {
  http::Response head;
  head.status = 200;
  const Digest tags[] = {tag(n)};
  return log.judge("http://a/b", tags, head, born);
}

std::string only_file(const test::MemoryFiles& files, const std::string& directory) {
  std::string found;
  for (const std::string& name : files.names()) {
    if (!name.starts_with(directory + "/")) continue;
    require(found.empty());
    found = name;
  }
  return found;
}

void write_file(test::MemoryFiles& files, const std::string& path, std::string_view bytes) {
  auto file = *files.open(path, store::FileSystem::Open::kCreate);
  const store::Bytes piece = std::as_bytes(std::span(bytes));
  require(store::write_all(*file, std::span(&piece, 1), 0).has_value());
}

// All tags at some ages: what two logs must agree upon.
void compare(const PurgeLog& one, const PurgeLog& two, const std::vector<std::uint64_t>& born) {
  require(one.tags() == two.tags() && one.bans() == two.bans());
  require(one.knows_parts() == two.knows_parts());
  for (std::uint8_t n = 0; n < 4; ++n) {
    for (const std::uint64_t b : born) {
      const auto v = judge(one, n, b), w = judge(two, n, b);
      require(v.gone == w.gone && v.stale_since == w.stale_since);
    }
  }
}

void reopen(test::MemoryFiles& files, const PurgeLog& before, std::vector<std::uint64_t> born) {
  (void)only_file(files, "a");
  PurgeLog again(files, {.directories = {"a"}}, kNow);
  born.push_back(before.first());
  born.push_back(before.first() - 1);
  compare(before, again, born);
}

void good(Input& in) {
  std::vector<Purge> purges;
  std::string bytes(kMagic);
  std::vector<std::size_t> begins;
  for (int n = in.byte() % 16; n > 0; --n) {
    Purge p;
    p.number = (purges.empty() ? 0 : purges.back().number) + 1 + in.byte();
    const std::uint8_t what = in.byte();
    p.kind = what % 8 == 0 ? std::uint8_t{2} : what % 8 == 1 ? std::uint8_t{4} : std::uint8_t{1};
    p.soft = (what & 8) != 0;
    p.tag = (what >> 4) % 4;
    begins.push_back(bytes.size());
    bytes += frame(record_of(p));
    purges.push_back(p);
  }
  bool damaged = false;
  const std::uint8_t how = in.byte();
  if (how % 4 == 1 && !purges.empty()) {  // cut in the last record
    bytes.resize(begins.back() + in.byte() % (bytes.size() - begins.back()));
    purges.pop_back();
  } else if (how % 4 == 2 && purges.size() > 1) {  // harmed before the last record
    bytes[in.byte() % begins.back()] ^= static_cast<char>(in.byte() | 1);
    damaged = true;
  }
  test::MemoryFiles files;
  write_file(files, "a/purges-0000000000000007", bytes);
  const PurgeLog log(files, {.directories = {"a"}}, kNow);
  require(judge(log, 0, log.first() - 1).gone == damaged);
  require(!judge(log, 0, log.first()).gone);
  std::vector<std::uint64_t> born = {0};
  for (const Purge& p : purges) born.push_back(p.number);
  for (std::uint8_t n = 0; !damaged && n < 4; ++n) {
    for (const std::uint64_t b : born) {
      bool gone = false, stale = false;
      for (const Purge& p : purges) {
        if (p.kind == 1 && p.tag == n && p.number > b) (p.soft ? stale : gone) = true;
      }
      const auto verdict = judge(log, n, b);
      require(verdict.gone == gone && (gone || verdict.stale_since.has_value() == stale));
    }
  }
  reopen(files, log, born);
}

// Records of any content, and of any begin and end of the file.
void wild(Input& in) {
  const std::uint8_t how = in.byte();
  std::string bytes((how & 1) != 0 ? "" : kMagic);
  while (!in.empty()) {
    const std::uint8_t n = in.byte();
    if (n % 16 == 0) {
      bytes += in.text(n / 16);  // no record
    } else {
      bytes += frame(in.text(n));
    }
  }
  test::MemoryFiles files;
  write_file(files, "a/purges-0000000000000007", bytes);
  if ((how & 2) != 0) write_file(files, "b/purges-0000000000000003", bytes);
  const PurgeLog log(files, {.directories = {"a", "b"}}, kNow);
  reopen(files, log, {0, 1, 1000});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in(data, size);
  in.byte() % 2 == 0 ? good(in) : wild(in);
  return 0;
}
