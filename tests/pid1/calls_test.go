package pid1_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pid1"
	"example.com/pause/tests/lib/targets"
)

// Asleep and reaping it makes exactly four different system calls, none of which prints anything, and for -v two.
func TestSystemCalls(t *testing.T) {
	native(t, func(t *testing.T, s subject) {
		t.Run("pause", func(t *testing.T) {
			sleeps := 0
			s.makesCalls(t, []string{s.bin}, []string{targets.CallMask, s.CallName(s.Sleep()), targets.CallReap, targets.CallExit},
				func(halt pid1.Stop) error {
					if halt.After || halt.Call != s.Sleep() {
						return nil
					}
					sleeps++
					if sleeps == 1 {
						return unix.Kill(halt.Pid, unix.SIGCHLD)
					}
					return unix.Kill(halt.Pid, unix.SIGTERM)
				})
		})
		t.Run("version", func(t *testing.T) {
			s.makesCalls(t, []string{s.bin, "-v"}, []string{targets.CallWrite, targets.CallExit},
				func(pid1.Stop) error { return nil })
		})
	})
}

// makesCalls traces argv, has each called for every halt, and expects exactly the system calls in want, by name.
func (s subject) makesCalls(t *testing.T, argv, want []string, each func(pid1.Stop) error) {
	t.Helper()
	seen := make(map[string]bool)
	status, err := pid1.Trace(pid1.Spec{Argv: argv}, func(halt pid1.Stop) error {
		if halt.Audit != s.Audit {
			t.Errorf("%s by the calling convention of %#x; want only that of %#x", s.CallName(halt.Call), halt.Audit, s.Audit)
		}
		seen[s.CallName(halt.Call)] = true
		return each(halt)
	})
	need.NoError(t, err)
	if !status.Exited() || status.ExitStatus() != 0 {
		t.Fatalf("got %s; want exit status 0", describe(status))
	}
	got := slices.Sorted(maps.Keys(seen))
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("system calls %q; want %q", got, want)
	}
}

// filter returns a seccomp filter for s that applies otherwise to whatever rules do not name. The rules always let
// the execve pass that starts the program.
func (s subject) filter(otherwise uint32, rules ...pid1.Rule) []unix.SockFilter {
	host, _ := targets.Host()
	rules = append(rules, pid1.Rule{Audit: host.Audit, Call: host.Exec, Action: pid1.Allow})
	return pid1.Filter(otherwise, rules...)
}

// The shipped seccomp profile gives as the program's own exactly the system calls that the binaries make, over all
// architectures; whatever else it allows, it allows for the engine's sake and says so.
func TestShippedProfile(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(targets.File(t, "PAUSE_SECCOMP"))
	need.NoError(t, err)
	var profile struct {
		DefaultAction string `json:"defaultAction"`
		Syscalls      []struct {
			Comment string   `json:"comment"`
			Names   []string `json:"names"`
			Action  string   `json:"action"`
		} `json:"syscalls"`
	}
	need.NoError(t, json.Unmarshal(text, &profile))
	if profile.DefaultAction == "SCMP_ACT_ALLOW" {
		t.Error("the profile allows what it does not name")
	}

	calls := make(map[string]bool)
	for _, target := range targets.All() {
		for name := range target.Calls {
			calls[name] = true
		}
	}
	want := slices.Sorted(maps.Keys(calls))
	for _, group := range profile.Syscalls {
		if group.Comment != "the program" {
			continue
		}
		got := slices.Sorted(slices.Values(group.Names))
		if group.Action != "SCMP_ACT_ALLOW" || !slices.Equal(got, want) {
			t.Errorf("the program's group is %s for %q; want SCMP_ACT_ALLOW for %q", group.Action, got, want)
		}
		return
	}
	t.Error(`the profile has no group with the comment "the program"`)
}

// Under a seccomp filter that ends the program for any system call but its own, it does all that it should.
func TestSeccompAllowsOnlyItsCalls(t *testing.T) {
	native(t, func(t *testing.T, s subject) {
		var rules []pid1.Rule
		for _, call := range s.Calls {
			rules = append(rules, pid1.Rule{Audit: s.Audit, Call: call, Action: pid1.Allow})
		}
		filter := s.filter(pid1.Crash, rules...)
		for _, stop := range stops {
			t.Run(unix.SignalName(stop), func(t *testing.T) {
				scene := &pid1.Scene{Agent: true, Child: []string{s.bin, "-v"}, Filter: filter}
				p := s.asleep(t, pid1.Spec{Argv: []string{s.bin}, Scene: scene})
				reapsOrphans(t, p, 20, 20)
				leaves(t, p, stop)
			})
		}
		t.Run("version", func(t *testing.T) {
			got := printed(t, pid1.Spec{Argv: []string{s.bin, "-v"}, Scene: &pid1.Scene{Filter: filter}})
			if !versionLine.MatchString(got) {
				t.Errorf("printed %q; want its version", got)
			}
		})
	})
}

// Under a seccomp filter that refuses one of its system calls, it exits with a status other than 0, and does not spin.
func TestSeccompRefuses(t *testing.T) {
	native(t, func(t *testing.T, s subject) {
		for _, call := range []string{targets.CallMask, s.CallName(s.Sleep()), targets.CallReap} {
			for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS, unix.EINVAL} {
				t.Run(call+"/"+unix.ErrnoName(errno), func(t *testing.T) {
					filter := s.filter(pid1.Allow, pid1.Rule{Audit: s.Audit, Call: s.Calls[call], Action: pid1.Refuse(errno)})
					p := start(t, pid1.Spec{Argv: []string{s.bin}, Scene: &pid1.Scene{Filter: filter}})
					if call == targets.CallReap {
						// A program that does not reap before it is told of a child may be asleep first.
						_ = p.Signal(unix.SIGCHLD)
					}
					fails(t, p)
				})
			}
		}
		// Where even leaving is refused, only a fault is left.
		t.Run("exit_group/EPERM", func(t *testing.T) {
			filter := s.filter(pid1.Allow, pid1.Rule{Audit: s.Audit, Call: s.Calls[targets.CallExit], Action: pid1.Refuse(unix.EPERM)})
			p := s.asleep(t, pid1.Spec{Argv: []string{s.bin}, Scene: &pid1.Scene{Filter: filter}})
			need.NoError(t, p.Signal(unix.SIGTERM))
			status, err := p.Wait()
			need.NoError(t, err)
			if status.Exited() {
				t.Errorf("got %s although it must not exit; want death by a fault", describe(status))
			}
		})
	})
}
