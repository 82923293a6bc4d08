// Package golden keeps what an image or an image index was when its digest was accepted, so that a changed digest can
// be explained: which field of which document, which byte of which file.
//
// A golden file is text. Its first line is the digest ("sha256:" and 64 hexadecimal digits), so that `head -1 FILE`
// prints it. The rest is one JSON document with what the digest covers: for an image "manifest", "config" and "layers"
// (each layer in base64), for an image index "index". The documents are indented, which makes a change of them readable
// in a review; compacted again they are the exact bytes of the blobs, which Parse verifies against the digest.
// A file that has the first line only is valid too: then a change is found but cannot be explained.
package golden

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/oci"
)

// Record is an image or an image index as it was accepted, or as it is now.
type Record struct {
	// Digest is that of the image manifest or of the image index.
	Digest digest.Digest
	// Index is the image index, byte for byte; nil for an image.
	Index []byte
	// Manifest is the image manifest, byte for byte; nil for an image index.
	Manifest []byte
	// Config is the image configuration, byte for byte; nil for an image index.
	Config []byte
	// Layers are the layers as stored (compressed), in the order of the manifest.
	Layers [][]byte
}

// Explained reports whether the record holds more than the digest.
func (r *Record) Explained() bool { return r.Index != nil || r.Manifest != nil }

// document is the JSON part of a golden file.
type document struct {
	Index    json.RawMessage `json:"index,omitempty"`
	Manifest json.RawMessage `json:"manifest,omitempty"`
	Config   json.RawMessage `json:"config,omitempty"`
	Layers   [][]byte        `json:"layers,omitempty"`
}

// FromLayout makes the record of m, an image or an image index of the layout. The images of an index are not part of its
// record: each has its own.
func FromLayout(layout *oci.Layout, m *oci.Manifest) (*Record, error) {
	r := &Record{Digest: m.Desc.Digest}
	switch m.Kind {
	case oci.Index:
		r.Index = m.Raw
		return r, nil
	case oci.Artifact:
		return nil, fmt.Errorf("%s is neither an image nor an image index", m.Desc.Digest)
	}
	r.Manifest, r.Config = m.Raw, m.ConfigRaw
	left := int64(maxLayers)
	for _, desc := range m.Layers {
		if left -= layout.Size(desc.Digest); left < 0 {
			return nil, fmt.Errorf("the layers have more than %d bytes, too many to be read whole", maxLayers)
		}
		layer, err := readBlob(layout, desc.Digest)
		if err != nil {
			return nil, err
		}
		r.Layers = append(r.Layers, layer)
	}
	return r, nil
}

// maxLayers is the most bytes that the layers of an image may have in all, as stored, to be read: they are kept whole.
const maxLayers = 1 << 30

func readBlob(layout *oci.Layout, d digest.Digest) ([]byte, error) {
	blob, err := layout.Blob(d)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// Format returns the golden file of the record. It refuses documents that are not compact JSON, since indenting
// would lose their exact bytes.
func (r *Record) Format() ([]byte, error) {
	for _, doc := range [][]byte{r.Index, r.Manifest, r.Config} {
		if doc == nil {
			continue
		}
		if compacted, err := compact(doc); err != nil || !bytes.Equal(compacted, doc) {
			return nil, errors.New("the image is not in canonical form (compact JSON), and a golden file could not keep its exact bytes")
		}
	}
	// An Encoder, because Marshal would escape <, > and & inside the documents, and so change their bytes.
	var body, out bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(document{r.Index, r.Manifest, r.Config, r.Layers}); err != nil {
		return nil, err
	}
	fmt.Fprintln(&out, r.Digest)
	if err := json.Indent(&out, body.Bytes(), "", "  "); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Parse reads a golden file and verifies that what it keeps has the digest of its first line.
func Parse(data []byte) (*Record, error) {
	first, rest, _ := strings.Cut(string(data), "\n")
	want, err := digest.Parse(strings.TrimRight(first, "\r"))
	if err != nil || want.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("the first line must be a digest, sha256: and 64 hexadecimal digits, but is %q", first)
	}
	r := &Record{Digest: want}
	if strings.TrimSpace(rest) == "" {
		return r, nil
	}
	var doc document
	dec := json.NewDecoder(strings.NewReader(rest))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("after the first line there must be one JSON document: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("there is something after the JSON document")
	}
	r.Layers = doc.Layers
	for _, part := range []struct {
		from json.RawMessage
		to   *[]byte
	}{{doc.Index, &r.Index}, {doc.Manifest, &r.Manifest}, {doc.Config, &r.Config}} {
		if part.from == nil {
			continue
		}
		if *part.to, err = compact(part.from); err != nil {
			return nil, err
		}
	}
	return r, r.check()
}

// check verifies the digests inside a record, so that an explanation never rests on a file that was edited by hand.
func (r *Record) check() error {
	if (r.Index == nil) == (r.Manifest == nil) {
		return errors.New("expected either an index or a manifest")
	}
	if r.Index != nil {
		if r.Config != nil || r.Layers != nil {
			return errors.New("an index has no config and no layers")
		}
		return checkDigest("index", r.Index, r.Digest)
	}
	if err := checkDigest("manifest", r.Manifest, r.Digest); err != nil {
		return err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(r.Manifest, &manifest); err != nil {
		return fmt.Errorf("the manifest cannot be read: %w", err)
	}
	if err := checkDigest("config", r.Config, manifest.Config.Digest); err != nil {
		return err
	}
	if len(manifest.Layers) != len(r.Layers) {
		return fmt.Errorf("the manifest has %d layers, but %d are kept", len(manifest.Layers), len(r.Layers))
	}
	for i, layer := range r.Layers {
		if err := checkDigest(fmt.Sprintf("layer %d", i), layer, manifest.Layers[i].Digest); err != nil {
			return err
		}
	}
	return nil
}

func checkDigest(what string, data []byte, want digest.Digest) error {
	if err := want.Validate(); err != nil {
		return fmt.Errorf("the digest %q of the %s: %w", string(want), what, err)
	}
	if got := want.Algorithm().FromBytes(data); got != want {
		return fmt.Errorf("the %s that is kept has the digest %s, but %s is recorded: the file was edited by hand", what, got, want)
	}
	return nil
}

func compact(doc []byte) ([]byte, error) {
	var out bytes.Buffer
	if err := json.Compact(&out, doc); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// ReadFile parses the golden file at path. Errors name the file and say how to make it anew.
func ReadFile(path string) (*Record, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the golden file cannot be read: %w; golden write makes one", err)
	}
	r, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("%s is not a golden file: %w; golden write makes one", path, err)
	}
	return r, nil
}

// WriteFile writes the golden file of the record to path, whole or not at all.
func (r *Record) WriteFile(path string) error {
	data, err := r.Format()
	if err != nil {
		return err
	}
	return stage.Write(path, data, 0o644)
}
