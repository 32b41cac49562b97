#include "cache/purge_log.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/hash.h"
#include "base/log.h"
#include "cache/blob.h"
#include "store/record.h"

namespace weir::cache {
namespace {

constexpr std::string_view kName = "purges-";
constexpr std::string_view kMagic = "WIRPURG1";
constexpr std::uint64_t kGap = 1 << 20;  // numbers that may have been given out and not recorded
// Where none is known: beyond what a run gave out that began a moment ago, by a clock since put
// back.
constexpr std::uint64_t kLostGap = 86'400 * kGap;
constexpr std::uint64_t kStride = 1 << 16;     // after so many a number is recorded for itself
constexpr std::uint64_t kRewriteAt = 4 << 20;  // bytes appended
constexpr std::size_t kFrame = 4 + 8;          // length and checksum of a record
constexpr std::size_t kRecordMost = 1 << 20;

enum class Kind : std::uint8_t { kTag = 1, kBan = 2, kForgotten = 3, kNumber = 4, kParts = 5 };

void add_frame(std::string& out, std::string_view record) {
  BlobWriter frame;
  frame.number(static_cast<std::uint32_t>(record.size()));
  frame.number(hash64(record, record.size()));
  out += frame.take();
  out += record;
}

struct Frame {
  enum class What : std::uint8_t { kGood, kCut, kBad } what = What::kBad;
  std::string_view record = {};
};

// The record that begins there. Cut: there is less of it than it says, as a kill leaves it.
Frame frame_at(std::string_view bytes) {
  BlobReader frame(bytes);
  const auto size = frame.number<std::uint32_t>();
  const auto sum = frame.number<std::uint64_t>();
  if (!frame.good() || (size <= kRecordMost && size > bytes.size() - kFrame))
    return {Frame::What::kCut};
  if (size == 0 || size > kRecordMost) return {};
  const std::string_view record = bytes.substr(kFrame, size);
  if (hash64(record, size) != sum) return {};
  return {Frame::What::kGood, record};
}

// Whether a good record begins anywhere: then what stands before it was not cut, but damaged.
bool any_frame(std::string_view bytes) {
  for (; bytes.size() > kFrame; bytes.remove_prefix(1)) {
    if (frame_at(bytes).what == Frame::What::kGood) return true;
  }
  return false;
}

std::string record_of(Kind kind, const Purging& purging) {
  BlobWriter out;
  out.number(static_cast<std::uint8_t>(kind));
  out.number(purging.number);
  out.number(static_cast<std::uint8_t>(purging.mode));
  out.seconds(purging.at.time_since_epoch());
  return out.take();
}

std::string tag_record(const Digest& tag, const Purging& purging) {
  BlobWriter out;
  out.digest(tag);
  return record_of(Kind::kTag, purging) + out.take();
}

std::string ban_record(const Ban& ban, const Purging& purging) {
  BlobWriter out;
  out.number(static_cast<std::uint8_t>(ban.texts().size()));
  for (const std::string& text : ban.texts()) out.text(text);
  return record_of(Kind::kBan, purging) + out.take();
}

std::string number_record(Kind kind, std::uint64_t number) {
  return record_of(kind, {PurgeMode::kHard, number, {}});
}

std::optional<std::uint64_t> generation_of(std::string_view name) {
  if (!name.starts_with(kName) || name.size() != kName.size() + 16) return {};
  std::uint64_t n = 0;
  for (const char c : name.substr(kName.size())) {
    const std::size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) return {};
    n = n * 16 + digit;
  }
  return n;
}

std::string file_name(std::uint64_t generation) {
  std::string out(kName);
  for (int shift = 60; shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[(generation >> shift) & 15];
  }
  return out;
}

Result<std::string> read_whole(store::FileSystem& files, const std::string& path) {
  const auto file = files.open(path, store::FileSystem::Open::kRead);
  if (!file) return std::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return std::unexpected(size.error());
  std::string bytes(*size, '\0');
  const auto got = (*file)->read(std::as_writable_bytes(std::span(bytes)), 0);
  if (!got) return std::unexpected(got.error());
  bytes.resize(*got);
  return bytes;
}

}  // namespace

// ---- reading

PurgeLog::PurgeLog(store::FileSystem& files, Settings settings, WallTime now)
    : files_(files), settings_(std::move(settings)) {
  bool found = false;
  bool damaged = false;
  std::string first_image;
  for (const std::string& directory : settings_.directories) {
    read(directory, found, damaged);
    copies_.push_back({directory, nullptr});
  }
  const auto seconds =
      static_cast<std::uint64_t>(std::max<Seconds::rep>(now.time_since_epoch().count(), 0));
  first_ = std::max(seconds * kGap, recorded_ + kGap);
  {
    Lock lock(mutex_);
    if (!found || damaged) forgotten_ = first_ += kLostGap;
    complete_ = recorded_ = first_;
    first_image = image();
  }
  rewrite(first_image);
}

