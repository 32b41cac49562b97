#pragma once
// A strict reader of Prometheus' text format 0.0.4, as far as Weir speaks it: every metric opens
// with HELP and TYPE and stands in one piece, names and labels are well-formed, no series stands
// twice, and a histogram is one. Throws std::runtime_error with the line that is wrong. Shares
// nothing with src/.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;
  struct Series {
    Labels labels;
    double value = 0;
  };
  struct Metric {
    std::string help;
    std::string type;
    std::map<std::string, std::vector<Series>> series;  // by name with suffix
  };

  explicit Metrics(std::string_view text) {
    if (text.empty() || text.back() != '\n') fail("the last line does not end");
    while (!text.empty()) {
      line_ = text.substr(0, text.find('\n'));
      text.remove_prefix(line_.size() + 1);
      line_.starts_with("# ") ? comment(line_.substr(2)) : sample(line_);
    }
    for (const auto& [name, metric] : all_) check(name, metric);
  }

  const std::map<std::string, Metric>& all() const { return all_; }
  // The sum of the series of this name whose labels contain these.
  double sum(const std::string& name, const Labels& labels = {}) const {
    double out = 0;
    for (const auto& [metric_name, metric] : all_) {
      const auto it = metric.series.find(name);
      if (it == metric.series.end()) continue;
      for (const Series& s : it->second) {
        const bool fits = std::ranges::all_of(labels, [&](const auto& l) {
          const auto own = s.labels.find(l.first);
          return own != s.labels.end() && own->second == l.second;
        });
        if (fits) out += s.value;
      }
    }
    return out;
  }
  // The values that a label has.
  std::set<std::string> values(const std::string& name, const std::string& label) const {
    std::set<std::string> out;
    for (const Series& s : all_.at(name).series.at(name)) out.insert(s.labels.at(label));
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error("metrics: " + what + ": " + std::string(line_));
  }

  static bool is_name(std::string_view text) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
    return !text.empty() && letter(text.front()) &&
           std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
  }

  static std::string_view cut(std::string_view& text, char at) {
    const std::string_view head = text.substr(0, text.find(at));
    text.remove_prefix(std::min(head.size() + 1, text.size()));
    return head;
  }

  void comment(std::string_view rest) {
    const std::string_view word = cut(rest, ' ');
    const std::string name(cut(rest, ' '));
    if (!is_name(name) || rest.empty()) fail("no name or text");
    if (word == "HELP") {
      if (all_.contains(name)) fail("a second HELP");
      current_ = name;
      all_[name].help = rest;
    } else if (word == "TYPE") {
      if (name != current_ || !all_[name].type.empty()) fail("TYPE does not follow HELP");
      if (rest != "counter" && rest != "gauge" && rest != "histogram") fail("no such type");
      all_[name].type = rest;
    } else {
      fail("no such comment");
    }
  }

  void sample(std::string_view rest) {
    const std::size_t end = rest.find_first_of("{ ");
    if (end == rest.npos) fail("no value");
    const std::string name(rest.substr(0, end));
    rest.remove_prefix(end);
    Series series;
    if (rest.front() == '{') series.labels = labels(rest);
    if (rest.empty() || rest.front() != ' ') fail("no space before the value");
    const std::string number(rest.substr(1));
    char* stop = nullptr;
    series.value = std::strtod(number.c_str(), &stop);
    if (number.empty() || *stop != '\0' || !std::isfinite(series.value)) fail("no number");
    Metric& metric = all_[current_];
    const bool histogram = metric.type == "histogram";
    if (metric.type.empty() || !name.starts_with(current_)) fail("not below its TYPE");
    const std::string suffix = name.substr(current_.size());
    if (histogram ? suffix != "_bucket" && suffix != "_sum" && suffix != "_count" : !suffix.empty())
      fail("a name that does not fit its type");
    if (series.value < 0) fail("negative");
    if (!seen_.emplace(name, series.labels).second) fail("the series stands twice");
    metric.series[name].push_back(std::move(series));
  }

  Labels labels(std::string_view& rest) {
    Labels out;
    while (rest.front() != '}') {
      rest.remove_prefix(1);  // '{' or ','
      const std::string name(cut(rest, '='));
      if (!is_name(name) || rest.empty() || rest.front() != '"') fail("a label");
      rest.remove_prefix(1);
      if (!out.emplace(name, quoted(rest)).second) fail("a label twice");
      if (rest.empty() || (rest.front() != ',' && rest.front() != '}')) fail("after a label");
    }
    if (out.empty()) fail("empty braces");
    rest.remove_prefix(1);
    return out;
  }

  std::string quoted(std::string_view& rest) {
    std::string out;
    for (; !rest.empty() && rest.front() != '"'; rest.remove_prefix(1)) {
      if (rest.front() == '\\') {
        rest.remove_prefix(1);
        if (rest.empty() || std::string_view("\\\"n").find(rest.front()) == rest.npos)
          fail("an escape");
        out += rest.front() == 'n' ? '\n' : rest.front();
      } else {
        out += rest.front();
      }
    }
    if (rest.empty()) fail("a label does not end");
    rest.remove_prefix(1);
    return out;
  }

  void check(const std::string& name, const Metric& metric) {
    line_ = name;
    if (metric.type.empty()) fail("no TYPE");
    if ((metric.type == "counter") != name.ends_with("_total")) fail("_total is for counters");
    if (metric.type == "histogram" && !metric.series.empty()) check_buckets(name, metric);
  }

  // Cumulative, in rising order, closed by +Inf, which is the count.
  void check_buckets(const std::string& name, const Metric& metric) {
    std::map<Labels, std::pair<double, double>> last;  // bound and value so far
    for (Series s : metric.series.at(name + "_bucket")) {
      const double bound = std::strtod(s.labels.at("le").c_str(), nullptr);
      s.labels.erase("le");
      const auto [it, fresh] = last.emplace(s.labels, std::pair(bound, s.value));
      if (fresh) continue;
      if (bound <= it->second.first || s.value < it->second.second) fail("buckets fall");
      it->second = {bound, s.value};
    }
    const auto& counts = metric.series.at(name + "_count");
    if (counts.size() != last.size() || metric.series.at(name + "_sum").size() != last.size())
      fail("as many sums and counts as histograms");
    for (const Series& s : counts) {
      const auto [bound, value] = last.at(s.labels);
      if (!std::isinf(bound) || value != s.value) fail("+Inf is not the count");
    }
  }

  std::string_view line_;
  std::string current_;
  std::map<std::string, Metric> all_;
  std::set<std::pair<std::string, Labels>> seen_;
};

}  // namespace weir::test
