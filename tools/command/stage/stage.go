// Package stage writes outputs whole or not at all: aside first, then renamed into place.
package stage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir makes the folder output with what fill puts into the folder it is given. If fill fails, nothing is left behind.
// output must not exist, or be an empty folder (Bazel makes the folders of its actions beforehand); its parent must exist.
func Dir(output string, fill func(dir string) error) (err error) {
	output = filepath.Clean(output)
	if entries, err := os.ReadDir(output); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s: the output folder is not empty; remove it first", output)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: the output is not a folder", output)
	}
	aside, err := os.MkdirTemp(filepath.Dir(output), ".staged-")
	if err != nil {
		return fmt.Errorf("%s: cannot write there: %w", output, cause(err))
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(aside)
		}
	}()
	if err := os.Chmod(aside, 0o755); err != nil {
		return err
	}
	if err := fill(aside); err != nil {
		return err
	}
	// os.Rename does not replace a folder, not even an empty one.
	if err := os.Remove(output); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: cannot be replaced: %w", output, cause(err))
	}
	return os.Rename(aside, output)
}

// Write makes the file output of content, with the given permissions whatever the umask. If that fails, nothing is left behind and
// a file that was there before stays.
func Write(output string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(output), ".staged-")
	if err != nil {
		return fmt.Errorf("%s: cannot write there: %w", output, cause(err))
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err == nil {
		err = os.Rename(f.Name(), output)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// cause is what the system said, without the name of the staging file, which means nothing to a reader.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