PurgeLog::~PurgeLog() { stop(); }

PurgeLog::Survey PurgeLog::survey(store::FileSystem& files, const std::string& directory) {
  PurgeLog log(files);
  Survey out;
  bool found = false;
  out.files = log.read(directory, found, out.damaged);
  out.tags = log.tags();
  out.bans = log.bans();
  return out;
}

// How many files there are.
std::size_t PurgeLog::read(const std::string& directory, bool& found, bool& damaged) {
  std::size_t files = 0;
  const auto names = files_.list(directory);
  damaged |= !names;
  for (const std::string& name : names ? *names : std::vector<std::string>{}) {
    const auto generation = generation_of(name);
    if (!generation) continue;
    ++files;
    generation_ = std::max(generation_, *generation);
    damaged |= !read_file(directory + "/" + name, found);
  }
  return files;
}

// False: purges are missing. A last record that is cut is fine: a kill came while it was written,
// and nobody was told that it is done. So is a file that was never begun. `found`: it begins as all
// do, with a number.
bool PurgeLog::read_file(const std::string& path, bool& found) {
  Lock lock(mutex_);
  const auto bytes = read_whole(files_, path);
  std::string_view left = bytes ? std::string_view(*bytes) : std::string_view();
  bool good = bytes && left.starts_with(kMagic.substr(0, left.size()));
  left.remove_prefix(std::min(left.size(), kMagic.size()));
  while (good && !left.empty()) {
    const Frame frame = frame_at(left);
    if (frame.what == Frame::What::kCut) {
      good = !any_frame(left.substr(1));
      break;
    }
    good = frame.what == Frame::What::kGood && apply(frame.record);
    found |= good;
    left.remove_prefix(good ? kFrame + frame.record.size() : 0);
  }
  const bool damaged = !good;
  if (damaged) log_error("{} is damaged: all that was stored before counts as purged", path);
  return !damaged;
}

bool PurgeLog::apply(std::string_view record) {
  BlobReader in(record);
  const auto kind = static_cast<Kind>(in.number<std::uint8_t>());
  Purging purging;
  purging.number = in.number<std::uint64_t>();
  purging.mode = in.flag() ? PurgeMode::kSoft : PurgeMode::kHard;
  purging.at = WallTime(in.seconds());
  if (!in.good()) return false;
  recorded_ = std::max(recorded_, purging.number);
  switch (kind) {
    case Kind::kTag: {
      const Digest tag = in.digest();
      if (in.done()) hold_tag(tag, purging);
      return in.done();
    }
    case Kind::kBan: {
      std::vector<std::string> texts(in.number<std::uint8_t>());
      for (std::string& text : texts) text = in.text();
      if (!in.done()) return false;
      auto ban = Ban::parse(texts);
      if (ban) hold_ban(std::move(*ban), purging);
      return ban.has_value();
    }
    case Kind::kForgotten:
      forgotten_ = std::max(forgotten_, purging.number);
      return in.done();
    case Kind::kNumber:
      return in.done();
    case Kind::kParts:
      parts_ = Parts::kWritten;
      return in.done();
  }
  return false;
}

// ---- adding

void PurgeLog::hold_tag(const Digest& tag, const Purging& purging) {
  Tag& held = tags_[tag];
  if (purging.mode == PurgeMode::kHard) {
    held.hard = std::max(held.hard, purging.number);
  } else if (held.soft.number < purging.number) {
    held.soft = purging;
  }
  if (tags_.size() > kTagsMost) forget_oldest_tags();
}

// A half at once, so that it is seldom.
void PurgeLog::forget_oldest_tags() {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(tags_.size());
  for (const auto& [digest, tag] : tags_) numbers.push_back(tag.last());
  const auto middle = numbers.begin() + static_cast<std::ptrdiff_t>(numbers.size() / 2);
  std::ranges::nth_element(numbers, middle);
  forgotten_ = std::max(forgotten_, *middle);
  std::erase_if(tags_, [&](const auto& entry) { return entry.second.last() <= *middle; });
  log_warn(
      "more than {} tags and URLs were purged: what was stored before the oldest of those "
      "purges is taken for purged",
      kTagsMost);
}

