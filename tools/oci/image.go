package oci

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci/ojson"
)

// epoch is the date of things that have none.
const epoch = "1970-01-01T00:00:00Z"

// Layer is one layer to add to an image.
type Layer struct {
	Path      string // of a tar archive: plain, gzip or zstd, told apart by content
	CreatedBy string // what the history is to say about it; may be empty
}

// ImageOptions says what image to build. A nil pointer or slice leaves alone what the base has; the formats of the texts
// are those of rules_oci's attribute files.
type ImageOptions struct {
	Base         string // an OCI layout with one image; if empty, Platform is needed
	Platform     v1.Platform
	Layers       []Layer // added in order
	Entrypoint   *string // one argument a line; resets the command
	Cmd          *string // one argument a line
	Env          *string // NAME=VALUE a line; $NAME and ${NAME} stand for values so far
	ExposedPorts *string // separated by commas
	Volumes      *string // separated by commas
	Labels       *string // name=value a line
	Annotations  *string // name=value a line; of the manifest
	Created      *string // RFC 3339
	User         string
	Workdir      string
}

// BuildImage writes the OCI layout of an image into folder output.
//
// It makes the documents that oci_image of rules_oci 2.3 makes with jq, byte for byte, so that an image has one digest
// whichever of the two builds it.
func BuildImage(output string, o ImageOptions) error {
	return Create(output, func(w *Writer) ([]byte, error) {
		b := &builder{w: w}
		var err error
		if o.Base != "" {
			err = b.fromBase(o.Base)
		} else {
			err = b.fromScratch(o.Platform)
		}
		if err != nil {
			return nil, err
		}
		for _, layer := range o.Layers {
			if err := b.addLayer(layer); err != nil {
				return nil, fmt.Errorf("layer %s: %w", layer.Path, err)
			}
		}
		if err := b.configure(o); err != nil {
			return nil, err
		}
		return b.finish()
	})
}

// builder holds an image in the making.
type builder struct {
	w                *Writer
	manifest, config *ojson.Object
}

func (b *builder) fromScratch(p v1.Platform) error {
	if p.OS == "" || p.Architecture == "" {
		return errors.New("an image without a base needs an os and an architecture")
	}
	b.manifest = ojson.NewObject(
		ojson.Member{Name: "schemaVersion", Value: ojson.Number("2")},
		ojson.Member{Name: "mediaType", Value: v1.MediaTypeImageManifest},
		ojson.Member{Name: "config", Value: ojson.NewObject(
			ojson.Member{Name: "mediaType", Value: v1.MediaTypeImageConfig},
			ojson.Member{Name: "size", Value: ojson.Int(0)},
		)},
		ojson.Member{Name: "layers", Value: []any{}},
	)
	b.config = ojson.NewObject(
		ojson.Member{Name: "created", Value: epoch},
		ojson.Member{Name: "config", Value: ojson.NewObject()},
		ojson.Member{Name: "history", Value: []any{}},
		ojson.Member{Name: "rootfs", Value: ojson.NewObject(
			ojson.Member{Name: "type", Value: "layers"},
			ojson.Member{Name: "diff_ids", Value: []any{}},
		)},
		// The platform comes from Starlark's json.encode, which sorts.
		ojson.Member{Name: "architecture", Value: p.Architecture},
		ojson.Member{Name: "os", Value: p.OS},
	)
	if p.Variant != "" {
		b.config.Set("variant", p.Variant)
	}
	return nil
}

func (b *builder) fromBase(dir string) error {
	layout, err := Open(dir)
	if err != nil {
		return err
	}
	m, err := layout.Only()
	if err != nil {
		return err
	}
	if m.Kind != Image {
		return fmt.Errorf("%s: the base is not an image; an index has to be narrowed down to one platform first", dir)
	}
	b.manifest, b.config = m.Doc, m.ConfigDoc
	for _, layer := range m.Layers {
		if err := b.w.CopyFrom(layout, layer.Digest); err != nil {
			return err
		}
	}
	return nil
}

