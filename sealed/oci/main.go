// Command oci is what the drop-in for rules_oci runs (sealed/modules/rules_oci): it makes images and indexes in canonical form
// at once, and archives for docker load.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/oci"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "oci:", err)
		os.Exit(1)
	}
}

// run does what the first argument says: image, index or archive. The rules give each the flags that it needs.
func run(args []string) error {
	if len(args) == 0 {
		return errors.New("want image, index or archive")
	}
	var o image
	var images, tags command.List
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	output := flags.String("output", "", "what to write: a `path`")
	flags.Var(&images, "image", "`folder` of an image")
	flags.Var(&tags, "repo-tag", "`reference` to call it by")
	flags.StringVar(&o.base, "base", "", "`folder` of the image to build upon")
	flags.StringVar(&o.os, "os", "", "`system`, without a base")
	flags.StringVar(&o.architecture, "architecture", "", "`architecture`, without a base")
	flags.StringVar(&o.variant, "variant", "", "`variant` of the architecture, without a base")
	flags.StringVar(&o.user, "user", "", "`user` or user:group")
	flags.Var(&o.entrypoint, "entrypoint", "`argument` of the entrypoint")
	flags.Var(&o.layers, "layer", "`file` of a layer, a tar archive, plain or compressed by gzip")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "image":
		return o.write(*output)
	case "index":
		return writeIndex(*output, images)
	case "archive":
		i, err := oci.Open(images.String())
		if err != nil {
			return err
		}
		content, err := i.Archive(tags)
		if err != nil {
			return err
		}
		return stage.Write(*output, content, 0o644)
	}
	return fmt.Errorf("unknown command %q; want image, index or archive", args[0])
}

// image is what oci_image says.
type image struct {
	base, os, architecture, variant, user string
	entrypoint, layers                    command.List
}

func (o *image) write(output string) error {
	return oci.Create(output, func(w oci.Writer) (oci.Descriptor, error) {
		execution := oci.Document{}
		config := oci.Document{
			"architecture": o.architecture, "config": execution, "os": o.os,
			"rootfs": oci.Document{"diff_ids": []any{}, "type": "layers"},
		}
		if o.variant != "" {
			config["variant"] = o.variant
		}
		manifest := oci.Document{"layers": []any{}, "mediaType": oci.MediaTypeManifest, "schemaVersion": 2}
		if o.base != "" {
			base, err := oci.Open(o.base)
			if err != nil {
				return oci.Descriptor{}, err
			}
			if base.Config == nil {
				return oci.Descriptor{}, fmt.Errorf("%s: the base is an index; want an image", o.base)
			}
			if err := w.Copy(base, base.Layers...); err != nil {
				return oci.Descriptor{}, err
			}
			config, manifest = base.Config, base.Manifest
			if had, ok := config["config"].(oci.Document); ok {
				execution = had
			}
			config["config"] = execution
		}
		if len(o.entrypoint) > 0 {
			execution["Entrypoint"] = o.entrypoint
			delete(execution, "Cmd") // as upstream does: it was meant for the other entrypoint
		}
		if o.user != "" {
			execution["User"] = o.user
		}
		rootfs := config["rootfs"].(oci.Document)
		for _, file := range o.layers {
			layer, diffID, err := add(w, file)
			if err != nil {
				return layer, fmt.Errorf("%s: %w", file, err)
			}
			manifest["layers"] = append(manifest["layers"].([]any), layer)
			rootfs["diff_ids"] = append(rootfs["diff_ids"].([]any), diffID)
			if history, ok := config["history"].([]any); ok {
				config["history"] = append(history, oci.Document{})
			}
		}
		d, err := w.AddDocument(oci.MediaTypeConfig, config)
		if err != nil {
			return d, err
		}
		manifest["config"] = d
		return w.AddDocument(oci.MediaTypeManifest, manifest)
	})
}

// add stores a layer, and returns its descriptor and the digest of its archive.
func add(w oci.Writer, file string) (d oci.Descriptor, diffID string, err error) {
	blob, err := os.ReadFile(file)
	if err != nil {
		return d, "", err
	}
	mediaType, archive := oci.MediaTypeLayer, io.Reader(bytes.NewReader(blob))
	if bytes.HasPrefix(blob, []byte{0x1f, 0x8b}) {
		mediaType = oci.MediaTypeLayerGzip
		if archive, err = gzip.NewReader(archive); err != nil {
			return d, "", err
		}
	}
	hash := sha256.New()
	if _, err := io.Copy(hash, archive); err != nil {
		return d, "", err
	}
	d, err = w.Add(mediaType, blob)
	return d, fmt.Sprintf("sha256:%x", hash.Sum(nil)), err
}

// writeIndex writes the index of images, with the platforms that their configs say.
func writeIndex(output string, images []string) error {
	return oci.Create(output, func(w oci.Writer) (oci.Descriptor, error) {
		entries := []oci.Document{}
		for _, dir := range images {
			i, err := oci.Open(dir)
			if err != nil {
				return oci.Descriptor{}, err
			}
			if i.Config == nil {
				return oci.Descriptor{}, fmt.Errorf("%s: an index; want an image", dir)
			}
			if err := w.Copy(i, append(i.Layers, i.ConfigDescriptor, i.Descriptor)...); err != nil {
				return oci.Descriptor{}, err
			}
			platform := oci.Document{}
			for _, name := range []string{"architecture", "os", "variant"} {
				if v, ok := i.Config[name]; ok {
					platform[name] = v
				}
			}
			entries = append(entries, oci.Document{
				"digest": i.Digest, "mediaType": i.MediaType, "platform": platform, "size": i.Size,
			})
		}
		return w.AddDocument(oci.MediaTypeIndex, oci.Document{"manifests": entries, "mediaType": oci.MediaTypeIndex, "schemaVersion": 2})
	})
}
