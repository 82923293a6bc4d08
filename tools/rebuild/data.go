package rebuild

import (
	"fmt"
	"path/filepath"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Row is one architecture of the matrix in images/arches.bzl.
type Row struct {
	OS, Architecture, Variant string // the platform, by its OCI names
	GOARCH                    string // the Go port
}

// Data is what images/*.bzl say about the images.
type Data struct {
	Rows        []Row
	Version     string            // what the program's -v prints
	Annotations map[string]string // of the index
}

// ReadData reads the matrix, the version and the annotations of the checkout in folder source by running arches.bzl and
// annotations.bzl in a Starlark interpreter, so that they are said in one place only.
func ReadData(source string) (*Data, error) {
	arches, err := run(filepath.Join(source, "images", "arches.bzl"))
	if err != nil {
		return nil, err
	}
	texts, err := run(filepath.Join(source, "images", "annotations.bzl"))
	if err != nil {
		return nil, err
	}
	data := &Data{Annotations: map[string]string{}}
	rows, ok := arches["ARCHES"].(*starlark.List)
	if !ok || rows.Len() == 0 {
		return nil, fmt.Errorf("images/arches.bzl: ARCHES is not a list of architectures")
	}
	variants, ok := arches["VARIANTS"].(*starlark.Dict)
	if !ok {
		return nil, fmt.Errorf("images/arches.bzl: VARIANTS is not a dictionary")
	}
	for i := range rows.Len() {
		row := Row{OS: "linux"}
		if row.Architecture, ok = starlark.AsString(rows.Index(i)); !ok {
			return nil, fmt.Errorf("images/arches.bzl: ARCHES[%d] is not a string", i)
		}
		row.GOARCH = row.Architecture
		if variant, found, _ := variants.Get(rows.Index(i)); found {
			if row.Variant, ok = starlark.AsString(variant); !ok {
				return nil, fmt.Errorf("images/arches.bzl: VARIANTS of %s is not a string", row.Architecture)
			}
		}
		data.Rows = append(data.Rows, row)
	}
	if data.Version, ok = starlark.AsString(texts["VERSION"]); !ok {
		return nil, fmt.Errorf("images/annotations.bzl: VERSION is not a string")
	}
	annotations, ok := texts["ANNOTATIONS"].(*starlark.Dict)
	if !ok {
		return nil, fmt.Errorf("images/annotations.bzl: ANNOTATIONS is not a dictionary")
	}
	for _, item := range annotations.Items() {
		key, isKey := starlark.AsString(item[0])
		value, isValue := starlark.AsString(item[1])
		if !isKey || !isValue {
			return nil, fmt.Errorf("images/annotations.bzl: ANNOTATIONS has an entry that is not a string: %s", item)
		}
		data.Annotations[key] = value
	}
	return data, nil
}

// run returns the global variables of a .bzl file that loads nothing.
func run(path string) (starlark.StringDict, error) {
	globals, err := starlark.ExecFileOptions(&syntax.FileOptions{}, &starlark.Thread{Name: path}, path, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return globals, nil
}