// addLayer stores a layer and appends it to the manifest, the diff ids and the history.
func (b *builder) addLayer(layer Layer) error {
	blob, err := examine(layer.Path)
	if err != nil {
		return err
	}
	f, err := os.Open(layer.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := b.w.Copy(blob.digest, f); err != nil {
		return err
	}
	mediaType := v1.MediaTypeImageLayer
	separator := "+"
	if b.manifest.String("mediaType") == MediaTypeDockerManifest {
		mediaType, separator = mediaTypeDockerLayer, "."
	}
	if blob.compression != "" {
		mediaType += separator + blob.compression
	}
	b.manifest.Set("layers", append(b.manifest.Array("layers"), ojson.NewObject(
		ojson.Member{Name: "size", Value: ojson.Int(blob.size)},
		ojson.Member{Name: "digest", Value: blob.digest.String()},
		ojson.Member{Name: "mediaType", Value: mediaType},
	)))
	rootfs := b.config.Object("rootfs")
	rootfs.Set("diff_ids", append(rootfs.Array("diff_ids"), blob.diffID.String()))
	history := ojson.NewObject(ojson.Member{Name: "created", Value: epoch})
	if layer.CreatedBy != "" {
		history.Set("created_by", layer.CreatedBy)
	}
	b.config.Set("history", append(b.config.Array("history"), history))
	return nil
}

// layerBlob is what has to be known about a layer.
type layerBlob struct {
	compression    string // "gzip", "zstd" or ""
	digest, diffID digest.Digest
	size           int64
}

// examine reads a layer once. The diff id is the digest of what decompressing it gives.
func examine(path string) (layerBlob, error) {
	f, size, err := openRegular(path)
	if err != nil {
		return layerBlob{}, err
	}
	defer f.Close()
	digester := digest.Canonical.Digester()
	compressed := bufio.NewReader(io.TeeReader(f, digester.Hash()))
	plain := io.Reader(compressed)
	l := layerBlob{size: size}
	magic, _ := compressed.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		l.compression = "gzip"
		if plain, err = gzip.NewReader(compressed); err != nil {
			return l, fmt.Errorf("damaged gzip: %w", err)
		}
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		l.compression = "zstd"
		decoder, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return l, err
		}
		defer decoder.Close()
		plain = decoder
	}
	diffID := digest.Canonical.Digester()
	plain = io.TeeReader(plain, diffID.Hash())
	if _, err := tar.NewReader(plain).Next(); err != nil && err != io.EOF {
		return l, fmt.Errorf("neither a tar archive nor one compressed by gzip or zstd: %w", err)
	}
	for _, rest := range []io.Reader{plain, compressed} {
		if _, err := io.Copy(io.Discard, rest); err != nil {
			return l, fmt.Errorf("damaged: %w", err)
		}
	}
	l.digest, l.diffID = digester.Digest(), diffID.Digest()
	return l, nil
}

// configure applies everything but the layers. The order in which members are set is rules_oci's, since it shows.
func (b *builder) configure(o ImageOptions) error {
	config := b.config.Object("config")
	if config == nil {
		config = ojson.NewObject()
		b.config.Set("config", config)
	}
	if o.Created != nil {
		created := strings.TrimSpace(*o.Created)
		if _, err := time.Parse(time.RFC3339Nano, created); err != nil {
			return fmt.Errorf("created: %q is not a date like 2006-01-02T15:04:05Z", created)
		}
		b.config.Set("created", created)
	}
	// An entrypoint resets the command, which keeps its place before it nevertheless.
	if o.Entrypoint != nil {
		config.Set("Cmd", nil)
		config.Set("Entrypoint", arguments(*o.Entrypoint))
	}
	if o.Cmd != nil {
		config.Set("Cmd", arguments(*o.Cmd))
	}
	if value, ok := config.Get("Cmd"); ok && value == nil {
		config.Delete("Cmd")
	}
	for _, set := range []struct {
		name string
		text *string
	}{{"ExposedPorts", o.ExposedPorts}, {"Volumes", o.Volumes}} {
		if set.text == nil {
			continue
		}
		values := orEmpty(config.Object(set.name))
		for _, elem := range strings.Split(strings.TrimSpace(*set.text), ",") {
			if elem != "" {
				values.Set(elem, ojson.NewObject())
			}
		}
		config.Set(set.name, values)
	}
	if o.Env != nil {
		env, err := mergeEnv(config.Array("Env"), *o.Env)
		if err != nil {
			return err
		}
		config.Set("Env", env)
	}
	if o.Labels != nil {
		config.Set("Labels", merge(config.Object("Labels"), *o.Labels))
	}
	if o.User != "" {
		config.Set("User", o.User)
	}
	if o.Workdir != "" {
		config.Set("WorkingDir", o.Workdir)
	}
	if o.Annotations != nil {
		b.manifest.Set("annotations", merge(b.manifest.Object("annotations"), *o.Annotations))
	}
	return nil
}

