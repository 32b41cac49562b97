#include "cache/purge_log.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <memory>

#include "../store/disk_bench.h"
#include "cache/tags.h"

using namespace std::chrono_literals;
using namespace weir;
using namespace weir::cache;

namespace {

constexpr WallTime kNow{1'000'000s};

Ref<Ban> ban(const char* condition) { return *Ban::parse({condition}); }

struct Bench {
  test::MemoryFiles files;
  std::vector<std::string> directories = {"a"};
  std::vector<std::size_t> lost;
  std::function<bool(std::size_t)> make_room;
  std::unique_ptr<PurgeLog> log;
  std::uint64_t number = 0;
  WallTime now = kNow;

  Bench() { open(); }
  void open(bool started = true) {
    log = nullptr;
    PurgeLog::Settings s{.directories = directories};
    s.lost = [this](std::size_t i, Error) { lost.push_back(i); };
    s.make_room = make_room;
    log = std::make_unique<PurgeLog>(files, std::move(s), now += 1s);
    number = log->first();
    if (started) log->start();
  }
  Purging next(PurgeMode mode = PurgeMode::kHard) { return {mode, ++number, kNow}; }
  void written() {
    store::Desk desk;
    if (!log->await(log->added(), desk, desk)) desk.wait();
  }
  PurgeLog::Verdict judge(std::uint64_t born, std::string_view tags = "t",
                          std::string_view url = "http://a/b") const {
    http::Response head;
    head.status = 200;
    return log->judge(url, tag_digests(tags), head, born);
  }
  std::string file() const {
    for (const std::string& name : files.names()) {
      if (name.starts_with("a/purges-")) return name;
    }
    return {};
  }
};

}  // namespace

TEST_CASE("An object is judged by the purges that came after it was asked for") {
  Bench b;
  const std::uint64_t before = b.number;
  b.log->add_tag(digest("t"), b.next());
  const std::uint64_t between = b.number;
  b.log->add_tag(digest("soft"), b.next(PurgeMode::kSoft));
  b.log->add_ban(ban("path ^= /b"), b.next());
  const std::uint64_t after = b.number;
  const auto look = [&] {
    CHECK(b.judge(before).gone);
    CHECK(b.judge(between).gone);  // by the ban
    CHECK_FALSE(b.judge(between, "t", "http://a/c").gone);
    CHECK_FALSE(b.judge(before, "u", "http://a/c").gone);
    CHECK_FALSE(b.judge(before, "u", "http://a/c").stale_since);
    CHECK(b.judge(before, "u soft", "http://a/c").stale_since == kNow);
    CHECK_FALSE(b.judge(after, "t soft").gone);
    CHECK_FALSE(b.judge(after, "t soft").stale_since);
  };
  look();
  CHECK(b.judge(after).number == after);
  for (int round = 0; round < 3; ++round) {
    b.open();
    look();
    CHECK(b.log->first() > after);
    CHECK(b.log->tags() == 2);
    CHECK(b.log->bans() == 1);
  }
}

TEST_CASE("A verdict says up to which purge it holds, whatever the order in which they are told") {
  Bench b;
  const std::uint64_t first = b.number;
  b.log->add_tag(digest("t"), {PurgeMode::kHard, first + 2, kNow});
  CHECK(b.judge(first).number == first);
  b.log->pass(first + 3);
  CHECK(b.judge(first).number == first);
  b.log->pass(first + 1);
  CHECK(b.judge(first).number == first + 3);
}

TEST_CASE("A start without a log, or with a damaged one, takes all that was stored for purged") {
  Bench b;
  const std::uint64_t born = b.number;
  CHECK_FALSE(b.judge(born).gone);
  b.log->add_tag(digest("other"), b.next());
  b.log->add_tag(digest("another"), b.next());
  b.log = nullptr;
  REQUIRE(b.files.names().size() == 1);

  SUBCASE("nothing happened to it") {
    b.open();
    CHECK_FALSE(b.judge(born).gone);
  }
  SUBCASE("cut in its last record, as by a kill") {
    for (std::size_t cut = 1; cut <= 40; ++cut) {
      auto& bytes = b.files.content(b.file());
      bytes.resize(bytes.size() - 1);
      Bench other;
      other.files.content(other.file()) = bytes;
      other.open();
      CHECK_FALSE(other.judge(born).gone);
      CHECK(other.judge(born, "other").gone);
      CHECK_FALSE(other.judge(born, "another").gone);
    }
  }
  SUBCASE("a bit flipped before its end") {
    const std::size_t size = b.files.content(b.file()).size();
    for (std::size_t bit = 0; bit < (size - 60) * 8; bit += 7) {
      Bench other;
      other.files.content(other.file()) = b.files.content(b.file());
      other.files.flip(other.file(), bit);
      other.open();
      CAPTURE(bit);
      CHECK(other.judge(born).gone);
      CHECK_FALSE(other.judge(other.log->first()).gone);
    }
  }
  SUBCASE("a bit flipped in its last record") {
    const std::size_t size = b.files.content(b.file()).size();
    for (std::size_t bit = (size - 30) * 8; bit < size * 8; bit += 7) {
      Bench other;
      other.files.content(other.file()) = b.files.content(b.file());
      other.files.flip(other.file(), bit);
      other.open();
      CAPTURE(bit);
      CHECK(other.judge(born).gone);
    }
  }
  SUBCASE("empty, as a power cut may leave it") {
    b.files.content(b.file()).clear();
    b.open();
    CHECK(b.judge(born).gone);
  }
  SUBCASE("nobody can say what there is") {
    b.files.set({.list_error = EIO});
    b.open();
    CHECK(b.judge(born).gone);
  }
  SUBCASE("removed") {
    CHECK(b.files.remove(b.file()));
    b.open();
    CHECK(b.judge(born).gone);
    CHECK_FALSE(b.judge(b.log->first()).gone);
  }
}

