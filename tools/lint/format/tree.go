package format

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Files lists the regular files below root that git tracks, or would track if they were added, as paths below root with
// slashes. Symbolic links are left out: what they point to is listed on its own.
func Files(ctx context.Context, root string) ([]string, error) {
	// The tree may belong to another user than the one in the sealed root or the container.
	cmd := exec.CommandContext(ctx, "git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, fmt.Errorf("git cannot list the files of %s: %w", root, err)
	}
	var names []string
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// A tracked file may have been removed from the tree and not yet from the index.
		if info, err := os.Lstat(filepath.Join(root, name)); err == nil && info.Mode().IsRegular() {
			names = append(names, name)
		}
	}
	return names, nil
}

// Module is what go.mod says of the Go module.
type Module struct {
	// Path is the module's path, such as example.com/pause.
	Path string
	// Go is the language version, such as 1.26.8.
	Go string
}

// ReadModule reads the go.mod in root.
func ReadModule(root string) (Module, error) {
	content, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return Module{}, err
	}
	var m Module
	for line := range strings.Lines(string(content)) {
		switch words := strings.Fields(line); {
		case len(words) == 2 && words[0] == "module":
			m.Path = words[1]
		case len(words) == 2 && words[0] == "go":
			m.Go = words[1]
		}
	}
	if m.Path == "" || m.Go == "" {
		return m, errors.New("go.mod has no line module, or no line go")
	}
	return m, nil
}