// finish stores the config and the manifest and returns index.json.
func (b *builder) finish() ([]byte, error) {
	reference := b.manifest.Object("config")
	desc, err := b.w.Add(reference.String("mediaType"), ojson.Indented(b.config))
	if err != nil {
		return nil, err
	}
	reference.Set("digest", desc.Digest.String())
	reference.Set("size", ojson.Int(desc.Size))
	reference.Delete("data")
	mediaType := b.manifest.String("mediaType")
	if mediaType == "" {
		mediaType = v1.MediaTypeImageManifest
	}
	if desc, err = b.w.Add(mediaType, line(b.manifest)); err != nil {
		return nil, err
	}
	return topIndex(desc), nil
}

// line writes v as jq does, with a line end.
func line(v any) []byte { return append(ojson.Indented(v), '\n') }

// topIndex is the index.json of a layout that has the one manifest desc.
func topIndex(desc v1.Descriptor) []byte {
	return line(ojson.NewObject(
		ojson.Member{Name: "schemaVersion", Value: ojson.Number("2")},
		ojson.Member{Name: "mediaType", Value: v1.MediaTypeImageIndex},
		ojson.Member{Name: "manifests", Value: []any{describe(desc)}},
	))
}

// describe makes a descriptor of no more than what it must have.
func describe(desc v1.Descriptor) *ojson.Object {
	return ojson.NewObject(
		ojson.Member{Name: "mediaType", Value: desc.MediaType},
		ojson.Member{Name: "digest", Value: desc.Digest.String()},
		ojson.Member{Name: "size", Value: ojson.Int(desc.Size)},
	)
}

func orEmpty(o *ojson.Object) *ojson.Object {
	if o == nil {
		return ojson.NewObject()
	}
	return o
}

// lines splits text at line ends and leaves out empty lines.
func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(s string) bool { return s == "" })
}

// arguments reads one argument a line; %5Cn stands for a line end within an argument.
func arguments(text string) []any {
	args := lines(text)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "%5Cn", "\n")
	}
	return ojson.Strings(args)
}

// merge sets what the lines name=value say in o, which may be nil. A line without = gives an empty value.
func merge(o *ojson.Object, text string) *ojson.Object {
	o = orEmpty(o)
	for _, line := range lines(text) {
		name, value, _ := strings.Cut(line, "=")
		o.Set(name, value)
	}
	return o
}

var variable = regexp.MustCompile(`\$\{?([a-zA-Z0-9_]+)\}?`)

// mergeEnv sets what the lines NAME=VALUE say in env, a list of such strings. $NAME and ${NAME} stand for the value that
// NAME has by then, which is empty if it has none.
func mergeEnv(env []any, text string) ([]any, error) {
	variables := ojson.NewObject()
	for _, e := range env {
		s, ok := e.(string)
		if !ok {
			return nil, errors.New("the base's Env is not a list of strings")
		}
		name, value, _ := strings.Cut(s, "=")
		variables.Set(name, value)
	}
	for _, line := range lines(text) {
		name, value, _ := strings.Cut(line, "=")
		value = variable.ReplaceAllStringFunc(value, func(match string) string {
			return variables.String(variable.FindStringSubmatch(match)[1])
		})
		variables.Set(name, value)
	}
	var merged []any
	for _, m := range variables.Members {
		merged = append(merged, m.Name+"="+m.Value.(string))
	}
	return merged, nil
}
