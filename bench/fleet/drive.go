package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"example.com/pause/bench/lib"
	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/jail"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
	"golang.org/x/sys/unix"
)

// A spec says what fleet to start.
type spec struct {
	Name     string // of what is measured, for the report
	Layout   string // an OCI layout; or
	Program  []byte // a static program, run as /pause by 65535:65535
	Engine   string // path of crun, runc or what takes the same arguments; or of containerd, for pods
	Pods     bool   // the engine is containerd
	Count    int
	Netns    bool
	Cgroup   bool
	Tree     string // with Cgroup: the fleet's cgroup, from the root of the hierarchies
	Rootless bool
}

const (
	sleepPatience = 10 * time.Second // how long a started container may take to fall asleep
	stopPatience  = 30 * time.Second // how long all may take to end, as Kubernetes' default grace period
	restPatience  = 30 * time.Second // how long the machine's memory may take to come to rest around 1,000 containers or more
	maxFailures   = 10               // after so many in a phase, the rest of it is left
)

// driveMain starts the fleet that the orders describe, measures it, and stops it. It runs in a jail.
func driveMain() error {
	f := &fleet{workers: runtime.NumCPU()}
	report, err := jail.Enter(&f.spec)
	if err != nil {
		return err
	}
	result, err := f.run()
	if err != nil {
		return err
	}
	return report(result)
}

type fleet struct {
	spec
	workers int    // how many engines run at a time
	engine  string // the path to execute
	dir     string // of the tmpfs
	process bundle.Process
	pods    *pods.Client // of containerd; nil with an OCI engine
	daemon  proc.PID     // containerd

	mu       sync.Mutex
	asleep   []container
	failures []string
	failed   int
}

type container struct {
	id   string // as the engine has it
	pid  int
	took time.Duration // from the start of the engine until it slept
}

func (f *fleet) run() (*Run, error) {
	if err := f.prepare(); err != nil {
		return nil, err
	}
	// One for nothing: what every later one shares, such as the engine in the page cache, is not the cost of a container.
	if err := f.warmUp(); err != nil {
		return nil, err
	}
	result := &Run{Name: f.Name, Engine: f.version(), Count: f.Count, Netns: f.Netns, Cgroup: f.Cgroup}
	if st, err := os.Stat(filepath.Join(f.dir, "root", f.process.Args[0])); err == nil {
		result.BinaryBytes = st.Size()
	}

	// A few are not started for the figures.
	patience := min(restPatience, restPatience*time.Duration(f.Count)/1000)
	before, restedBefore, err := settled(nil, patience)
	if err != nil {
		return nil, err
	}
	grown := f.daemonMemory()
	result.Start = f.start()
	after, restedAfter, err := settled(before, patience)
	if err != nil {
		return nil, err
	}
	if n := len(f.asleep); n > 0 {
		result.Memory = cost(n, before, after)
		result.Unsettled = !restedBefore || !restedAfter || result.Memory.impossible()
		result.Processes, result.Threads, result.RSSKB = f.inspect()
		if f.Pods {
			result.Pod = f.podMemory(f.daemonMemory() - grown)
		}
	}
	result.StopSeconds = f.stop()
	begin := time.Now()
	f.each("delete", len(f.asleep), func(w worker, i int) error { return f.remove(w, f.asleep[i]) })
	result.DeleteSeconds = time.Since(begin).Seconds()
	result.Failures, result.FailureMessages = f.failed, f.failures
	return result, nil
}

