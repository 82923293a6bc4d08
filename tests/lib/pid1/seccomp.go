package pid1

import "golang.org/x/sys/unix"

// Actions of a seccomp filter, as in linux/seccomp.h.
const (
	Allow = uint32(unix.SECCOMP_RET_ALLOW)
	Crash = uint32(unix.SECCOMP_RET_KILL_PROCESS) // end the process with SIGSYS
)

// Refuse is the action that makes the call return errno instead of running.
func Refuse(errno unix.Errno) uint32 {
	return uint32(unix.SECCOMP_RET_ERRNO) | uint32(errno)&uint32(unix.SECCOMP_RET_DATA)
}

// A Rule is what a seccomp filter does about one system call of one architecture.
type Rule struct {
	Audit  uint32 // AUDIT_ARCH_ constant
	Call   uint64
	Action uint32
}

// Filter returns the classic BPF program that applies the first rule that fits a system call, or otherwise if none does.
func Filter(otherwise uint32, rules ...Rule) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		result = unix.BPF_RET | unix.BPF_K
		// Offsets in struct seccomp_data.
		number, arch = 0, 4
	)
	var filter []unix.SockFilter
	for _, rule := range rules {
		filter = append(filter,
			unix.SockFilter{Code: load, K: arch},
			unix.SockFilter{Code: equal, K: rule.Audit, Jf: 3},
			unix.SockFilter{Code: load, K: number},
			unix.SockFilter{Code: equal, K: uint32(rule.Call), Jf: 1},
			unix.SockFilter{Code: result, K: rule.Action},
		)
	}
	return append(filter, unix.SockFilter{Code: result, K: otherwise})
}
