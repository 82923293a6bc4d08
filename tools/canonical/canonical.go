// Package canonical rewrites OCI image layouts into one form, so that the digest of an image is a function of what the
// image means, not of the tools that wrote its JSON. docs/images.md describes the form.
package canonical

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/ojson"
)

// Write writes the canonical form of the OCI layout in folder layout into folder output, which must not exist or be
// empty. A layout that is not valid is refused, and nothing is written then.
func Write(output, layout string) error { return WriteAnnotated(output, layout, "") }

// WriteAnnotated does what Write does, and adds annotations, lines name=value, to the layout's only image or index.
func WriteAnnotated(output, layout, annotations string) error {
	l, err := oci.Open(layout)
	if err != nil {
		return err
	}
	if annotations != "" {
		m, err := l.Only()
		if err != nil {
			return err
		}
		m.Annotate(annotations)
	}
	return oci.Create(output, func(w *oci.Writer) ([]byte, error) {
		r := &rewriter{w: w, layout: l, done: map[*oci.Manifest]blob{}}
		if err := r.entries(l.Manifests, l.Entries); err != nil {
			return nil, err
		}
		l.Doc.Set("mediaType", v1.MediaTypeImageIndex)
		dropEmpty(l.Doc)
		return compact(l.Doc), nil
	})
}

// blob is a blob in its new form. raw is nil if it was copied.
type blob struct {
	desc v1.Descriptor
	raw  []byte
}

// rewriter rewrites the manifests of layout bottom-up: what refers to others comes after them, since it contains their
// digests.
type rewriter struct {
	w      *oci.Writer
	layout *oci.Layout
	done   map[*oci.Manifest]blob
}

// manifest stores m in canonical form, with everything that it refers to.
func (r *rewriter) manifest(m *oci.Manifest) (blob, error) {
	if b, ok := r.done[m]; ok {
		return b, nil
	}
	switch m.Kind {
	case oci.Index:
		if err := r.entries(m.Manifests, m.Entries); err != nil {
			return blob{}, err
		}
	case oci.Image:
		config(m.ConfigDoc)
		b, err := r.add(m.Config.MediaType, m.ConfigDoc)
		if err != nil {
			return blob{}, err
		}
		refer(m.Doc.Object("config"), b)
	case oci.Artifact:
		if err := r.copy(m.Doc.Object("config"), m.Config); err != nil {
			return blob{}, err
		}
	}
	layers := m.Doc.Array("layers")
	for i, desc := range m.Layers {
		if err := r.copy(layers[i].(*ojson.Object), desc); err != nil {
			return blob{}, err
		}
	}
	if m.Subject != nil {
		b, err := r.manifest(m.Subject)
		if err != nil {
			return blob{}, err
		}
		refer(m.Doc.Object("subject"), b)
	} else if subject := m.Doc.Object("subject"); subject != nil {
		dropEmpty(subject)
	}
	m.Doc.Set("mediaType", m.Desc.MediaType)
	dropEmpty(m.Doc)
	b, err := r.add(m.Desc.MediaType, m.Doc)
	if err != nil {
		return blob{}, err
	}
	r.done[m] = b
	return b, nil
}

// entries rewrites manifests and the descriptors that refer to them.
func (r *rewriter) entries(manifests []*oci.Manifest, entries []*ojson.Object) error {
	for i, m := range manifests {
		b, err := r.manifest(m)
		if err != nil {
			return err
		}
		refer(entries[i], b)
	}
	return nil
}

func (r *rewriter) add(mediaType string, doc *ojson.Object) (blob, error) {
	raw := compact(doc)
	desc, err := r.w.Add(mediaType, raw)
	return blob{desc, raw}, err
}

// copy copies a blob as it is, and brings its descriptor into form.
func (r *rewriter) copy(descriptor *ojson.Object, desc v1.Descriptor) error {
	refer(descriptor, blob{desc: desc})
	return r.w.CopyFrom(r.layout, desc.Digest)
}

// refer makes descriptor refer to b.
func refer(descriptor *ojson.Object, b blob) {
	descriptor.Set("digest", b.desc.Digest.String())
	descriptor.Set("size", ojson.Int(b.desc.Size))
	// Data embedded in a descriptor must be the content that it describes.
	if _, ok := descriptor.Get("data"); ok && b.raw != nil {
		descriptor.Set("data", base64.StdEncoding.EncodeToString(b.raw))
	}
	dropEmpty(descriptor)
}

// dropEmpty drops annotations that are empty: "If there are no annotations then this property MUST either be absent or be
// an empty map" (image-spec, annotations.md).
func dropEmpty(o *ojson.Object) {
	if annotations := o.Object("annotations"); annotations != nil && len(annotations.Members) == 0 {
		o.Delete("annotations")
	}
}

// The optional members of a config, of its member config and of the entries of its history. "Any OPTIONAL field MAY also
// be set to null, which is equivalent to being absent" (image-spec, config.md).
var (
	optional          = []string{"created", "author", "variant", "os.version", "os.features", "config", "history"}
	optionalExecution = []string{
		"User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal", "ArgsEscaped",
		"Memory", "MemorySwap", "CpuShares", "Healthcheck",
	}
	optionalHistory = []string{"created", "author", "created_by", "comment", "empty_layer"}
)

// config drops from an image config what has no meaning.
func config(doc *ojson.Object) {
	dropNulls(doc, optional)
	dropEpoch(doc)
	if execution := doc.Object("config"); execution != nil {
		dropNulls(execution, optionalExecution)
	}
	value, _ := doc.Get("history")
	entries, ok := value.([]any)
	meaning := !ok
	for _, entry := range entries {
		o, ok := entry.(*ojson.Object)
		if ok {
			dropNulls(o, optionalHistory)
			dropEpoch(o)
			if strings.HasPrefix(o.String("created_by"), "bazel build ") {
				o.Delete("created_by")
			}
		}
		meaning = meaning || !ok || len(o.Members) > 0
	}
	// The entries stand for the layers one by one: either all of them go, or none.
	if !meaning {
		doc.Delete("history")
	}
}

func dropNulls(o *ojson.Object, names []string) {
	for _, name := range names {
		if value, ok := o.Get(name); ok && value == nil {
			o.Delete(name)
		}
	}
}

// dropEpoch drops a date of creation that is the placeholder for having none.
func dropEpoch(o *ojson.Object) {
	created, err := time.Parse(time.RFC3339Nano, o.String("created"))
	if err == nil && created.Equal(time.Unix(0, 0)) {
		o.Delete("created")
	}
}

// compact writes doc without white space, the members of every object in the order of their names.
func compact(doc *ojson.Object) []byte {
	sortMembers(doc)
	return ojson.Compact(doc)
}

func sortMembers(v any) {
	switch v := v.(type) {
	case []any:
		for _, element := range v {
			sortMembers(element)
		}
	case *ojson.Object:
		slices.SortFunc(v.Members, func(a, b ojson.Member) int { return strings.Compare(a.Name, b.Name) })
		for _, m := range v.Members {
			sortMembers(m.Value)
		}
	}
}
