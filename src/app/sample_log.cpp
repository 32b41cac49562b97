#include "app/sample_log.h"

#include <algorithm>
#include <cstring>

namespace weir::app {
namespace {

constexpr std::size_t kBatch = 64 << 10;  // bytes

// Neighbours are of one mind else: each second connection may be of one kind.
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

}  // namespace

std::optional<std::uint64_t> SampleWriter::chosen(std::uint64_t connection) const {
  if (turn_.every == 0 || connection <= latest_) return {};
  const std::uint64_t number = connection * workers_ + worker_;
  if (turn_.every > 1 && mixed(number) % turn_.every != 0) return {};
  return number;
}

void SampleWriter::record(std::uint64_t connection, const net::Address& client,
                          const delivery::Sample& sample) {
  const auto number = chosen(connection);
  if (!number) return;
  begin(*number, sample.now, client);
  delivery::Sample numbered = sample;
  numbered.connection = *number;
  add(delivery::print_sample(numbered));
}

void SampleWriter::ended(std::uint64_t connection, const net::Address& client,
                         const delivery::RecordedEnd& end) {
  const auto number = chosen(connection);
  if (!number) return;
  begin(*number, end.now, client);
  begun_.erase(*number);
  delivery::RecordedEnd numbered = end;
  numbered.connection = *number;
  add(print_line(numbered));
}

void SampleWriter::begin(std::uint64_t number, TimePoint now, const net::Address& client) {
  if (!begun_.insert(number).second) return;
  recorder_.count_connection();
  std::string name = client.text();
  std::ranges::replace(name, ' ', '_');  // the path of a Unix socket
  add(print_line(delivery::RecordedBegin{now, number, std::move(name)}));
}

void SampleWriter::add(const std::string& line) {
  char* at = batch_.bytes.room(line.size() + 1);
  std::memcpy(at, line.data(), line.size());
  at[line.size()] = '\n';
  batch_.bytes.advance(at + line.size() + 1);
  ++batch_.lines;
  if (batch_.bytes.size() >= kBatch) hand_over();
}

void SampleWriter::look(std::uint64_t latest) {
  hand_over();
  const Recorder::Turn turn = recorder_.turn();
  if (turn == turn_) return;
  turn_ = turn;
  latest_ = latest;
  begun_.clear();
}

void SampleWriter::hand_over() { recorder_.hand_over(turn_, batch_); }

}  // namespace weir::app
