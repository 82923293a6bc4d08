// Command structure is what the drop-in for container-structure-test runs (sealed/modules/container_structure_test): structure
// IMAGE.tar CONFIG.yaml... holds an image, an archive as `docker save` writes it, to files of the schema 2.0.0. It knows what
// this repository's files ask for, means by it what upstream means with driver = "tar", and refuses every other field.
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"go.yaml.in/yaml/v3"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "structure: want IMAGE.tar CONFIG.yaml...")
		os.Exit(2)
	}
	image, err := read(os.Args[1])
	for _, name := range os.Args[2:] {
		if err == nil {
			err = image.check(name)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "structure: %v\n", err)
		os.Exit(1)
	}
	fmt.Println("PASS")
}

// image is a config and its files by their paths from the root on, such as /pause.
type image struct {
	config v1.Config
	files  map[string]file
}

type file struct {
	mode    fs.FileMode
	content string
}

func read(name string) (*image, error) {
	archive, err := tarball.ImageFromPath(name, nil)
	if err != nil {
		return nil, err
	}
	config, err := archive.ConfigFile()
	if err != nil {
		return nil, err
	}
	i := &image{config.Config, map[string]file{}}
	extracted := mutate.Extract(archive)
	defer extracted.Close()
	for r := tar.NewReader(extracted); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return i, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		name := path.Join("/", header.Name)
		i.files[name] = file{header.FileInfo().Mode(), string(content)}
		for name != "/" {
			name = path.Dir(name)
			if _, ok := i.files[name]; !ok {
				i.files[name] = file{mode: fs.ModeDir | 0o755}
			}
		}
	}
}

// schema is what is known of the schema 2.0.0.
type schema struct {
	SchemaVersion string `yaml:"schemaVersion"`
	MetadataTest  struct {
		Entrypoint *[]string `yaml:"entrypoint"`
		Cmd        *[]string `yaml:"cmd"`
		User       string    `yaml:"user"`
	} `yaml:"metadataTest"`
	FileExistenceTests []struct {
		Name        string `yaml:"name"`
		Path        string `yaml:"path"`
		ShouldExist *bool  `yaml:"shouldExist"`
		Permissions string `yaml:"permissions"`
	} `yaml:"fileExistenceTests"`
	FileContentTests []struct {
		Name             string   `yaml:"name"`
		Path             string   `yaml:"path"`
		ExpectedContents []string `yaml:"expectedContents"`
		ExcludedContents []string `yaml:"excludedContents"`
	} `yaml:"fileContentTests"`
}

// check returns an error that says what is wrong with the image by the file of that name, a line each.
func (i *image) check(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var c schema
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		return fmt.Errorf("%s: %w; sealed mode knows no more of container-structure-test", name, err)
	}
	if c.SchemaVersion != "2.0.0" {
		return fmt.Errorf("%s: schemaVersion is %q; want 2.0.0", name, c.SchemaVersion)
	}
	var problems []error
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Errorf(name+": "+format, args...)) }

	m := c.MetadataTest
	if m.Entrypoint != nil && !slices.Equal(*m.Entrypoint, i.config.Entrypoint) {
		wrong("entrypoint is %q; want %q", i.config.Entrypoint, *m.Entrypoint)
	}
	if m.Cmd != nil && !slices.Equal(*m.Cmd, i.config.Cmd) {
		wrong("cmd is %q; want %q", i.config.Cmd, *m.Cmd)
	}
	if m.User != "" && m.User != i.config.User {
		wrong("user is %q; want %q", i.config.User, m.User)
	}
	for _, t := range c.FileExistenceTests {
		f, exists := i.files[path.Clean(t.Path)]
		switch {
		case exists != (t.ShouldExist == nil || *t.ShouldExist):
			wrong("%s: %s: exists is %t", t.Name, t.Path, exists)
		case exists && t.Permissions != "" && f.mode.String() != t.Permissions:
			wrong("%s: permissions are %s; want %s", t.Name, f.mode, t.Permissions)
		}
	}
	for _, t := range c.FileContentTests {
		f, exists := i.files[path.Clean(t.Path)]
		if !exists {
			wrong("%s: there is no %s", t.Name, t.Path)
		}
		for n, expression := range append(slices.Clone(t.ExpectedContents), t.ExcludedContents...) {
			re, err := regexp.Compile(expression)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, t.Name, err)
			}
			if expected := n < len(t.ExpectedContents); re.MatchString(f.content) != expected {
				wrong("%s: a match of %q is %t", t.Name, expression, !expected)
			}
		}
	}
	return errors.Join(problems...)
}
