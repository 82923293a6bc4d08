// Command rebuild builds all images without Bazel and compares them with the golden digests: one line an image, exit
// code 1 if one differs. docs/reproducibility.md says what that proves.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/pause/tools/rebuild"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "rebuild:", err)
		os.Exit(1)
	}
}

// run is main without the process: it writes to stdout and returns the error to report.
func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("rebuild", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	source := flags.String("source", ".", "`folder` of the checkout")
	sdk := flags.String("sdk", "", "`folder` of the Go SDK, a GOROOT (default: that of the go command on PATH, in the checkout)")
	keep := flags.String("output", "", "new `folder` to leave the OCI layouts in (default: they are removed)")
	if err := flags.Parse(args); err == flag.ErrHelp {
		fmt.Fprintln(stdout, "Usage: rebuild [-source FOLDER] [-sdk FOLDER] [-output FOLDER]")
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return nil
	} else if err != nil {
		return err
	}
	if flags.NArg() != 0 {
		return fmt.Errorf("unexpected argument %q; there are only flags, see -help", flags.Arg(0))
	}
	if *sdk == "" {
		cmd := exec.Command("go", "env", "GOROOT")
		cmd.Dir = *source
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("go env GOROOT in %s: %w; give -sdk the folder of the Go SDK", *source, err)
		}
		*sdk = strings.TrimSpace(string(out))
	}
	parent := ""
	if *keep != "" {
		if _, err := os.Lstat(*keep); err == nil {
			return fmt.Errorf("%s exists; give -output the name of a new folder", *keep)
		}
		parent = filepath.Dir(*keep)
	}
	dir, err := os.MkdirTemp(parent, "rebuild")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)

	var differ []string
	err = rebuild.Run(*source, *sdk, dir, func(r rebuild.Result) {
		verdict := "same"
		if len(r.Differences) > 0 {
			verdict = "DIFFERS"
			differ = append(differ, r.Name)
		}
		fmt.Fprintf(stdout, "%-8s%-22s%s\n", verdict, r.Name, r.Record.Digest)
		for _, line := range r.Differences {
			fmt.Fprintln(stdout, "        "+line)
		}
	})
	if err != nil {
		return err
	}
	if *keep != "" {
		if err := os.Chmod(dir, 0o755); err != nil {
			return err
		}
		if err := os.Rename(dir, *keep); err != nil {
			return err
		}
	}
	if len(differ) > 0 {
		return fmt.Errorf("not what images/digests says: %s", strings.Join(differ, ", "))
	}
	return nil
}
