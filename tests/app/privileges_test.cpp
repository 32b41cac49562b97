#include "app/privileges.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "app/pipe.h"

namespace weir::app {
namespace {

// What `act` answers in a child, which may lose its privileges: 0 to 255.
int in_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool is_root() {
  if (::geteuid() == 0) return true;
  MESSAGE("SKIPPED: only root can become another user");
  return false;
}

uid_t owner(const std::string& path) {
  struct stat s {};
  REQUIRE(::lstat(path.c_str(), &s) == 0);
  return s.st_uid;
}

TEST_CASE("root becomes the user for good") {
  if (!is_root()) return;
  const int failed = in_child([] {
    const passwd nobody = *::getpwnam("nobody");
    if (!drop_privileges("nobody", {}).empty()) return 1;
    uid_t real = 0, effective = 0, saved = 0;
    if (::getresuid(&real, &effective, &saved) != 0) return 2;
    if (real != nobody.pw_uid || effective != nobody.pw_uid || saved != nobody.pw_uid) return 3;
    gid_t groups[64];
    const int count = ::getgroups(64, groups);
    for (int i = 0; i < count; ++i) {
      if (groups[i] == 0) return 4;
    }
    if (::getgid() != nobody.pw_gid || ::getegid() != nobody.pw_gid) return 5;
    if (::setuid(0) == 0 || ::seteuid(0) == 0 || ::setgid(0) == 0 || ::setgroups(0, nullptr) == 0) {
      return 6;
    }
    return ::access("/etc/shadow", R_OK) == 0 ? 7 : 0;
  });
  CHECK(failed == 0);
}

TEST_CASE("a user that does not exist is told, and nothing changes") {
  if (!is_root()) return;
  CHECK(drop_privileges("no-such-user-here", {}) ==
        "server.user: there is no user \"no-such-user-here\"");
  CHECK(::geteuid() == 0);
}

TEST_CASE("who is not root, or names no user, stays who he is") {
  CHECK(drop_privileges("", {}).empty());
  if (!is_root()) return;
  CHECK(in_child([] {
          if (::setuid(1) != 0) return 1;
          return drop_privileges("nobody", {}).empty() && ::geteuid() == 1 ? 0 : 2;
        }) == 0);
}

TEST_CASE("root's log files become the user's, but no link and no file of two names does") {
  if (!is_root()) return;
  const ScratchDir dir;
  for (const char* name : {"log", "secret", "twice", "theirs"})
    std::ofstream(dir.file(name)).flush();
  std::filesystem::create_symlink(dir.file("secret"), dir.file("link"));
  std::filesystem::create_hard_link(dir.file("twice"), dir.file("again"));
  REQUIRE(::chown(dir.file("theirs").c_str(), 1, 1) == 0);
  std::vector<std::string> logs;
  for (const char* name : {"log", "link", "again", "theirs", "missing"})
    logs.push_back(dir.file(name));
  CHECK(in_child([&] { return drop_privileges("nobody", logs).empty() ? 0 : 1; }) == 0);
  CHECK(owner(dir.file("log")) == ::getpwnam("nobody")->pw_uid);
  CHECK(owner(dir.file("secret")) == 0);
  CHECK(owner(dir.file("twice")) == 0);
  CHECK(owner(dir.file("theirs")) == 1);
}

TEST_CASE("a log in a directory of others' cannot be opened again") {
  if (!is_root()) return;
  const ScratchDir dir;
  REQUIRE(::chmod(dir.file(".").c_str(), 0755) == 0);
  for (const char* mine : {"roots", "users", "hidden"}) {
    std::filesystem::create_directory(dir.file(mine));
    std::ofstream(dir.file(std::string(mine) + "/log")).flush();
  }
  const passwd nobody = *::getpwnam("nobody");
  REQUIRE(::chown(dir.file("users").c_str(), nobody.pw_uid, nobody.pw_gid) == 0);
  REQUIRE(::chmod(dir.file("hidden").c_str(), 0700) == 0);
  for (const auto& [name, mode] : {std::pair{"mine", 0666}, {"not_mine", 0600}}) {
    REQUIRE(::mkfifo(dir.file(name).c_str(), 0600) == 0);
    REQUIRE(::chmod(dir.file(name).c_str(), static_cast<mode_t>(mode)) == 0);
  }
  const std::vector<std::string> logs = {dir.file("roots/log"), dir.file("hidden/log"),
                                         dir.file("not_mine"),  dir.file("mine"),
                                         dir.file("users/log"), "/dev/null"};
  CHECK(not_reopenable(logs).empty());
  CHECK(in_child([&] {
          if (!drop_privileges("nobody", logs).empty()) return 1;
          return not_reopenable(logs) == std::vector(logs.begin(), logs.begin() + 3) ? 0 : 2;
        }) == 0);
}

}  // namespace
}  // namespace weir::app
