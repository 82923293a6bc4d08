package oci

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci/ojson"
)

// Format is what kind of archive WriteArchive writes.
type Format string

// The formats of archives.
const (
	FormatDocker Format = "docker" // one image, for docker load and podman load
	FormatOCI    Format = "oci"    // a layout, of an image or a whole index
)

// annotationImageName is the annotation by which containerd, and with it Docker, names an image that it imports.
const annotationImageName = "io.containerd.image.name"

// ParsePlatform reads OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT.
func ParsePlatform(s string) (v1.Platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return v1.Platform{}, fmt.Errorf("platform %q: want OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm/v7", s)
	}
	p := v1.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// Select returns the first image of m, or m itself if it is an image, that runs on platform p. A p without a variant
// takes any.
func (m *Manifest) Select(p v1.Platform) (*Manifest, error) {
	var have []string
	images := m.images()
	for _, image := range images {
		got := image.Platform()
		if got.OS == p.OS && got.Architecture == p.Architecture && (p.Variant == "" || got.Variant == p.Variant) {
			return image, nil
		}
		have = append(have, PlatformText(got))
	}
	return nil, fmt.Errorf("no image for %s; there are images for %s", PlatformText(p), strings.Join(have, ", "))
}

// images are the images in m, depth first, each once.
func (m *Manifest) images() []*Manifest {
	var images []*Manifest
	m.walk(map[*Manifest]bool{}, func(m *Manifest) {
		if m.Kind == Image {
			images = append(images, m)
		}
	})
	return images
}

// walk visits m and the manifests in it that are not in seen, and adds them to it. There can be exponentially more ways to
// a manifest than there are manifests.
func (m *Manifest) walk(seen map[*Manifest]bool, visit func(*Manifest)) {
	if seen[m] {
		return
	}
	seen[m] = true
	visit(m)
	for _, child := range m.Manifests {
		child.walk(seen, visit)
	}
}

// PlatformText writes p as ParsePlatform reads it.
func PlatformText(p v1.Platform) string {
	text := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		text += "/" + p.Variant
	}
	return text
}

// ArchiveOptions says what archive to write.
type ArchiveOptions struct {
	Format   Format
	RepoTags []string     // references like pause:latest under which an engine is to know the image
	Platform *v1.Platform // which image of an index; nil: all (OCI), or the only one (Docker)
}

// WriteArchive writes the layout in folder dir to w, as a tar archive whose bytes depend on the layout and the options
// alone: owner 0, mode 0644, date 0, in a fixed order. It is plain USTAR, but for what that cannot hold, such as the name
// of a blob that goes by its SHA-512: that has a PAX header.
func WriteArchive(w io.Writer, dir string, o ArchiveOptions) error {
	tags := make([]name.Tag, len(o.RepoTags))
	for i, s := range o.RepoTags {
		var err error
		if tags[i], err = name.NewTag(s); err != nil {
			return fmt.Errorf("repository tag %q: %w", s, err)
		}
		// rules_oci writes what it is given, and docker load refuses an archive with a name that has no tag.
		if !strings.HasSuffix(s, ":"+tags[i].TagStr()) {
			return fmt.Errorf("repository tag %q: give a tag too, such as %s:latest", s, s)
		}
	}
	layout, err := Open(dir)
	if err != nil {
		return err
	}
	m, err := layout.Only()
	if err != nil {
		return err
	}
	if o.Platform != nil {
		if m, err = m.Select(*o.Platform); err != nil {
			return fmt.Errorf("%s: %w", dir, err)
		}
	}
	a := archive{tar.NewWriter(w), layout}
	switch o.Format {
	case FormatDocker:
		err = a.docker(m, o.RepoTags)
	case FormatOCI:
		err = a.oci(m, tags, o.RepoTags)
	default:
		err = fmt.Errorf("format %q: want docker or oci", o.Format)
	}
	if err != nil {
		return err
	}
	return a.tar.Close()
}

