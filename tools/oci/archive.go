package oci

import (
	"archive/tar"
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"example.com/pause/tools/layer"
)

// reference matches a reference with a tag: REGISTRY/NAME:TAG or NAME:TAG (distribution-spec, "Pulling manifests").
var reference = regexp.MustCompile(`^(?:([A-Za-z0-9.-]+(?::[0-9]+)?)/)?([a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*):\w[\w.-]{0,127}$`)

// Archive returns the image or index as an OCI layout in a tar archive, with the manifest.json that `docker save` writes, for
// engines that know no OCI layouts: `podman load`, `ctr image import`, `docker load` and `skopeo copy oci-archive:` read it.
// repoTags are references such as pause:1.0.0 to call it by. manifest.json has no indexes, so there the images of an index are
// called by their architectures: pause:1.0.0-arm64, pause:1.0.0-arm-v7. The bytes depend on the arguments alone: USTAR, owner
// 0, mode 0644, date 0, in a fixed order, in which layers come last.
func (i *Image) Archive(repoTags []string) ([]byte, error) {
	entries := []Document{}
	for _, tag := range repoTags {
		name, err := fullName(tag)
		if err != nil {
			return nil, err
		}
		entries = append(entries, Document{
			"annotations": map[string]string{
				"io.containerd.image.name":          name, // containerd, and with it Docker
				"org.opencontainers.image.ref.name": tag,
			},
			"digest": i.Digest, "mediaType": i.MediaType, "size": i.Size,
		})
	}
	if len(entries) == 0 {
		entries = append(entries, Document{"digest": i.Digest, "mediaType": i.MediaType, "size": i.Size})
	}
	manifests := []Descriptor{i.Descriptor}
	var configs, layers []Descriptor
	saved := []Document{}
	for _, image := range i.images() {
		manifests = append(manifests, image.Descriptor)
		configs = append(configs, image.ConfigDescriptor)
		layers = append(layers, image.Layers...)
		names := []string{}
		for _, d := range image.Layers {
			names = append(names, blobName(d))
		}
		tags := []string{}
		for _, tag := range repoTags {
			if image != i {
				tag += "-" + strings.ReplaceAll(strings.TrimPrefix(image.Platform(), "linux/"), "/", "-")
			}
			tags = append(tags, tag)
		}
		saved = append(saved, Document{"Config": blobName(image.ConfigDescriptor), "Layers": names, "RepoTags": tags})
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	seen := map[string]bool{}
	add := func(name string, content []byte) error {
		if seen[name] {
			return nil
		}
		seen[name] = true
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(content)), Mode: 0o644, Format: tar.FormatUSTAR}
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		_, err := w.Write(content)
		return err
	}
	blobs := func(descriptors []Descriptor) error {
		for _, d := range descriptors {
			content, err := i.Blob(d)
			if err == nil {
				err = add(blobName(d), content)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	err := cmp.Or(
		add("oci-layout", []byte(layoutMarker)), add("index.json", encode(index(entries...))), blobs(manifests),
		add("manifest.json", encode(saved)), blobs(configs), blobs(layers), w.Close(),
	)
	return b.Bytes(), err
}

// Text returns the archive, compressed by gzip (RFC 1952), as one line of base64 (RFC 4648, section 4), to be pasted into
// `base64 --decode | gunzip | podman load`. repoTags are those of Archive.
func (i *Image) Text(repoTags []string) ([]byte, error) {
	rest, err := i.Archive(repoTags)
	if err != nil {
		return nil, err
	}
	// Layers are compressed already: a code that is made for text should not have to serve them.
	var parts [][]byte
	for _, image := range i.images() {
		for _, d := range image.Layers {
			blob, err := i.Blob(d)
			if err != nil {
				return nil, err
			}
			if before, after, found := bytes.Cut(rest, blob); found {
				parts = append(parts, before, blob)
				rest = after
			}
		}
	}
	line := base64.StdEncoding.AppendEncode(nil, layer.Gzip(append(parts, rest)...))
	return append(line, '\n'), nil
}

// images returns the images of an index, or the image itself.
func (i *Image) images() []*Image {
	if i.Config != nil {
		return []*Image{i}
	}
	return i.Images
}

// fullName returns a reference with its registry. One without a registry is Docker Hub's.
func fullName(tag string) (string, error) {
	m := reference.FindStringSubmatch(tag)
	switch {
	case m == nil:
		return "", fmt.Errorf("%q is not a name with a tag, such as pause:latest", tag)
	case strings.ContainsAny(m[1], ".:") || m[1] == "localhost":
		return tag, nil
	case m[1] != "" || strings.Contains(m[2], "/"):
		return "docker.io/" + tag, nil
	}
	return "docker.io/library/" + tag, nil
}

func blobName(d Descriptor) string { return "blobs/" + strings.Replace(d.Digest, ":", "/", 1) }
