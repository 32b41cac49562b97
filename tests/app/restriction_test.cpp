// What the profile refuses, tried in children that have it.
#include "app/restriction.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <functional>
#include <thread>

#include "app/capabilities.h"
#include "app/pipe.h"
#include "app/seccomp.h"

namespace weir::app {
namespace {

// What `act` answers in a child: 0 to 255.
int in_child(const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(act());
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// The first of these that is not as it should be, from 1; 0: all are.
int first_wrong(std::initializer_list<bool> all) {
  const auto wrong = std::ranges::find(all, false);
  return wrong == all.end() ? 0 : static_cast<int>(wrong - all.begin()) + 1;
}

bool reads(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}
bool writes(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}
bool refused(long result, int error = EPERM) { return result < 0 && errno == error; }

bool landlock_is_there() {
  if (landlock_version() > 0) return true;
  MESSAGE("SKIPPED: this kernel has no landlock, or it is not switched on");
  return false;
}

LoadedConfig conf_with(std::string_view more, const std::string& file = "weir.conf") {
  const std::string text =
      "listen = \"127.0.0.1:8080\"\norigin = \"127.0.0.1:9\"\n" + std::string(more);
  auto loaded = parse_config(text, file);
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? std::string() : loaded.error()));
  return *loaded;
}

TEST_CASE("landlock leaves what the conf names, and refuses other files") {
  if (!landlock_is_there()) return;
  const ScratchDir conf, logs, disk, other;
  for (const ScratchDir* dir : {&conf, &logs, &disk, &other}) {
    std::ofstream(dir->file("there")) << "x";
  }
  const LoadedConfig loaded =
      conf_with("[[storage.disk]]\npath = \"" + disk.file("weir") +
                    "\"\nsize = \"32 MiB\"\n[server]\n" + "pid_file = \"" + other.file("pid") +
                    "\"\nlandlock = \"on\"\n[log]\naccess = \"" + logs.file("access") + "\"\n",
                conf.file("weir.conf"));
  std::ofstream(other.file("pid")) << "1";
  const int open_before = ::open(other.file("there").c_str(), O_RDONLY | O_CLOEXEC);
  const int wrong = in_child([&] {
    if (!restrict_process(loaded)) return 100;
    char byte = 0;
    return first_wrong({
        reads(conf.file("there")),
        !writes(conf.file("there")),
        !writes(conf.file("new")),
        reads(logs.file("there")),
        writes(logs.file("access")),
        ::rename(logs.file("access").c_str(), logs.file("access.1").c_str()) == 0,
        writes(disk.file("weir/new")),
        !writes(disk.file("new")),
        !reads(other.file("there")),
        !writes(other.file("there")),
        !writes(other.file("new")),
        ::unlink(other.file("pid").c_str()) == 0,
        ::pread(open_before, &byte, 1, 0) == 1,
        reads("/etc/resolv.conf"),
        reads("/proc/self/statm"),
        reads("/proc/net/netstat"),
        reads("/dev/urandom"),
        !reads("/etc/shadow"),
        // What /proc tells of others stays what anybody may know.
        !reads("/proc/" + std::to_string(::getppid()) + "/environ"),
        !reads("/usr/bin/env"),
        refused(::execl("/usr/bin/env", "env", nullptr), EACCES),
    });
  });
  ::close(open_before);
  CHECK(wrong == 0);
}

TEST_CASE("certificates may be replaced where they are and where links lead") {
  if (!landlock_is_there()) return;
  const ScratchDir live, archive;
  std::ofstream(archive.file("one.pem")) << "1";
  std::filesystem::create_symlink(archive.file("one.pem"), live.file("cert.pem"));
  LoadedConfig loaded = conf_with("[server]\nlandlock = \"on\"\n");
  loaded.config.listens[0].tls = {{live.file("cert.pem"), live.file("cert.pem"), {}}};
  const int wrong = in_child([&] {
    if (!restrict_process(loaded)) return 100;
    return first_wrong({reads(live.file("cert.pem")), reads(archive.file("one.pem"))});
  });
  CHECK(wrong == 0);
  const auto rules = needed_files(loaded);
  const auto has = [&](const std::string& path) {
    return std::ranges::find(rules, FileRule{path, FileUse::kRead}) != rules.end();
  };
  CHECK(has(std::filesystem::path(live.file("x")).parent_path()));
  CHECK(has(std::filesystem::path(archive.file("x")).parent_path()));
}

TEST_CASE("seccomp refuses programs, processes, debugging, mounts and strange sockets") {
  REQUIRE(seccomp_known());
  const LoadedConfig loaded = conf_with("[server]\nseccomp = \"on\"\n");
  const int wrong = in_child([&] {
    if (!restrict_process(loaded)) return 100;
    return first_wrong({
        refused(::execl("/bin/true", "true", nullptr)),
        refused(::fork()),
        refused(::syscall(SYS_vfork)),
        refused(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)),
        refused(::mount("none", "/mnt", "tmpfs", 0, nullptr)),
        refused(::unshare(CLONE_NEWUSER)),
        refused(::chroot("/")),
        refused(::setuid(0)),
        refused(::kill(::getppid(), 0)),
        refused(::socket(AF_PACKET, SOCK_RAW, 0)),
        refused(::socket(AF_ALG, SOCK_SEQPACKET, 0)),
        refused(::syscall(SYS_bpf, 0, nullptr, 0)),
        refused(::syscall(SYS_io_uring_setup, 1, nullptr)),
        refused(::syscall(SYS_process_vm_readv, ::getppid(), nullptr, 0, nullptr, 0, 0)),
        refused(::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)),
        refused(::syscall(SYS_clone3, nullptr, 0), ENOSYS),
        refused(::syscall(SYS_getpid | 0x40000000)) || sizeof(void*) != 8,
    });
  });
  CHECK(wrong == 0);
}

