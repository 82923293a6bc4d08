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

// File makes the file output, mode 0644, with what fill writes. If fill fails, nothing is left behind and a file that
// was there before stays.
func File(output string, fill func(f *os.File) error) error { return file(output, 0o644, fill) }

// Write makes the file output of content, as File does, with the given permissions.
func Write(output string, content []byte, mode fs.FileMode) error {
	return file(output, mode, func(f *os.File) error {
		_, err := f.Write(content)
		return err
	})
}

func file(output string, mode fs.FileMode, fill func(f *os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(output), ".staged-")
	if err != nil {
		return fmt.Errorf("%s: cannot write there: %w", output, cause(err))
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := fill(f); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), output)
}

// cause is what the system said, without the name of the staging file, which means nothing to a reader.
func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
