#pragma once
// What a caller can see of a parsed head or body, as one line of text, so that two ways of feeding
// the same bytes can be compared. Each piece is fed from a heap block of exactly its size, gone
// afterwards: address sanitizers see a parser that reads beyond it or keeps a view of it.

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/parser.h"

namespace weir::http::test {

using Cuts = std::vector<std::size_t>;

inline std::string show(const Fields& fields) {
  std::string text;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    text += fmt::format("[{}={}]", fields[i].name, fields[i].value);
  }
  return text;
}

inline std::string show(Framing framing, std::uint64_t length) {
  switch (framing) {
    case Framing::kNone:
      return "none";
    case Framing::kLength:
      return fmt::format("length {}", length);
    case Framing::kChunked:
      return "chunked";
    case Framing::kUntilClose:
      return "until close";
  }
  return "?";
}

inline std::string show(const Request& r) {
  return fmt::format("{} {} 1.{} @{} {} {}{}{}", r.method_text, r.target, r.version.minor,
                     r.authority, show(r.framing, r.length), r.keep_alive ? "keep" : "close",
                     r.expect_continue ? " expect" : "", show(r.fields));
}

inline std::string show(const Response& r) {
  return fmt::format("{} '{}' 1.{} {} {}{}", r.status, r.reason, r.version.minor,
                     show(r.framing, r.length), r.keep_alive ? "keep" : "close", show(r.fields));
}

inline std::string show(Error error) { return fmt::format("!{}", info(error).name); }

// Calls feed(piece) for each piece of `input`, which is cut at the offsets `cuts` (ascending),
// until it returns a text. That text, or "more".
template <class Feed>
std::string feed_pieces(std::string_view input, Cuts cuts, Feed feed) {
  cuts.push_back(input.size());
  std::size_t at = 0;
  for (std::size_t end : cuts) {
    const auto piece = std::make_unique<char[]>(end - at);
    if (end > at) std::memcpy(piece.get(), input.data() + at, end - at);
    std::string text = feed(std::string_view(piece.get(), end - at));
    if (!text.empty()) return text;
    at = end;
  }
  return "more";
}

inline std::string request_outcome(std::string_view input, const Cuts& cuts,
                                   const HeadLimits& limits = {}) {
  RequestParser parser(limits);
  Request head;
  std::size_t used = 0;
  return feed_pieces(input, cuts, [&](std::string_view piece) -> std::string {
    const auto step = parser.feed(piece, head);
    if (!step) return show(step.error());
    used += step->used;
    return step->complete ? fmt::format("{} /{}", show(head), used) : "";
  });
}

inline std::string response_outcome(std::string_view input, const Cuts& cuts,
                                    Method to = Method::kGet, const HeadLimits& limits = {}) {
  ResponseParser parser(limits);
  Response head;
  std::size_t used = 0;
  return feed_pieces(input, cuts, [&](std::string_view piece) -> std::string {
    const auto step = parser.feed(piece, to, head);
    if (!step) return show(step.error());
    used += step->used;
    return step->complete ? fmt::format("{} /{}", show(head), used) : "";
  });
}

inline std::string chunked_outcome(std::string_view input, const Cuts& cuts,
                                   const HeadLimits& limits = {}) {
  ChunkedDecoder decoder(limits);
  std::string data;
  std::size_t used = 0;
  return feed_pieces(input, cuts, [&](std::string_view piece) -> std::string {
    while (!piece.empty()) {
      const auto step = decoder.feed(piece);
      if (!step) return fmt::format("{} after '{}'", show(step.error()), data);
      data += step->data;
      used += step->used;
      if (step->end) return fmt::format("'{}'{} /{}", data, show(decoder.trailers()), used);
      piece.remove_prefix(step->used);
    }
    return "";
  });
}

// What `outcome(input, cuts)` is, wherever the input is cut; when one way of cutting it gives
// something else, a text that says so.
template <class Outcome>
std::string outcome_of_all_cuts(std::string_view input, Outcome outcome) {
  const std::string whole = outcome(input, Cuts{});
  Cuts everywhere;
  for (std::size_t i = 0; i < input.size(); ++i) {
    const std::string cut = outcome(input, Cuts{i});
    if (cut != whole) return fmt::format("{}, but cut at {}: {}", whole, i, cut);
    everywhere.push_back(i);
  }
  const std::string bytes = outcome(input, everywhere);
  return bytes == whole ? whole : fmt::format("{}, but byte by byte: {}", whole, bytes);
}

}  // namespace weir::http::test
