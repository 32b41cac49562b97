#include "app/seccomp.h"

#include <asm/ioctls.h>
#include <fmt/format.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <vector>

namespace weir::app {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_X86_64;
constexpr int kOldCalls[] = {
    // that newer machines have not: libraries make them here
    SYS_access,  SYS_arch_prctl, SYS_dup2,  SYS_epoll_create, SYS_epoll_wait,
    SYS_eventfd, SYS_getdents,   SYS_lstat, SYS_mkdir,        SYS_open,
    SYS_pause,   SYS_pipe,       SYS_poll,  SYS_readlink,     SYS_rename,
    SYS_rmdir,   SYS_select,     SYS_stat,  SYS_time,         SYS_unlink,
};
#elif defined(__aarch64__)
constexpr std::uint32_t kMachine = AUDIT_ARCH_AARCH64;
constexpr int kOldCalls[] = {SYS_read};
#else
constexpr std::uint32_t kMachine = 0;
constexpr int kOldCalls[] = {SYS_read};
#endif

// None of them starts a program or a process, looks into one, changes who this one is, or what is
// mounted. What a conf may want later (new listeners, logs, certificates) is among them.
constexpr int kCalls[] = {
    // The most frequent first, for kernels that look at each (before 5.11).
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_sendto,
    SYS_recvmsg,
    SYS_sendfile,
    SYS_epoll_pwait,
    SYS_read,
    SYS_write,
    SYS_writev,
    SYS_readv,
    SYS_futex,
    SYS_accept4,
    SYS_close,
    SYS_getsockopt,
    SYS_setsockopt,
    SYS_epoll_ctl,
    SYS_clock_gettime,
    SYS_madvise,
    // Files.
    SYS_openat,
    SYS_newfstatat,
    SYS_fstat,
    SYS_statx,
    SYS_statfs,
    SYS_fstatfs,
    SYS_lseek,
    SYS_pread64,
    SYS_pwrite64,
    SYS_preadv,
    SYS_pwritev,
    SYS_preadv2,
    SYS_pwritev2,
    SYS_fallocate,
    SYS_ftruncate,
    SYS_fsync,
    SYS_fdatasync,
    SYS_sync_file_range,
    SYS_fadvise64,
    SYS_flock,
    SYS_fcntl,
    SYS_dup,
    SYS_dup3,
    SYS_pipe2,
    SYS_getdents64,
    SYS_getcwd,
    SYS_unlinkat,
    SYS_renameat,
    SYS_renameat2,
    SYS_mkdirat,
    SYS_readlinkat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_umask,
    SYS_memfd_create,
    SYS_close_range,
    SYS_copy_file_range,
    // Memory.
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_msync,
    SYS_brk,
    SYS_membarrier,
    // Sockets, and waiting.
    SYS_connect,
    SYS_accept,
    SYS_bind,
    SYS_listen,
    SYS_getsockname,
    SYS_getpeername,
    SYS_shutdown,
    SYS_sendmmsg,
    SYS_recvmmsg,
    SYS_splice,
    SYS_epoll_create1,
    SYS_epoll_pwait2,
    SYS_ppoll,
    SYS_pselect6,
    SYS_eventfd2,
    SYS_timerfd_create,
    SYS_timerfd_settime,
    SYS_timerfd_gettime,
    // Threads, signals, time.
    SYS_set_robust_list,
    SYS_get_robust_list,
    SYS_rseq,
    SYS_set_tid_address,
    SYS_exit,
    SYS_exit_group,
    SYS_tgkill,
    SYS_gettid,
    SYS_getpid,
    SYS_getppid,
    SYS_sched_yield,
    SYS_sched_getaffinity,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_getcpu,
    SYS_restart_syscall,
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigtimedwait,
    SYS_rt_sigpending,
    SYS_rt_sigsuspend,
    SYS_sigaltstack,
    SYS_nanosleep,
    SYS_clock_nanosleep,
    SYS_clock_getres,
    SYS_gettimeofday,
    SYS_times,
    // What the process is told about itself and the machine.
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getresuid,
    SYS_getresgid,
    SYS_getgroups,
    SYS_capget,
    SYS_getrlimit,
    SYS_prlimit64,
    SYS_setrlimit,
    SYS_getrusage,
    SYS_sysinfo,
    SYS_uname,
    SYS_getrandom,
};

// Calls of which some uses are allowed: those with one of these values in an argument.
struct Choice {
  int call;
  std::uint32_t argument;
  std::initializer_list<std::uint32_t> values;
};

// <sys/socket.h> is for net/ alone.
constexpr std::uint32_t kUnix = 1;
constexpr std::uint32_t kIp4 = 2;
constexpr std::uint32_t kIp6 = 10;
constexpr std::uint32_t kNetlink = 16;  // getaddrinfo(3) asks for the addresses of this machine

const Choice kChoices[] = {
    {SYS_socket, 0, {kUnix, kIp4, kIp6, kNetlink}},
    {SYS_socketpair, 0, {kUnix}},
    {SYS_ioctl, 1, {FIONREAD, FIONBIO, SIOCOUTQ, SIOCOUTQNSD, TCGETS, TIOCGWINSZ}},
    {SYS_prctl, 0, {PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_SET_VMA}},
};

constexpr std::uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr std::uint32_t kAnotherAbi = 0x40000000;  // of x86_64: x32

constexpr sock_filter step(std::uint16_t code, std::uint32_t k, std::uint8_t yes = 0,
                           std::uint8_t no = 0) {
  return {code, yes, no, k};
}
constexpr sock_filter load(std::size_t offset) {
  return step(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}
constexpr sock_filter unless(std::uint32_t value, std::uint8_t skipped) {
  return step(BPF_JMP | BPF_JEQ | BPF_K, value, 0, skipped);
}
constexpr sock_filter answer(std::uint32_t what) { return step(BPF_RET | BPF_K, what); }

constexpr std::uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

// The low half of an argument: those that are looked at are 32 bits wide (both machines are little-
// endian).
constexpr std::size_t argument(std::uint32_t n) {
  return offsetof(seccomp_data, args) + n * sizeof(std::uint64_t);
}

using Program = std::vector<sock_filter>;

void allow(Program& to, int call) {
  to.push_back(unless(static_cast<std::uint32_t>(call), 1));
  to.push_back(answer(kAllow));
}

void allow_some(Program& to, const Choice& choice) {
  const std::size_t steps = 1 + 2 * choice.values.size() + 1;
  to.push_back(unless(static_cast<std::uint32_t>(choice.call), static_cast<std::uint8_t>(steps)));
  to.push_back(load(argument(choice.argument)));
  for (const std::uint32_t value : choice.values) {
    to.push_back(unless(value, 1));
    to.push_back(answer(kAllow));
  }
  to.push_back(answer(kRefuse));
}

// Threads, and no processes. Of clone3 a filter cannot see the flags: the C library takes clone
// then.
void allow_threads(Program& to) {
  to.push_back(unless(SYS_clone3, 1));
  to.push_back(answer(kUnknown));
  to.push_back(unless(SYS_clone, 5));
  to.push_back(load(argument(0)));
  to.push_back(step(BPF_ALU | BPF_AND | BPF_K, CLONE_THREAD | kNamespaces));
  to.push_back(unless(CLONE_THREAD, 1));
  to.push_back(answer(kAllow));
  to.push_back(answer(kRefuse));
}

Program make_program() {
  Program out;
  out.push_back(load(offsetof(seccomp_data, arch)));
  out.push_back(step(BPF_JMP | BPF_JEQ | BPF_K, kMachine, 1, 0));
  out.push_back(answer(kRefuse));
  out.push_back(load(offsetof(seccomp_data, nr)));
  out.push_back(step(BPF_JMP | BPF_JGE | BPF_K, kAnotherAbi, 0, 1));
  out.push_back(answer(kRefuse));
  for (const int call : kCalls) allow(out, call);
  for (const int call : kOldCalls) allow(out, call);
  for (const Choice& choice : kChoices) allow_some(out, choice);
  allow_threads(out);
  out.push_back(answer(kRefuse));
  return out;
}

}  // namespace

bool seccomp_known() {
  const std::uint32_t refuses = SECCOMP_RET_ERRNO;
  return kMachine != 0 && ::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &refuses) == 0;
}

std::string restrict_calls() {
  if (kMachine == 0) return "seccomp: there is no list of system calls for this machine";
  Program program = make_program();
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  const long done = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                              SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG, &filter);
  if (done == 0) return {};
  return done > 0 ? "seccomp: a thread does not take part"
                  : fmt::format("seccomp: {}", std::strerror(errno));
}

}  // namespace weir::app
