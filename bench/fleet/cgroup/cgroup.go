// Package cgroup makes the cgroups of a fleet, below one of its own name, and sees to it that they are removed: they are the
// only thing of a fleet that outlives its processes.
package cgroup

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// prefix starts the names of all fleets: PREFIX-PIDNAMESPACE-PID-STARTTIME, of the process that made it.
const prefix = "pause-fleet-"

// mountpoint is where Linux distributions mount cgroups.
const mountpoint = "/sys/fs/cgroup"

// Hierarchies returns the folders of the root cgroups in which an engine makes a cgroup for each container: the only one
// of version 2, or one for each controller of version 1. A unified hierarchy beside those of version 1 is left out.
func Hierarchies() ([]string, error) {
	var root unix.Statfs_t
	if err := unix.Statfs(mountpoint, &root); err != nil {
		return nil, fmt.Errorf("no cgroups: %w", err)
	}
	if root.Type == unix.CGROUP2_SUPER_MAGIC {
		return []string{mountpoint}, nil
	}
	entries, err := os.ReadDir(mountpoint)
	if err != nil {
		return nil, fmt.Errorf("no cgroups: %w", err)
	}
	var dirs []string
	for _, entry := range entries {
		dir := filepath.Join(mountpoint, entry.Name())
		var st unix.Statfs_t
		// A link is another name of a hierarchy whose controllers are mounted together.
		if entry.IsDir() && unix.Statfs(dir, &st) == nil && st.Type == unix.CGROUP_SUPER_MAGIC {
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("no cgroups are mounted at %s", mountpoint)
	}
	return dirs, nil
}

// Tree is the cgroup of a fleet, in all hierarchies.
type Tree struct {
	Name   string // as cgroupsPath wants it: from the root of the hierarchies
	dirs   []string
	pipe   io.Closer
	keeper *exec.Cmd
}

// Make removes what fleets that are no more have left, makes a cgroup for this one in all hierarchies, and starts a keeper
// that removes it even if this process is killed. keeperArgs makes this program call Keep.
func Make(hierarchies, keeperArgs []string) (*Tree, error) {
	removeStale(hierarchies)
	owner, err := ownerOf(os.Getpid())
	if err != nil {
		return nil, err
	}
	t := &Tree{Name: "/" + prefix + owner}
	for _, h := range hierarchies {
		t.dirs = append(t.dirs, filepath.Join(h, t.Name))
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t.pipe = write
	t.keeper = exec.Command("/proc/self/exe", append(keeperArgs, t.dirs...)...)
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
			return nil, errors.Join(fmt.Errorf("make a cgroup: %w: run it as root, or with --cgroup=false", err), t.Remove())
		}
	}
	return t, nil
}

// Remove removes the cgroups, which must have no processes left that stay.
func (t *Tree) Remove() error {
	t.pipe.Close()
	// Whoever killed the keeper did not kill this process: it does the work then.
	if err := t.keeper.Wait(); err != nil {
		return remove(t.dirs)
	}
	return nil
}

// Keep waits until stdin ends, which is when the process that made the cgroups has removed or left them, and removes what
// is there of the folders dirs. It is what the program does that Make starts.
func Keep(dirs []string) error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	io.Copy(io.Discard, os.Stdin)
	return remove(dirs)
}

// patience is how long killed processes may take to leave their cgroups.
const patience = time.Minute

// remove removes the cgroups dirs, each even if another one cannot be removed.
func remove(dirs []string) error {
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

// removeStale removes the cgroups of fleets whose process, and keeper, were killed. Those with a living process in them
// stay: rmdir refuses.
func removeStale(hierarchies []string) {
	for _, h := range hierarchies {
		entries, _ := os.ReadDir(h)
		for _, entry := range entries {
			if owner, ok := strings.CutPrefix(entry.Name(), prefix); ok && !alive(owner) {
				removeTree(filepath.Join(h, entry.Name()))
			}
		}
	}
}

// alive reports whether the process that made the cgroup of owner runs, as far as can be seen from here.
func alive(owner string) bool {
	fields := strings.Split(owner, "-")
	if len(fields) != 3 {
		return true // nobody's to remove
	}
	pid, err := strconv.Atoi(fields[1])
	if err != nil {
		return true
	}
	self, err := ownerOf(os.Getpid())
	if err != nil || !strings.HasPrefix(self, fields[0]+"-") {
		return true // of another PID namespace, whose processes are not to be seen from here
	}
	now, err := ownerOf(pid)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	return err != nil || now == owner
}

// ownerOf names a process for as long as the machine runs: its PID namespace, its PID there, and its start in ticks since
// boot, which is field 22 of /proc/PID/stat in proc(5).
func ownerOf(pid int) (string, error) {
	var namespace unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &namespace); err != nil {
		return "", err
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The second field, the name in parentheses, may have blanks.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 20 {
		return "", fmt.Errorf("/proc/%d/stat: unexpected content", pid)
	}
	return fmt.Sprintf("%d-%d-%s", namespace.Ino, pid, fields[19]), nil
}