// prepare makes everything that the engine needs, in a file system in memory that ends with this process.
func (f *fleet) prepare() (err error) {
	each := int64(64) // kB of the engine's state
	if f.Pods {
		each = 512
	} else if f.engine, err = seal(f.Engine); err != nil {
		return err
	}
	if f.dir, err = mountMemory(64<<10+each*int64(f.Count), f.Layout, f.Engine); err != nil {
		return err
	}
	root := filepath.Join(f.dir, "root")
	dirs := []string{"root/dev", "root/proc", "state"}
	for number := range f.workers {
		dirs = append(dirs, fmt.Sprintf("worker%d", number))
	}
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(f.dir, dir), 0o755); err != nil {
			return err
		}
	}
	if f.Layout != "" {
		f.process, err = bundle.Unpack(f.Layout, root)
	} else {
		f.process = bundle.Process{Args: []string{"/pause"}, UID: 65535, GID: 65535}
		err = os.WriteFile(filepath.Join(root, "pause"), f.Program, 0o755)
	}
	if err != nil {
		return err
	}
	if f.Rootless {
		f.process.UID, f.process.GID = 0, 0 // the only user that there is: the caller
	}
	if err := hideUnified(f.Cgroup); err != nil || !f.Pods {
		return err
	}
	return f.startContainerd()
}

// mountMemory mounts a file system in memory of at most kb kB, which is gone when the mount namespace is, over a folder that
// every Linux has and that hides none of the paths needed. It returns that folder.
func mountMemory(kb int64, needed ...string) (string, error) {
	var errs []error
	for _, dir := range []string{"/mnt", "/run", "/tmp"} {
		if slices.ContainsFunc(needed, func(path string) bool { return strings.HasPrefix(path, dir+"/") }) {
			continue
		}
		err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, fmt.Sprintf("size=%dk,nr_inodes=0,mode=0755", kb))
		if err == nil {
			return dir, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", dir, err))
	}
	return "", fmt.Errorf("nowhere to mount a tmpfs: %w", errors.Join(errs...))
}

// seal copies the program at path into memory that nobody can change any more, and returns a path to it, valid in this PID
// namespace for as long as this process lives.
//
// Engines copy themselves so before every start, against containers that would overwrite them (CVE-2019-5736), unless they
// find that somebody has done it for them. Programs that find their libraries relative to themselves are left where they are.
func seal(path string) (string, error) {
	program, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(program), "\x7fELF") || strings.Contains(string(program), "$ORIGIN") {
		return path, err
	}
	fd, err := unix.MemfdCreate("engine", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return "", err
	}
	sealed := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd)
	if err := os.WriteFile(sealed, program, 0); err != nil {
		return "", err
	}
	_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE)
	return sealed, err
}

// hideUnified hides, in this mount namespace, a unified hierarchy that is mounted beside those of version 1: crun 1.8
// refuses such a machine. Without cgroups, everything at /sys/fs/cgroup is hidden.
func hideUnified(cgroups bool) error {
	var st unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &st); err != nil || st.Type == unix.CGROUP2_SUPER_MAGIC {
		return nil
	}
	if !cgroups {
		return unix.Mount("tmpfs", "/sys/fs/cgroup", "tmpfs", 0, "size=4k")
	}
	if err := unix.Unmount("/sys/fs/cgroup/unified", unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("unmount /sys/fs/cgroup/unified: %w", err)
	}
	return nil
}

func (f *fleet) isRunc() bool { return strings.HasPrefix(filepath.Base(f.Engine), "runc") }

// worker is one of those that start engines, with files of its own.
type worker struct{ dir string }

func (w worker) file(name string) string { return filepath.Join(w.dir, name) }

// each calls do for 0 to n-1, from as many workers as there are to be engines at a time, until too much has failed. What
// failed in an earlier phase does not count: what has been started is deleted in any case.
func (f *fleet) each(phase string, n int, do func(w worker, i int) error) {
	bar := lib.Progress(f.Name+", "+phase, n)
	defer bar.Finish()
	var next, failed atomic.Int64
	var wg sync.WaitGroup
	for number := range f.workers {
		w := worker{filepath.Join(f.dir, fmt.Sprintf("worker%d", number))}
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n || failed.Load() >= maxFailures {
					return
				}
				if err := do(w, i); err != nil {
					failed.Add(1)
					f.fail(err)
				}
				bar.Add(1)
			}
		})
	}
	wg.Wait()
}

func (f *fleet) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed++
	if len(f.failures) < maxFailures {
		f.failures = append(f.failures, err.Error())
	}
}