TEST_CASE("seccomp leaves threads, sockets, files and memory") {
  const LoadedConfig loaded = conf_with("[server]\nseccomp = \"on\"\n");
  const ScratchDir dir;
  const int wrong = in_child([&] {
    if (!restrict_process(loaded)) return 100;
    int answer = 0;
    std::thread([&] { answer = 42; }).join();
    return first_wrong({
        answer == 42,
        ::socket(AF_INET, SOCK_STREAM, 0) >= 0,
        ::socket(AF_INET6, SOCK_DGRAM, 0) >= 0,
        ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0,
        ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0,
        writes(dir.file("new")),
        ::memfd_create("x", MFD_CLOEXEC) >= 0,
        ::unlink(dir.file("new").c_str()) == 0,
    });
  });
  CHECK(wrong == 0);
}

TEST_CASE("seccomp holds threads that were there before") {
  const LoadedConfig loaded = conf_with("[server]\nseccomp = \"on\"\n");
  const int wrong = in_child([&] {
    std::atomic<bool> go{false};
    bool held = false;
    std::thread before([&] {
      go.wait(false);
      held = refused(::chroot("/"));
    });
    if (!restrict_process(loaded)) return 100;
    go = true;
    go.notify_one();
    before.join();
    return first_wrong({held});
  });
  CHECK(wrong == 0);
}

TEST_CASE("nothing is left of the capabilities but what a conf with low ports needs") {
  struct Row {
    const char* more;
    const char* left;  // where there was any
    bool low;
  };
  for (const Row& row : {Row{"", "none", false},
                         Row{"[server]\nadmin = \"127.0.0.1:81\"\n", "net_bind_service", true},
                         Row{"[server]\nadmin = \"off\"\n", "none", false},
                         Row{"[server]\nadmin = \"unix:/run/weir.sock\"\n", "none", false}}) {
    CAPTURE(std::string(row.more));
    const LoadedConfig loaded = conf_with(row.more);
    CHECK(wants_low_ports(loaded.config) == row.low);
    const int wrong = in_child([&] {
      const bool had = capabilities_text() != "none";
      const auto left = restrict_process(loaded);
      if (!left) return 100;
      return first_wrong({
          capabilities_text() == (had ? row.left : "none"),
          ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
          !had || ::prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0,
          left->find("landlock=off seccomp=off") != std::string::npos,
          left->starts_with("capabilities=" + capabilities_text()),
      });
    });
    CHECK(wrong == 0);
  }
}

TEST_CASE("what is asked for and what there is, is told") {
  CHECK(restriction_plan(conf_with("").config)
            .starts_with("capabilities none; landlock off (this kernel: "));
  const std::string plan =
      restriction_plan(conf_with("[server]\nadmin = \"127.0.0.1:81\"\nseccomp = \"on\"\n").config);
  CHECK(plan.starts_with("capabilities net_bind_service; "));
  CHECK(plan.find("seccomp on (this kernel: there)") != std::string::npos);
}

}  // namespace
}  // namespace weir::app
