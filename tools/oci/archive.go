package oci

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// reference matches a reference with a tag: REGISTRY/NAME:TAG or NAME:TAG (distribution-spec, "Pulling manifests").
var reference = regexp.MustCompile(`^(?:([A-Za-z0-9.-]+(?::[0-9]+)?)/)?([a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*):\w[\w.-]{0,127}$`)

// Archive writes the image or index to w as an OCI layout in a tar archive, for `skopeo copy oci-archive:` and `ctr image
// import`. repoTags are references such as pause:1.0.0 to call it by. The bytes depend on the arguments alone: USTAR, owner 0,
// mode 0644, date 0, in a fixed order.
func (i *Image) Archive(w io.Writer, repoTags []string) error {
	entries := []Document{}
	for _, tag := range repoTags {
		name, err := fullName(tag)
		if err != nil {
			return err
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
	a := archive{tar.NewWriter(w), i}
	a.add("oci-layout", []byte(layoutMarker))
	a.add("index.json", encode(index(entries...)))
	for _, d := range i.blobs() {
		if err := a.blob("blobs/"+strings.Replace(d.Digest, ":", "/", 1), d); err != nil {
			return err
		}
	}
	return a.Close()
}

// DockerArchive writes an image to w as `docker save` did before there was an OCI, which every version of `docker load` and
// `podman load` reads. Otherwise it is as Archive.
func (i *Image) DockerArchive(w io.Writer, repoTags []string) error {
	if i.Config == nil {
		return errors.New("a Docker archive holds one image, and this is an index")
	}
	for _, tag := range repoTags {
		if _, err := fullName(tag); err != nil {
			return err
		}
	}
	a := archive{tar.NewWriter(w), i}
	layers := []string{}
	for _, d := range i.Layers {
		name := d.Digest[len("sha256:"):] + ".tar"
		if d.MediaType == MediaTypeLayerGzip {
			name += ".gz"
		}
		layers = append(layers, name)
		if err := a.blob(name, d); err != nil {
			return err
		}
	}
	config := i.ConfigDescriptor.Digest[len("sha256:"):] + ".json"
	if err := a.blob(config, i.ConfigDescriptor); err != nil {
		return err
	}
	a.add("manifest.json", encode([]Document{{"Config": config, "Layers": layers, "RepoTags": repoTags}}))
	return a.Close()
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

type archive struct {
	*tar.Writer
	image *Image
}

func (a archive) header(name string, size int64) error {
	return a.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR})
}

// add adds a file. An error comes back from Close.
func (a archive) add(name string, content []byte) {
	if a.header(name, int64(len(content))) == nil {
		_, _ = a.Write(content)
	}
}

func (a archive) blob(name string, d Descriptor) error {
	if err := a.header(name, d.Size); err != nil {
		return err
	}
	return a.image.copyBlob(a, d)
}
