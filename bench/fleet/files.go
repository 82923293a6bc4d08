package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mountMemory mounts a file system in memory of at most kb kB, which is gone when the mount namespace is, over a folder that
// every Linux has and that hides none of the paths needed. It returns that folder.
func mountMemory(kb int64, needed ...string) (string, error) {
	var errs []error
dirs:
	for _, dir := range []string{"/mnt", "/run", "/tmp"} {
		for _, path := range needed {
			if strings.HasPrefix(path, dir+"/") {
				continue dirs
			}
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
// namespace for as long as the file is open, which is kept from being collected.
//
// Engines copy themselves so before every start, against containers that would overwrite them (CVE-2019-5736), unless they
// find that somebody has done it for them. Programs that find their libraries relative to themselves are left where they are.
func seal(path string) (string, *os.File, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return "", nil, err
	}
	if !strings.HasPrefix(string(program), "\x7fELF") || strings.Contains(string(program), "$ORIGIN") {
		return path, nil, nil
	}
	fd, err := unix.MemfdCreate("engine", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return "", nil, err
	}
	f := os.NewFile(uintptr(fd), "engine")
	if _, err := f.Write(program); err != nil {
		return "", nil, errors.Join(err, f.Close())
	}
	seals := unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return "", nil, errors.Join(err, f.Close())
	}
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), fd), f, nil
}
