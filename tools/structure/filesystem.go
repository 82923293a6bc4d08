package structure

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
)

// entry is a file of the image. header is nil for a folder that exists only because something is in it.
type entry struct {
	header  *tar.Header
	content []byte
}

// filesystem maps cleaned absolute paths to entries.
type filesystem map[string]*entry

// readFilesystem applies the layers, each an uncompressed tar archive, in order, with whiteouts and opaque whiteouts as in
// image-spec v1.1, layer.md.
func readFilesystem(archives [][]byte) (filesystem, error) {
	files := filesystem{}
	for i, archive := range archives {
		if err := files.apply(archive); err != nil {
			return nil, fmt.Errorf("layer %d: %w", i, err)
		}
	}
	return files, nil
}

func (files filesystem) apply(archive []byte) error {
	tr := tar.NewReader(bytes.NewReader(archive))
	added := filesystem{}
	for {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if slices.Contains(strings.Split(header.Name, "/"), "..") {
			return fmt.Errorf("the path %q climbs out of its folder", header.Name)
		}
		name := path.Join("/", header.Name)
		folder, base := path.Split(name)
		// Whiteouts hide what is below this layer, never what is in it: hence added, merged at the end.
		switch hidden, isWhiteout := strings.CutPrefix(base, ".wh."); {
		case base == ".wh..wh..opq":
			files.removeBelow(path.Clean(folder))
		case isWhiteout:
			delete(files, folder+hidden)
			files.removeBelow(folder + hidden)
		default:
			content, err := io.ReadAll(tr)
			if err != nil {
				return err
			}
			if added[name] != nil {
				return fmt.Errorf("the path %s is there twice", name)
			}
			added[name] = &entry{header, content}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(added)) {
		e := added[name]
		if e.header.Typeflag != tar.TypeDir {
			// A file in the place of a folder takes away what was in it.
			files.removeBelow(name)
		}
		files[name] = e
	}
	return nil
}

func (files filesystem) removeBelow(folder string) {
	prefix := strings.TrimSuffix(folder, "/") + "/"
	for name := range files {
		if strings.HasPrefix(name, prefix) {
			delete(files, name)
		}
	}
}

// lookup returns the entry at the absolute path name, not following a link there, or nil.
// Links on the way to it are followed within the image.
func (files filesystem) lookup(name string) *entry {
	folder, base := path.Split(path.Join("/", name))
	if base == "" {
		return files.at("/")
	}
	resolved, ok := files.follow(path.Clean(folder), 0)
	if !ok {
		return nil
	}
	return files.at(path.Join(resolved, base))
}

// maxLinks is how many links in a row are followed, as in Linux.
const maxLinks = 40

// follow returns the path that name stands for once every symbolic link in it has been followed.
func (files filesystem) follow(name string, depth int) (string, bool) {
	if depth > maxLinks {
		return "", false
	}
	resolved := "/"
	for _, step := range strings.Split(strings.Trim(name, "/"), "/") {
		resolved = path.Join(resolved, step)
		if e := files[resolved]; e != nil && e.header.Typeflag == tar.TypeSymlink {
			target := e.header.Linkname
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(resolved), target)
			}
			var ok bool
			if resolved, ok = files.follow(target, depth+1); !ok {
				return "", false
			}
		}
	}
	return resolved, true
}

// at returns the entry at the path, which has no links in it; an implied folder is an entry without a header.
func (files filesystem) at(name string) *entry {
	if e := files[name]; e != nil {
		return e
	}
	prefix := strings.TrimSuffix(name, "/") + "/"
	for other := range files {
		if strings.HasPrefix(other, prefix) {
			return &entry{}
		}
	}
	if name == "/" {
		return &entry{}
	}
	return nil
}

// read returns the content of the regular file that name stands for, links followed within the image.
func (files filesystem) read(name string) ([]byte, error) {
	for range maxLinks {
		resolved, ok := files.follow(name, 0)
		if !ok {
			return nil, fmt.Errorf("too many links at %s", name)
		}
		e := files.at(resolved)
		switch {
		case e == nil:
			return nil, fmt.Errorf("there is no file %s in the image", resolved)
		case e.header == nil:
			return nil, fmt.Errorf("%s is a folder", resolved)
		case e.header.Typeflag == tar.TypeLink:
			name = path.Join("/", e.header.Linkname)
		case e.header.Typeflag != tar.TypeReg:
			return nil, fmt.Errorf("%s is not a regular file", resolved)
		default:
			return e.content, nil
		}
	}
	return nil, fmt.Errorf("too many links at %s", name)
}
