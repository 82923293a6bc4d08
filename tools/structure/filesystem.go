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
			// A sparse file can be larger than all memory.
			if header.Size > int64(len(archive)) {
				return fmt.Errorf("%s has %d bytes, which are more than its layer has", name, header.Size)
			}
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
	links := 0
	resolved, err := files.resolve(name, false, &links)
	if err != nil {
		return nil
	}
	return files.at(resolved)
}

// maxLinks is how many links are followed in one look-up, as in Linux (MAXSYMLINKS).
const maxLinks = 40

// resolve returns the path that name stands for once every symbolic link in it has been followed; last says whether that
// goes for its last element too. It adds to links how many it has followed.
func (files filesystem) resolve(name string, last bool, links *int) (string, error) {
	resolved, steps := "/", strings.Split(name, "/")
	for len(steps) > 0 {
		step := steps[0]
		steps = steps[1:]
		switch step {
		case "", ".":
			continue
		case "..":
			// Of where the links have led, and not of the name of a link.
			if e := files.at(resolved); e == nil || e.header != nil && e.header.Typeflag != tar.TypeDir {
				return "", fmt.Errorf("there is no folder %s in the image", resolved)
			}
			resolved = path.Dir(resolved)
			continue
		}
		next := path.Join(resolved, step)
		e := files[next]
		if e == nil || e.header.Typeflag != tar.TypeSymlink || len(steps) == 0 && !last {
			resolved = next
			continue
		}
		if *links++; *links > maxLinks {
			return "", fmt.Errorf("too many links at %s", name)
		}
		if path.IsAbs(e.header.Linkname) {
			resolved = "/"
		}
		steps = append(strings.Split(e.header.Linkname, "/"), steps...)
	}
	return resolved, nil
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
	for links := 0; links <= maxLinks; links++ {
		resolved, err := files.resolve(name, true, &links)
		if err != nil {
			return nil, err
		}
		e := files.at(resolved)
		switch {
		case e == nil:
			return nil, fmt.Errorf("there is no file %s in the image", resolved)
		case e.header == nil:
			return nil, fmt.Errorf("%s is a folder", resolved)
		case e.header.Typeflag == tar.TypeLink:
			name = e.header.Linkname
		case e.header.Typeflag != tar.TypeReg:
			return nil, fmt.Errorf("%s is not a regular file", resolved)
		default:
			return e.content, nil
		}
	}
	return nil, fmt.Errorf("too many links at %s", name)
}