// call runs the engine. Its errors, one line, have what the engine said last.
func (f *fleet) call(w worker, args ...string) error {
	log, err := os.Create(w.file("log")) // a file: the container has it as its stderr, and would keep a pipe open
	if err != nil {
		return err
	}
	defer log.Close()
	argv := []string{filepath.Base(f.Engine), "--root", filepath.Join(f.dir, "state")}
	if !f.Cgroup {
		argv = append(argv, "--cgroup-manager=disabled")
	}
	cmd := exec.Cmd{
		Path: f.engine, Args: append(argv, args...), Dir: w.dir, Stdout: log, Stderr: log,
		// An engine keeps its temporary files in the tmpfs, too.
		Env: []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + w.dir},
	}
	if err := cmd.Run(); err != nil {
		return withLog(fmt.Errorf("%s: %w", argv[0], err), log.Name())
	}
	return nil
}

func withLog(err error, log string) error {
	said, _ := os.ReadFile(log)
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		return fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// one starts a container, or a pod, and waits until it sleeps.
func (f *fleet) one(w worker, name string) (container, error) {
	c, begin := container{id: name}, time.Now()
	start := f.startContainer
	if f.Pods {
		start = f.startPod
	}
	err := start(w, &c)
	if err == nil {
		err = f.awaitSleep(c)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	c.took = time.Since(begin)
	return c, nil
}

// startContainer starts a container with an OCI engine, and sets its PID.
func (f *fleet) startContainer(w worker, c *container) error {
	options := bundle.Options{Process: f.process, Root: filepath.Join(f.dir, "root"), Netns: f.Netns, Proc: f.isRunc()}
	if f.Cgroup {
		options.Cgroup = f.Tree + "/" + c.id
	}
	config, err := json.Marshal(bundle.Config(options))
	if err != nil {
		return err
	}
	// The engine keeps what it needs in its state: the bundle serves the next one.
	if err := os.WriteFile(w.file("config.json"), config, 0o600); err != nil {
		return err
	}
	if err := f.call(w, "run", "--detach", "--no-new-keyring", "--bundle", w.dir, "--pid-file", w.file("pid"), c.id); err != nil {
		return err
	}
	text, err := os.ReadFile(w.file("pid"))
	if err != nil {
		return err
	}
	if c.pid, err = strconv.Atoi(strings.TrimSpace(string(text))); err != nil {
		return fmt.Errorf("PID file: %w", err)
	}
	return nil
}

// remove has the engine remove a container or a pod, and end it if need be.
func (f *fleet) remove(w worker, c container) error {
	if f.Pods {
		return f.removePod(c)
	}
	return f.call(w, "delete", "--force", c.id)
}

// sleeping are the system calls in which an ordinary program that waits for a signal sleeps.
var sleeping = []uint64{
	unix.SYS_RT_SIGSUSPEND, // C: pause(2), or sigsuspend where there is no such call
	unix.SYS_PPOLL,
	unix.SYS_FUTEX, // Go
	unix.SYS_EPOLL_PWAIT,
}

func (f *fleet) awaitSleep(c container) error {
	process := proc.PID(c.pid)
	host, _ := targets.Host() // the image is for this machine
	// The engine's own process sleeps, too, before it becomes the program.
	name := filepath.Base(f.process.Args[0])
	deadline := time.Now().Add(sleepPatience)
	for wait := 20 * time.Microsecond; ; wait = min(2*wait, time.Millisecond) {
		comm, err := os.ReadFile(process.Path("comm"))
		if err != nil {
			return fmt.Errorf("it ended at once: %w", err)
		}
		if strings.TrimSpace(string(comm)) == name {
			return process.AwaitSleep(slices.Concat(sleeping, []uint64{host.Sleep()})...)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("PID %d is still %s after %s", c.pid, comm, sleepPatience)
		}
		time.Sleep(wait)
	}
}

func (f *fleet) warmUp() (err error) {
	f.each("warm-up", 1, func(w worker, _ int) error {
		var c container
		if c, err = f.one(w, "warm-up"); err == nil {
			err = f.remove(w, c)
		}
		return nil
	})
	return err
}

// start starts all containers.
func (f *fleet) start() Start {
	f.asleep = make([]container, 0, f.Count)
	begin := time.Now()
	f.each("start", f.Count, func(w worker, i int) error {
		c, err := f.one(w, "pause-"+strconv.Itoa(i))
		if err != nil {
			return err
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asleep = append(f.asleep, c)
		return nil
	})
	total := time.Since(begin)
	latencies := make([]time.Duration, 0, f.Count)
	for _, c := range f.asleep {
		latencies = append(latencies, c.took)
	}
	return NewStart(total, latencies)
}

// inspect counts processes and threads, and returns the median of the resident memory of all in kB.
func (f *fleet) inspect() (processes, threads int, rssKB int64) {
	var resident []int64
	for _, c := range f.asleep {
		stat, err := proc.PID(c.pid).Stat()
		if err != nil {
			f.fail(fmt.Errorf("%s: gone while it should sleep: %w", c.id, err))
			continue
		}
		processes++
		threads += stat.Threads
		if rss, err := proc.PID(c.pid).RSS(); err == nil {
			resident = append(resident, rss>>10)
		}
	}
	// The kernel places each stack at random, so that one container has a page more or less than the next.
	return processes, threads, lib.Median(resident)
}

// stop sends SIGTERM to every container, or has every pod stopped, and returns the seconds until the last has ended.
func (f *fleet) stop() float64 {
	begin := time.Now()
	if f.Pods {
		f.each("stop", len(f.asleep), func(_ worker, i int) error { return f.stopPod(f.asleep[i]) })
		return time.Since(begin).Seconds()
	}
	for _, c := range f.asleep {
		if err := syscall.Kill(c.pid, syscall.SIGTERM); err != nil {
			f.fail(fmt.Errorf("%s: SIGTERM: %w", c.id, err))
		}
	}
	bar := lib.Progress(f.Name+", stop", len(f.asleep))
	defer bar.Finish()
	deadline := begin.Add(stopPatience)
	for _, c := range f.asleep {
		if err := awaitGone(c.pid, deadline); err != nil {
			f.fail(fmt.Errorf("%s: %w", c.id, err))
			syscall.Kill(c.pid, syscall.SIGKILL)
		}
		bar.Add(1)
	}
	return time.Since(begin).Seconds()
}

// gone reports whether a process of this namespace is no more. PID 1 lets the kernel bury it at once.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

func awaitGone(pid int, deadline time.Time) error {
	for !gone(pid) {
		if time.Now().After(deadline) {
			return fmt.Errorf("PID %d runs %s after it was told to end", pid, stopPatience)
		}
		// Many end at once: asking all the time would take the processor from them.
		time.Sleep(time.Millisecond)
	}
	return nil
}

// version returns the first line of what the engine says about itself.
func (f *fleet) version() string {
	if f.Pods {
		version, _, _ := pods.Version(f.Engine) // it was understood when containerd started
		return "containerd " + version
	}
	// Even for this, crun makes the folder of its state; without --root, in the machine's /run.
	said, err := exec.Command(f.Engine, "--root", filepath.Join(f.dir, "state"), "--version").Output()
	if err != nil {
		return filepath.Base(f.Engine)
	}
	line, _, _ := strings.Cut(string(said), "\n")
	return line
}

// settled reads the machine's memory when it has come to rest: the kernel frees much of what short-lived processes had only
// after a while. since is an earlier reading, nil for the first. rested is false if it did not come to rest within patience:
// then something else on the machine moves it.
func settled(since memory, patience time.Duration) (now memory, rested bool, err error) {
	debug.FreeOSMemory()
	last, err := readMemory()
	if err != nil {
		return nil, false, err
	}
	for deadline := time.Now().Add(patience); ; last = now {
		// Rest is that nothing moves over a time.
		time.Sleep(min(200*time.Millisecond, patience/5))
		if now, err = readMemory(); err != nil {
			return nil, false, err
		}
		// What every machine does all the time, or what would not show in the result.
		little := int64(256)
		if since != nil {
			little = max(little, (since.available()-now.available())/500)
		}
		if moved := now.available() - last.available(); max(moved, -moved) < little {
			return now, true, nil
		}
		if time.Now().After(deadline) {
			return now, false, nil
		}
	}
}
