#include "app/start_check.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <sstream>
#include <string>

#include "app/certificates.h"
#include "app/pipe.h"

namespace weir::app {
namespace {

constexpr std::string_view kHead = "listen = \"127.0.0.1:80\"\norigin = \"a:1\"\n";

struct Said {
  std::string errors;
  std::string warnings;
};

// One a line, with the line of the conf.
Said said(const std::string& text) {
  const auto loaded = parse_config(std::string(kHead) + text, "t.conf");
  REQUIRE(loaded.has_value());
  Findings found;
  check_start(*loaded, found);
  Said out;
  for (const auto& [from, to] :
       {std::pair{&found.errors, &out.errors}, {&found.warnings, &out.warnings}}) {
    for (const ConfMessage& m : *from) *to += std::to_string(m.at.line) + ": " + m.text + "\n";
  }
  return out;
}

TEST_CASE("what keeps Weir from starting on this machine is an error at its place") {
  const ScratchDir dir;
  std::ofstream(dir.file("file")).flush();
  const std::string no = dir.file("no");
  const std::string file = dir.file("file");
  const std::string missing = "4: there is no directory " + no + ": Weir will not start here\n";
  struct Row {
    std::string conf;
    std::string error;
  };
  const Row rows[] = {
      {"[log]\naccess = \"" + no + "/log\"\n", missing},
      {"[log]\nerror = \"" + no + "/log\"\n", missing},
      {"[log]\nerror = \"" + file + "/log\"\n",
       "4: " + file + " is no directory: Weir will not start here\n"},
      {"[log]\naccess = \"" + dir.file(".") + "\"\n",
       "4: " + dir.file(".") + " is a directory: Weir will not start here\n"},
      {"[delivery]\nrecord = \"" + no + "/samples\"\n", missing},
      {"[server]\npid_file = \"" + no + "/pid\"\n", missing},
      {"[server]\nadmin = \"unix:" + no + "/admin\"\n", missing},
      {"[server]\nhandover = \"unix:" + no + "/next\"\n", missing},
      {"[storage]\nmemory = \"64 TiB\"\n", "Weir will not start here\n"},
      {"[[storage.disk]]\npath = \"" + no + "/disk\"\nsize = \"1 GiB\"\n", missing},
      {"[[storage.disk]]\npath = \"" + file + "\"\nsize = \"1 GiB\"\n",
       "4: " + file + " is no directory: Weir will not start here\n"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.conf);
    const Said found = said(row.conf);
    CHECK(found.errors.ends_with(row.error));
    CHECK(found.errors.starts_with("4: "));
    CHECK(found.warnings.empty());
  }
}

TEST_CASE("what Weir makes, or what is made before it starts, is no error") {
  const ScratchDir dir;
  const Said good =
      said("[log]\naccess = \"" + dir.file("new") + "\"\nerror = \"here\"\n[server]\n" +
           "pid_file = \"" + dir.file("pid") + "\"\nadmin = \"unix:" + dir.file("admin") +
           "\"\n[[storage.disk]]\npath = \"" + dir.file("disk/") + "\"\nsize = \"1 GiB\"\n");
  CHECK(good.errors.empty());
  CHECK(good.warnings.empty());
  const Said later = said("[server]\npid_file = \"/run/no-such-weir/pid\"\n");
  CHECK(later.errors.empty());
  CHECK(later.warnings ==
        "4: there is no directory /run/no-such-weir now: Weir will not start here unless it is "
        "made before (RuntimeDirectory= of systemd)\n");
}

TEST_CASE("what Weir goes on without is a warning") {
  const ScratchDir dir;
  const std::string no = dir.file("no");
  const Said one = said("[[storage.disk]]\npath = \"" + no + "/a\"\nsize = \"1 GiB\"\n" +
                        "[[storage.disk]]\npath = \"" + dir.file("b") + "\"\nsize = \"1 GiB\"\n");
  CHECK(one.errors.empty());
  CHECK(one.warnings == "4: there is no directory " + no + ": Weir will go on without this disk\n");
  const Said spool = said("[storage]\nspool_directory = \"" + no + "\"\n");
  CHECK(spool.errors.empty());
  CHECK(spool.warnings == "4: there is no directory " + no + ": there will be no spool\n");
  CHECK(said("[storage]\nspool = \"0 B\"\nspool_directory = \"" + no + "\"\n").warnings.empty());
}

TEST_CASE("a user that does not exist is in nobody's way but root's") {
  const Said found = said("[server]\nuser = \"no-such-user-here\"\n");
  const bool root = ::geteuid() == 0;
  CHECK((root ? found.errors : found.warnings)
            .starts_with("4: there is no user \"no-such-user-here\": "));
  CHECK((root ? found.warnings : found.errors).empty());
}

TEST_CASE("a certificate is doubted a week before its end, and after it") {
  const WallTime end{Seconds{784'111'777}};
  const std::string soon = "expires on Sun, 06 Nov 1994 08:49:37 GMT";
  const std::string late = "has expired: since Sun, 06 Nov 1994 08:49:37 GMT clients refuse it";
  const Seconds week = std::chrono::days(7);
  CHECK(doubt_about_end(end, end - week - Seconds(1)).empty());
  CHECK(doubt_about_end(end, end - week) == soon);
  CHECK(doubt_about_end(end, end - Seconds(1)) == soon);
  CHECK(doubt_about_end(end, end) == late);
  CHECK(doubt_about_end(end, end + week) == late);
  CHECK(doubt_about_end({}, end).empty());  // it says none that can be read
}

TEST_CASE("check shows the line, and ends with 1") {
  const ScratchDir dir;
  const std::string file = dir.file("weir.conf");
  std::ofstream(file) << kHead << "[server]\npid_file = \"" << dir.file("no/pid") << "\"\n";
  const auto loaded = load_config(file);
  REQUIRE(loaded.has_value());
  std::ostringstream out;
  std::ostringstream err;
  CHECK(check_command(*loaded, out, err) == 1);
  CHECK(out.str().empty());
  CHECK(err.str().starts_with(file + ":4:12: error: there is no directory "));
  CHECK(err.str().find("    pid_file = ") != std::string::npos);
}

}  // namespace
}  // namespace weir::app