type archive struct {
	tar    *tar.Writer
	layout *Layout
}

func (a archive) add(path string, size int64, content io.Reader) error {
	// Without a Format, package tar takes the first of USTAR and PAX that will do.
	header := &tar.Header{Typeflag: tar.TypeReg, Name: path, Size: size, Mode: 0o644}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(a.tar, content)
	return err
}

func (a archive) addBytes(path string, content []byte) error {
	return a.add(path, int64(len(content)), bytes.NewReader(content))
}

func (a archive) addBlob(path string, d digest.Digest) error {
	blob, err := a.layout.Blob(d)
	if err != nil {
		return err
	}
	defer blob.Close()
	return a.add(path, a.layout.Size(d), blob)
}

// docker writes what docker save wrote before there was an OCI, which every version of docker load reads.
func (a archive) docker(m *Manifest, repoTags []string) error {
	images := m.images()
	if len(images) != 1 {
		return fmt.Errorf("a Docker archive holds one image, and this index has %d; choose one by its platform", len(images))
	}
	image := images[0]
	written := map[string]bool{}
	var layers []any
	for _, layer := range image.Layers {
		path := layer.Digest.Encoded() + ".tar"
		if i := strings.LastIndexAny(layer.MediaType, "+."); layer.MediaType[i+1:] != "tar" {
			path += map[string]string{"gzip": ".gz", "zstd": ".zst"}[layer.MediaType[i+1:]]
		}
		layers = append(layers, path)
		if written[path] {
			continue
		}
		written[path] = true
		if err := a.addBlob(path, layer.Digest); err != nil {
			return err
		}
	}
	config := image.Config.Digest.Encoded() + ".json"
	if err := a.addBlob(config, image.Config.Digest); err != nil {
		return err
	}
	return a.addBytes("manifest.json", ojson.Compact([]any{ojson.NewObject(
		ojson.Member{Name: "Config", Value: config},
		ojson.Member{Name: "RepoTags", Value: ojson.Strings(repoTags)},
		ojson.Member{Name: "Layers", Value: layers},
	)}))
}

// oci writes a layout. One entry of index.json a tag, all for m, tells engines what to call it.
func (a archive) oci(m *Manifest, tags []name.Tag, repoTags []string) error {
	if m.Kind == Artifact {
		return errors.New("an artifact is not an image")
	}
	entries := []any{describe(m.Desc)}
	for i, tag := range tags {
		entry := describe(m.Desc)
		full := strings.Replace(tag.Name(), "index.docker.io/", "docker.io/", 1)
		entry.Set("annotations", ojson.NewObject(
			ojson.Member{Name: annotationImageName, Value: full},
			ojson.Member{Name: v1.AnnotationRefName, Value: repoTags[i]},
		))
		entries = append(entries[:i], entry)
	}
	index := ojson.NewObject(
		ojson.Member{Name: "schemaVersion", Value: ojson.Number("2")},
		ojson.Member{Name: "mediaType", Value: v1.MediaTypeImageIndex},
		ojson.Member{Name: "manifests", Value: entries},
	)
	marker := `{"imageLayoutVersion":"` + v1.ImageLayoutVersion + `"}`
	if err := a.addBytes(v1.ImageLayoutFile, []byte(marker)); err != nil {
		return err
	}
	if err := a.addBytes(v1.ImageIndexFile, ojson.Compact(index)); err != nil {
		return err
	}
	var digests []digest.Digest
	seen := map[*Manifest]bool{}
	var collect func(m *Manifest)
	collect = func(m *Manifest) {
		digests = append(digests, m.blobs()...)
		if m.Subject != nil {
			m.Subject.walk(seen, collect)
		}
	}
	m.walk(seen, collect)
	slices.Sort(digests)
	for _, d := range slices.Compact(digests) {
		if err := a.addBlob("blobs/"+strings.Replace(string(d), ":", "/", 1), d); err != nil {
			return err
		}
	}
	return nil
}
