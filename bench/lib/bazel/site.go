package bazel

import (
	"context"
	"flag"
	"io"
	"os"

	"example.com/pause/bench/lib/progress"
)

// Flags are the flags that commands have in common which build a checkout again and again.
type Flags struct {
	scratch, repositories string
	verbose               bool
}

// Declare declares them.
func (f *Flags) Declare(flags *flag.FlagSet) {
	flags.StringVar(&f.scratch, "scratch", "", "`folder` in the home folder to work in, about 4 GB (default: a new one in the user's cache folder)")
	flags.StringVar(&f.repositories, "repositories", "", "output `base` to copy external repositories from (default: this checkout's own)")
	flags.BoolVar(&f.verbose, "verbose", false, "show what Bazel says")
}

// A Site is where such a command works.
type Site struct {
	Workspace    string    // the checkout
	Repositories string    // the output base that new ones take their external repositories from
	Dir          string    // a new folder for everything that is made
	Log          io.Writer // for what Bazel says; nil without --verbose
}

// Open finds the checkout, and makes a folder to work in, whose name begins with name.
func (f *Flags) Open(ctx context.Context, name string) (s Site, err error) {
	if s.Workspace, err = Workspace(); err != nil {
		return s, err
	}
	s.Repositories = f.repositories
	if s.Repositories == "" {
		if s.Repositories, err = OutputBase(ctx, s.Workspace); err != nil {
			return s, err
		}
	}
	if f.verbose {
		s.Log = os.Stderr
	}
	s.Dir, err = Scratch(f.scratch, name)
	return s, err
}

// Progress shows what is being built, unless Bazel shows it.
func (s Site) Progress(what string) *progress.Line {
	if s.Log != nil {
		return &progress.Line{}
	}
	return progress.Start("building: " + what)
}
