package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	cache "example.com/pause/bench/cache/report"
	coldbuild "example.com/pause/bench/coldbuild/report"
	"example.com/pause/bench/figures/anatomy"
	"example.com/pause/bench/figures/block"
	"example.com/pause/bench/figures/prose"
	fleet "example.com/pause/bench/fleet/report"
	"example.com/pause/bench/latency/stop"
)

// pages are the documents and plots of a checkout as they ought to be.
type pages struct {
	// files maps the name of each file with something generated to its content.
	files map[string][]byte
	// problems has a line for each size in a document's text that nothing gives, and for each measurement that is of
	// another program.
	problems []string
}

// generate makes the pages of the checkout that root is.
func generate(b *build, root fs.FS) (*pages, error) {
	s, err := readStored(root)
	if err != nil {
		return nil, err
	}
	contents := blocks(b, s)
	names, err := documents(root)
	if err != nil {
		return nil, err
	}
	p := &pages{files: map[string][]byte{}}
	figures := append(b.figures(), s.figures()...)
	for _, name := range names {
		document, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, err
		}
		has := false
		filled, err := block.Fill(string(document), func(of string) (string, error) {
			content, ok := contents[of]
			if !ok {
				return "", fmt.Errorf("there is no block %q; the blocks are %s", of, strings.Join(slices.Sorted(maps.Keys(contents)), ", "))
			}
			has = true
			return content()
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if has {
			p.files[name] = []byte(filled)
		}
		text, err := block.Blank(filled)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		p.problems = append(p.problems, prose.Check(name, text, figures)...)
	}
	p.problems = append(p.problems, s.outdated(b)...)

	p.files["docs/sizes.svg"] = b.picture()
	if s.fleet != nil {
		var plot bytes.Buffer
		if err := s.fleet.SVG(&plot); err != nil {
			return nil, err
		}
		p.files["docs/scale.svg"] = plot.Bytes()
	}
	return p, nil
}

// blocks maps the name of each block to what makes its content.
func blocks(b *build, s stored) map[string]func() (string, error) {
	made := func(content func() string) func() (string, error) {
		return func() (string, error) { return content(), nil }
	}
	return map[string]func() (string, error){
		"sizes":       made(b.sizes),
		"programs":    made(b.programsTable),
		"image-bytes": made(func() string { return anatomy.Markdown(b.parts) }),
		"latency":     func() (string, error) { return text("latency", s.latency, stop.Report.Text) },
		"build":       func() (string, error) { return text("build", s.build, coldbuild.Report.Text) },
		"fleet":       func() (string, error) { return text("fleet", s.fleet, fleet.Report.Text) },
		"plan": func() (string, error) {
			return text("fleet", s.fleet, func(r fleet.Report, w io.Writer) error { return fleet.DefaultPlan.Text(w, r) })
		},
		"cache": func() (string, error) { return text("cache", s.cache, cache.Report.Text) },
	}
}

// documents are the Markdown files that may have blocks: those at the root and in docs.
func documents(root fs.FS) ([]string, error) {
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := fs.Glob(root, pattern)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	if !slices.Contains(names, "README.md") {
		return nil, errors.New("this is not the root of a checkout: it has no README.md")
	}
	return names, nil
}
