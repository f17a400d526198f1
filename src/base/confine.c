/* Seccomp, Landlock and another user's identity. See confine.h. */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OUR_ARCH AUDIT_ARCH_AARCH64
#endif

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

/* ---- seccomp ------------------------------------------------------------ */

#if defined(OUR_ARCH) && !defined(HAS_ASAN)
/* What none of our roles does once it runs. Not the ways to make a thread:
   the resolver needs them. */
static const unsigned forbidden[] = {
	/* other programs, other processes */
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv,
	SYS_process_vm_writev, SYS_pidfd_getfd, SYS_kcmp,
	/* the kernel */
	SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_init_module,
	SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot,
	SYS_add_key, SYS_keyctl, SYS_request_key,
	/* the file system's shape, namespaces */
	SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare,
	SYS_setns, SYS_open_by_handle_at, SYS_swapon, SYS_swapoff,
	/* the clock */
	SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime
};

#define LOAD(field)                                                            \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(what)        BPF_STMT(BPF_RET | BPF_K, what)
#define SKIP_IF_IS(v, n)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, n, 0)
#define SKIP_IF_NOT(v, n)   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, v, 0, n)
#define X32_BIT             0x40000000U
#define SKIP_IF_BELOW(v, n) BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, v, 0, n)

static bool
apply_seccomp(void)
{
	struct sock_filter code[2 * ARRAY_LEN(forbidden) + 8];
	struct sock_fprog program = { .filter = code };
	unsigned short n = 0;

	/* Calls of another architecture have other numbers: none of them. */
	code[n++] = (struct sock_filter)LOAD(arch);
	code[n++] = (struct sock_filter)SKIP_IF_IS(OUR_ARCH, 1);
	code[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM);
	code[n++] = (struct sock_filter)LOAD(nr);
	code[n++] = (struct sock_filter)SKIP_IF_BELOW(X32_BIT, 1);
	code[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM);
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		code[n++] = (struct sock_filter)SKIP_IF_NOT(forbidden[i], 1);
		code[n++] =
		    (struct sock_filter)ANSWER(SECCOMP_RET_ERRNO | EPERM);
	}
	code[n++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
	program.len = n;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
		   SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}
#else
/* LeakSanitizer is a tracer of its own process. */
static bool
apply_seccomp(void)
{
	return false;
}
#endif

/* ---- Landlock ----------------------------------------------------------- */

/* Each version of the kernel's interface knows more rights. */
static uint64_t
changing_rights(int version)
{
	uint64_t rights =
	    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
	    LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
	    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
	    LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

#ifdef LANDLOCK_ACCESS_FS_REFER
	if (version >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
#endif
#ifdef LANDLOCK_ACCESS_FS_TRUNCATE
	if (version >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
#endif
	return rights;
}

static bool
allow_below(int rules, const char *folder, uint64_t rights)
{
	struct landlock_path_beneath_attr below = { .allowed_access = rights };
	long rc;

	below.parent_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (below.parent_fd < 0)
		return errno == ENOENT; /* nothing there to write to */
	rc = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
	    &below, 0);
	close(below.parent_fd);
	return rc == 0;
}

static bool
apply_landlock(const char *const *folders)
{
	struct landlock_ruleset_attr all = { 0 };
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t rights;
	bool ok = true;
	int rules;

	if (version < 1)
		return false;
	rights = changing_rights((int)version);
	all.handled_access_fs = rights | LANDLOCK_ACCESS_FS_EXECUTE;
	rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	if (rules < 0)
		return false;
	for (size_t i = 0; ok && folders[i] != NULL; i++)
		ok = allow_below(rules, folders[i], rights);
	ok = ok && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return ok;
}

unsigned
confine(const char *const *folders)
{
	unsigned parts = 0;

	/* Both ask for this promise: no program gives more rights than we
	   have. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 0;
	if (apply_landlock(folders))
		parts |= CONFINE_LANDLOCK;
	if (apply_seccomp())
		parts |= CONFINE_SECCOMP;
	return parts;
}

const char *
confine_text(unsigned parts)
{
	static const char *const texts[] = { "nothing", "seccomp", "landlock",
		"seccomp, landlock" };

	return texts[parts & (CONFINE_SECCOMP | CONFINE_LANDLOCK)];
}

/* ---- another user ------------------------------------------------------- */

#define WALK_FDS 16

/* nftw() hands nothing through. */
static uid_t new_uid;
static gid_t new_gid;

static int
give_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st;
	(void)kind;
	(void)where;
	return lchown(path, new_uid, new_gid) == 0 || errno == ENOENT ? 0 : -1;
}

int
confine_to_user(const char *user, const char *folder, struct err *err)
{
	const struct passwd *p = getpwnam(user);

	if (p == NULL)
		return err_set(err, ERR_CONFIG,
		    "tallygate.user: there is no user \"%.64s\" here", user);
	new_uid = p->pw_uid;
	new_gid = p->pw_gid;
	if (folder != NULL &&
	    nftw(folder, give_one, WALK_FDS, FTW_PHYS | FTW_MOUNT) != 0)
		return err_set_errno(err, ERR_IO, "giving %s to %s", folder,
		    user);
	if (initgroups(user, new_gid) != 0 ||
	    setresgid(new_gid, new_gid, new_gid) != 0 ||
	    setresuid(new_uid, new_uid, new_uid) != 0)
		return err_set_errno(err, ERR_IO, "becoming the user %s", user);
	/* The way back must be shut. */
	if (new_uid != 0 && setresuid(0, 0, 0) == 0)
		return err_set(err, ERR_IO, "becoming the user %s: root again",
		    user);
	return 0;
}
