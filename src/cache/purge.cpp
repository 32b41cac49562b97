#include "cache/purge.h"

#include <algorithm>

#include "cache/tags.h"

namespace weir::cache {

bool Purge::begin(WallTime now) {
  now_ = now;
  if (order_.ban) {
    ban_ = index_.begin_ban(order_.ban, order_.mode, now);
    if (!ban_) return false;
  }
  for (const std::string& tag : order_.tags) {
    tags_.push_back(index_.purge_of_tag(digest(tag), order_.mode, now));
  }
  return true;
}

bool Purge::step(std::size_t most) {
  for (; next_url_ < order_.urls.size() && most > 0; ++next_url_, --most) {
    const std::string& url = order_.urls[next_url_];
    const bool own = order_.answered && next_url_ + 1 == order_.urls.size();
    objects_ += index_.purge(key_of(url), order_.mode, now_, own);
    if (index_.knows_parts()) tags_.push_back(index_.purge_of_tag(url_tag(url), order_.mode, now_));
  }
  if (next_url_ < order_.urls.size()) return false;
  while (!tags_.empty() && most > 0) {
    const std::size_t before = tags_.back().left;
    if (!index_.purge_some(tags_.back(), most, objects_)) return false;
    tags_.pop_back();
    most -= std::min(most, before + 1);
  }
  if (!tags_.empty()) return false;
  if (!ban_) return true;
  if (!index_.examine_some(sweep_, most)) return false;
  index_.end_ban(*ban_);
  return true;
}

}  // namespace weir::cache