TEST_CASE("Each disk has all purges; one that takes none is told of, and the others go on") {
  Bench b;
  b.directories = {"a", "b"};
  b.open();
  const std::uint64_t born = b.number;
  b.log->add_tag(digest("t"), b.next());
  for (const char* left : {"a", "b"}) {
    b.directories = {left};
    b.open();
    CHECK(b.judge(born).gone);
  }
  CHECK(b.lost.empty());
  b.files.set({.write_error = EIO});
  b.log->add_tag(digest("u"), b.next());
  b.written();  // though it is nowhere
  CHECK(b.lost == std::vector<std::size_t>{0});
}

TEST_CASE("A purge that meets a full disk is given room") {
  Bench b;
  int given = 0;
  b.make_room = [&](std::size_t) {
    b.files.set({});
    return ++given == 1;
  };
  b.open();
  const std::uint64_t born = b.number;
  b.files.set({.write_error = ENOSPC});
  b.log->add_tag(digest("t"), b.next());
  b.written();
  CHECK(given == 1);
  CHECK(b.lost.empty());
  b.open();
  CHECK(b.judge(born).gone);
}

TEST_CASE("Where too many tags were purged to remember, what is older than the oldest is purged") {
  Bench b;
  b.open(false);
  const std::uint64_t born = b.number;
  std::uint64_t late = 0;
  for (std::size_t i = 0; i <= PurgeLog::kTagsMost; ++i) {
    if (i == PurgeLog::kTagsMost * 3 / 4) late = b.number;
    b.log->add_tag({i, i}, b.next());
  }
  CHECK(b.log->tags() <= PurgeLog::kTagsMost);
  CHECK(b.judge(born).gone);
  CHECK_FALSE(b.judge(late).gone);
}

TEST_CASE("The same of bans") {
  Bench b;
  b.open(false);
  const std::uint64_t born = b.number;
  for (std::size_t i = 0; i <= PurgeLog::kBansMost; ++i) {
    CHECK_FALSE(b.judge(born).gone);
    b.log->add_ban(ban("path = /x"), b.next());
  }
  CHECK(b.log->bans() == PurgeLog::kBansMost);
  CHECK(b.judge(born).gone);
  CHECK_FALSE(b.judge(born + 1).gone);
}

TEST_CASE("A survey counts what a log holds, finds what is damaged, and changes nothing") {
  Bench b;
  b.log->add_tag(digest("one"), b.next());
  b.log->add_tag(digest("two"), b.next());
  b.log->add_ban(ban("path = /x"), b.next());
  b.log = nullptr;
  const auto before = b.files.content(b.file());
  PurgeLog::Survey s = PurgeLog::survey(b.files, "a");
  CHECK(s.files == 1);
  CHECK(s.tags == 2);
  CHECK(s.bans == 1);
  CHECK_FALSE(s.damaged);
  CHECK((b.files.names().size() == 1 && b.files.content(b.file()) == before));
  b.files.flip(b.file(), 300);
  s = PurgeLog::survey(b.files, "a");
  CHECK(s.damaged);
}

TEST_CASE("Keys with parts may be on disk once that is known over a start") {
  Bench b;
  CHECK_FALSE(b.log->knows_parts());
  while (!b.log->may_store_parts()) b.written();
  b.open();
  CHECK(b.log->knows_parts());
  CHECK(b.log->may_store_parts());
}

TEST_CASE("A file that has grown is written anew, without what counts no more") {
  Bench b;
  const std::uint64_t born = b.number;
  for (int i = 0; i < 100'000; ++i) {
    b.log->add_tag(digest("t"), b.next());
    if (i % 1000 == 0) b.written();
  }
  b.written();
  CHECK(b.files.names().size() == 1);
  CHECK(b.files.content(b.file()).size() < 5'000'000);
  b.open();
  CHECK(b.log->tags() == 1);
  CHECK(b.judge(born).gone);
}