void PurgeLog::hold_ban(Ref<Ban> ban, const Purging& purging) {
  auto next = std::make_shared<Bans>(*bans_);
  const auto at = std::ranges::lower_bound(*next, purging.number, {},
                                           [](const Listed& l) { return l.purging.number; });
  if (at != next->end() && at->purging.number == purging.number) return;  // another disk told it
  next->insert(at, {std::move(ban), purging});
  if (next->size() > kBansMost) {
    forgotten_ = std::max(forgotten_, next->front().purging.number);
    next->erase(next->begin());
  }
  bans_ = std::move(next);
}

void PurgeLog::append(std::string_view record) {
  // Where the disks do not follow, all that is held is written instead.
  const bool too_much = pending_.size() > kRewriteAt;
  if (too_much) since_rewrite_ += std::exchange(pending_, {}).size();
  add_frame(pending_, record);
  ++added_;
  work_.notify_one();
}

void PurgeLog::see(std::uint64_t number) {
  ahead_.insert(number);
  while (!ahead_.empty() && *ahead_.begin() <= complete_ + 1) {
    complete_ = std::max(complete_, *ahead_.begin());
    ahead_.erase(ahead_.begin());
  }
  if (number < recorded_ + kStride) return;
  recorded_ = number;
  append(number_record(Kind::kNumber, number));
}

void PurgeLog::add_tag(const Digest& tag, const Purging& purging) {
  Lock lock(mutex_);
  const std::uint64_t forgotten = forgotten_;
  hold_tag(tag, purging);
  append(tag_record(tag, purging));
  if (forgotten_ != forgotten) append(number_record(Kind::kForgotten, forgotten_));
  see(purging.number);
}

void PurgeLog::add_ban(Ref<Ban> ban, const Purging& purging) {
  Lock lock(mutex_);
  append(ban_record(*ban, purging));
  const std::uint64_t forgotten = forgotten_;
  hold_ban(std::move(ban), purging);
  if (forgotten_ != forgotten) append(number_record(Kind::kForgotten, forgotten_));
  see(purging.number);
}

void PurgeLog::pass(std::uint64_t number) {
  Lock lock(mutex_);
  see(number);
}

bool PurgeLog::may_store_parts() {
  Lock lock(mutex_);
  if (parts_ == Parts::kNone) {
    parts_ = Parts::kPending;
    append(number_record(Kind::kParts, 0));
    parts_at_ = added_;
  }
  return parts_ == Parts::kWritten;
}

bool PurgeLog::knows_parts() const {
  Lock lock(mutex_);
  return parts_ != Parts::kNone;
}

// ---- judging

PurgeLog::Verdict PurgeLog::judge(std::string_view url, std::span<const Digest> tags,
                                  const http::Response& head, std::uint64_t born) const {
  Verdict out;
  const auto hold_against = [&](const Purging& purging) {
    if (purging.number <= born) return;
    if (purging.mode == PurgeMode::kHard)
      out.gone = true;
    else
      out.stale_since = std::min(out.stale_since.value_or(purging.at), purging.at);
  };
  std::shared_ptr<const Bans> bans;
  {
    Lock lock(mutex_);
    out.number = complete_;
    out.gone = born < forgotten_;
    bans = bans_;
    for (const Digest& tag : tags) {
      const auto it = tags_.find(tag);
      if (it == tags_.end()) continue;
      hold_against({PurgeMode::kHard, it->second.hard, {}});
      hold_against(it->second.soft);
    }
  }
  const auto later =
      std::ranges::upper_bound(*bans, born, {}, [](const Listed& l) { return l.purging.number; });
  for (const Listed& listed : std::ranges::subrange(later, bans->end())) {
    if (out.gone) break;
    if (listed.ban->matches(url, head)) hold_against(listed.purging);
  }
  return out;
}

// ---- waiting

std::uint64_t PurgeLog::added() const {
  Lock lock(mutex_);
  return added_;
}

bool PurgeLog::await(std::uint64_t added, Executor& executor, Task& task) {
  Lock lock(mutex_);
  if (stopping_ || written_ >= added) return true;
  waiting_.push_back({added, &executor, &task});
  return false;
}

void PurgeLog::forget(const Task& task) {
  Lock lock(mutex_);
  std::erase_if(waiting_, [&](const Waiting& w) { return w.task == &task; });
}

// Posted under the lock, so that nobody forgets between.
void PurgeLog::tell() {
  const std::uint64_t written = written_;
  std::erase_if(waiting_, [&](const Waiting& w) {
    if (w.added > written) return false;
    w.executor->post(*w.task);
    return true;
  });
}

std::size_t PurgeLog::tags() const {
  Lock lock(mutex_);
  return tags_.size();
}

std::size_t PurgeLog::bans() const {
  Lock lock(mutex_);
  return bans_->size();
}

