package pid1_test

import (
	"testing"

	"golang.org/x/sys/unix"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pid1"
	"example.com/pause/tests/lib/targets"
)

// Under qemu-user, the binary of every other architecture sleeps, leaves when asked, survives SIGCHLD, reaps, and prints
// its version. What the kernel does for PID 1 is the emulator's affair there, so there is less to see than natively.
func TestEmulated(t *testing.T) {
	t.Parallel()
	host, ok := targets.Host()
	need.That(t, ok, "pause is not built for the architecture of this machine")
	for _, target := range targets.All() {
		if target.Arch == host.Arch {
			continue
		}
		t.Run(target.Arch, func(t *testing.T) {
			t.Parallel()
			pid1.Available(t)
			bin := target.Binary(t)
			qemu := target.FindEmulator(t)
			// The emulator passes the sleep on to the kernel, as the host's own system call.
			asleep := func(t *testing.T, spec pid1.Spec) *pid1.Process {
				t.Helper()
				p := start(t, spec)
				check(t, p.AwaitSleep(host.Sleep()))
				return p
			}
			emulate := func(args ...string) []string { return append([]string{qemu, bin}, args...) }

			for _, place := range places {
				t.Run(place.name, func(t *testing.T) {
					for _, stop := range stops {
						t.Run(unix.SignalName(stop), func(t *testing.T) {
							p := asleep(t, pid1.Spec{Argv: emulate(), Ordinary: place.ordinary})
							for range 3 {
								check(t, p.Signal(unix.SIGCHLD))
								check(t, p.AwaitSleep(host.Sleep()))
							}
							check(t, p.Signal(stop))
							exits(t, p, 0)
						})
					}
				})
			}
			t.Run("reaps orphans", func(t *testing.T) {
				p := asleep(t, pid1.Spec{Argv: emulate(), Scene: &pid1.Scene{Agent: true, Child: emulate("-v")}})
				reapsOrphans(t, p, 5, 5)
				check(t, p.AwaitSleep(host.Sleep()))
				check(t, p.Signal(unix.SIGTERM))
				exits(t, p, 0)
			})
			t.Run("reaps children dead before it starts", func(t *testing.T) {
				p := asleep(t, pid1.Spec{Argv: emulate(), Scene: &pid1.Scene{Zombies: 3, Child: emulate("-v")}})
				check(t, p.AwaitDescendants(0))
				check(t, p.Signal(unix.SIGTERM))
				exits(t, p, 0)
			})
			t.Run("version", func(t *testing.T) {
				got := printed(t, pid1.Spec{Argv: emulate("-v")})
				if !versionLine.MatchString(got) {
					t.Errorf("printed %q; want its version", got)
				}
			})
			for name, args := range map[string][]string{
				"one": {"x"}, "two": {"x", "y"}, "-v and another": {"-v", "x"}, "--version": {"--version"},
				"-vv": {"-vv"}, "-": {"-"}, "v": {"v"}, "empty": {""},
			} {
				t.Run("arguments/"+name, func(t *testing.T) {
					p := asleep(t, pid1.Spec{Argv: emulate(args...)})
					check(t, p.Signal(unix.SIGTERM))
					exits(t, p, 0)
				})
			}
		})
	}
}
