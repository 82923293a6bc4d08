package oci

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// maxDump is the most bytes that the archive of a layer may have, uncompressed, to be in a golden file.
const maxDump = 16 << 10

// Golden writes the golden file of an image or index to w: text that shows in a review what changed. The first line is the
// digest. Then come the documents that it covers, indented: without the white space they are the bytes of the blobs, since
// only an image in canonical form is accepted. Then, for each layer, digests and sizes, and a hex dump of a small one's tar
// archive without the rows that are all zeros. Of the images of an index it has the descriptors: each has its own file.
func (i *Image) Golden(w io.Writer) error {
	var out bytes.Buffer
	fmt.Fprintln(&out, i.Digest)
	title := "manifest"
	if i.Config == nil {
		title = "index"
	}
	if err := goldenDocument(&out, title, i.Manifest, i.Descriptor); err != nil {
		return err
	}
	if i.Config != nil {
		if err := goldenDocument(&out, "config", i.Config, i.ConfigDescriptor); err != nil {
			return err
		}
	}
	for n, d := range i.Layers {
		diffID := i.Config["rootfs"].(Document)["diff_ids"].([]any)[n]
		if err := i.goldenLayer(&out, d, diffID); err != nil {
			return fmt.Errorf("%s: %w", d.Digest, err)
		}
	}
	_, err := out.WriteTo(w)
	return err
}

func goldenDocument(out *bytes.Buffer, title string, doc Document, d Descriptor) error {
	raw := encode(doc)
	if digest(raw) != d.Digest {
		return fmt.Errorf("%s: the %s is not in canonical form; the rule canonical, or oci canonical, makes it so", d.Digest, title)
	}
	fmt.Fprintf(out, "\n%s: %d bytes\n", title, d.Size)
	err := json.Indent(out, raw, "", "  ")
	out.WriteByte('\n')
	return err
}

func (i *Image) goldenLayer(out *bytes.Buffer, d Descriptor, diffID any) error {
	blob, err := i.Blob(d)
	if err != nil {
		return err
	}
	var plain io.Reader = bytes.NewReader(blob)
	if d.MediaType == MediaTypeLayerGzip {
		if plain, err = gzip.NewReader(plain); err != nil {
			return err
		}
	}
	archive, err := io.ReadAll(plain)
	if err != nil {
		return err
	}
	if digest(archive) != diffID {
		return fmt.Errorf("its archive has the digest %s, and diff_ids has %v", digest(archive), diffID)
	}
	fmt.Fprintf(out, "\nlayer: %d bytes, %s\narchive: %d bytes, %s\n", d.Size, d.Digest, len(archive), diffID)
	if len(archive) > maxDump {
		return nil
	}
	for line := range strings.Lines(hex.Dump(archive)) {
		row := archive[:min(16, len(archive))]
		archive = archive[len(row):]
		if len(bytes.Trim(row, "\x00")) > 0 {
			out.WriteString(line)
		}
	}
	return nil
}