// ---- writing

void PurgeLog::start() {
  thread_ = std::thread([this] { run(); });
}

void PurgeLog::stop() {
  {
    Lock lock(mutex_);
    stopping_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void PurgeLog::run() {
  for (;;) {
    std::string bytes;
    std::uint64_t upto = 0;
    bool anew = false;
    {
      Lock lock(mutex_);
      while (pending_.empty() && !stopping_) work_.wait(mutex_);
      if (pending_.empty()) return;
      upto = added_;
      since_rewrite_ += pending_.size();
      anew = since_rewrite_ > kRewriteAt;
      bytes = anew ? image() : std::move(pending_);
      pending_.clear();
      if (anew) since_rewrite_ = 0;
    }
    anew ? rewrite(bytes) : write(bytes);
    Lock lock(mutex_);
    written_ = upto;
    if (parts_ == Parts::kPending && parts_at_ <= written_) parts_ = Parts::kWritten;
    tell();
  }
}

// All that is held, as a file.
std::string PurgeLog::image() const {
  std::string out(kMagic);
  add_frame(out, number_record(Kind::kNumber, recorded_));
  if (forgotten_ != 0) add_frame(out, number_record(Kind::kForgotten, forgotten_));
  if (parts_ != Parts::kNone) add_frame(out, number_record(Kind::kParts, 0));
  for (const auto& [digest, tag] : tags_) {
    if (tag.hard != 0) add_frame(out, tag_record(digest, {PurgeMode::kHard, tag.hard, {}}));
    if (tag.soft.number != 0) add_frame(out, tag_record(digest, tag.soft));
  }
  for (const Listed& listed : *bans_) add_frame(out, ban_record(*listed.ban, listed.purging));
  return out;
}

// The new file is whole before the old one goes; until then both are read.
void PurgeLog::rewrite(const std::string& image) {
  ++generation_;
  for (Copy& copy : copies_) {
    if (copy.lost) continue;
    if (const auto done = with_room(copy, [&] { return renew(copy, image); }); !done)
      lose(copy, done.error());
  }
}

Result<void> PurgeLog::renew(Copy& copy, const std::string& image) {
  const std::string name = file_name(generation_);
  const std::string path = copy.directory + "/" + name;
  auto file = files_.open(path, store::FileSystem::Open::kCreate);
  if (!file) return std::unexpected(file.error());
  const store::Bytes piece = std::as_bytes(std::span(image));
  // Room for what is appended, too, so that no purge meets a full disk.
  auto done = (*file)->reserve(image.size() + 2 * kRewriteAt);
  if (done) done = store::write_all(**file, std::span(&piece, 1), 0);
  if (done) done = (*file)->sync();  // the old one goes: this one must not be lost by a power cut
  if (done && settings_.power) done = files_.sync_directory(copy.directory);
  if (!done) {
    (void)files_.remove(path);
    return done;
  }
  copy.file = std::move(*file);
  copy.end = image.size();
  const auto names = files_.list(copy.directory);
  if (!names) return std::unexpected(names.error());
  for (const std::string& other : *names) {
    if (other != name && generation_of(other)) (void)files_.remove(copy.directory + "/" + other);
  }
  return {};
}

void PurgeLog::write(const std::string& bytes) {
  const store::Bytes piece = std::as_bytes(std::span(bytes));
  for (Copy& copy : copies_) {
    if (copy.lost) continue;
    if (const auto done = with_room(copy, [&] { return append_to(copy, piece); }); !done)
      lose(copy, done.error());
  }
}

Result<void> PurgeLog::append_to(Copy& copy, store::Bytes bytes) {
  auto done = store::write_all(*copy.file, std::span(&bytes, 1), copy.end);
  if (done && settings_.power) done = copy.file->sync();
  if (done) copy.end += bytes.size();
  return done;
}

// Stored responses are given up before a purge is lost.
template <class Write>
Result<void> PurgeLog::with_room(const Copy& copy, Write write) {
  for (;;) {
    const auto done = write();
    const bool full = !done && (done.error().sys == ENOSPC || done.error().sys == EDQUOT);
    if (!full || !settings_.make_room) return done;
    if (!settings_.make_room(static_cast<std::size_t>(&copy - copies_.data()))) return done;
  }
}

void PurgeLog::lose(Copy& copy, Error why) {
  log_error("purges cannot be recorded in {}: {}", copy.directory, describe(why));
  copy.lost = true;
  copy.file = nullptr;
  if (settings_.lost) settings_.lost(static_cast<std::size_t>(&copy - copies_.data()), why);
}

}  // namespace weir::cache
