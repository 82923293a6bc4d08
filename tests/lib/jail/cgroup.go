package jail

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cgroupMount is where Linux distributions have the cgroups.
const cgroupMount = "/sys/fs/cgroup"

// CgroupRoots returns the folders of the root cgroups in which an engine makes a cgroup for each container: the only one of
// version 2, or one for each controller of version 1. A unified hierarchy beside those of version 1 is left out.
func CgroupRoots() (dirs []string, err error) {
	var root unix.Statfs_t
	if err := unix.Statfs(cgroupMount, &root); err != nil {
		return nil, fmt.Errorf("no cgroups: %w", err)
	}
	if root.Type == unix.CGROUP2_SUPER_MAGIC {
		return []string{cgroupMount}, nil
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil, fmt.Errorf("no cgroups: %w", err)
	}
	for _, entry := range entries {
		dir := filepath.Join(cgroupMount, entry.Name())
		var st unix.Statfs_t
		// A link is another name of a hierarchy whose controllers are mounted together.
		if entry.IsDir() && unix.Statfs(dir, &st) == nil && st.Type == unix.CGROUP_SUPER_MAGIC {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no cgroups are mounted at %s", cgroupMount)
	}
	return dirs, nil
}

// A Cgroup is the cgroup of a run, in all hierarchies.
type Cgroup struct {
	Name   string // as cgroupsPath wants it: from the root of the hierarchies
	dirs   []string
	locks  []*os.File
	pipe   io.Closer
	keeper *exec.Cmd
}

// MakeCgroup makes a cgroup in each of roots, called PREFIX-PIDNAMESPACE-PID of this process, which holds a lock on the folder for as
// long as it lives; what processes that are no more have left of that prefix it removes. It starts a keeper that removes the
// cgroup even if this process is killed: this program, with the argument keeper, which must make it call KeepCgroup.
func MakeCgroup(prefix string, roots []string, keeper string) (*Cgroup, error) {
	removeStale(prefix, roots)
	var namespace unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &namespace); err != nil {
		return nil, err
	}
	t := &Cgroup{Name: fmt.Sprintf("/%s-%d-%d", prefix, namespace.Ino, os.Getpid())}
	for _, root := range roots {
		t.dirs = append(t.dirs, filepath.Join(root, t.Name))
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t.pipe = write
	t.keeper = exec.Command("/proc/self/exe", append([]string{keeper}, t.dirs...)...)
	t.keeper.Args[0] = os.Args[0]
	t.keeper.Stdin = read
	t.keeper.Dir = "/"
	t.keeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = t.keeper.Start()
	read.Close()
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	for _, dir := range t.dirs {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("make a cgroup: %w", err), t.Remove())
		}
		lock, err := locked(dir)
		if err != nil {
			return nil, errors.Join(err, t.Remove())
		}
		t.locks = append(t.locks, lock)
	}
	return t, nil
}

// locked opens a folder that nobody has locked, and locks it.
func locked(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// Remove removes the cgroups, which must have no processes left that stay.
func (t *Cgroup) Remove() error {
	t.pipe.Close()
	// Whoever killed the keeper did not kill this process: it does the work then.
	err := t.keeper.Wait()
	if err != nil {
		err = removeAll(t.dirs)
	}
	for _, lock := range t.locks {
		lock.Close()
	}
	return err
}

// KeepCgroup is what the keeper does: it waits until stdin ends, which is when the process that made the cgroups has removed or left
// them, and removes what is there of the folders dirs, its arguments.
func KeepCgroup(dirs []string) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	io.Copy(io.Discard, os.Stdin)
	return removeAll(dirs)
}

// patience is how long killed processes may take to leave their cgroups.
const patience = time.Minute

// removeAll removes the cgroups dirs, each even if another one cannot be removed.
func removeAll(dirs []string) error {
	var errs []error
	deadline := time.Now().Add(patience)
	for _, dir := range dirs {
		err := removeTree(dir)
		for ; errors.Is(err, unix.EBUSY) && time.Now().Before(deadline); err = removeTree(dir) {
			time.Sleep(10 * time.Millisecond)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("remove a cgroup: %w", err))
		}
	}
	return errors.Join(errs...)
}

// removeTree removes a cgroup and those below it. What is gone already is no error.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeTree(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	// Not os.Remove, which tries unlink first: the files of a cgroup go with it.
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// removeStale removes the cgroups of that prefix whose process, and keeper, were killed. Those with a living process in them stay:
// rmdir refuses.
func removeStale(prefix string, roots []string) {
	for _, root := range roots {
		entries, _ := os.ReadDir(root)
		for _, entry := range entries {
			if dir := filepath.Join(root, entry.Name()); strings.HasPrefix(entry.Name(), prefix+"-") {
				if lock, err := locked(dir); err == nil {
					removeTree(dir) // or the next run does
					lock.Close()
				}
			}
		}
	}
}
