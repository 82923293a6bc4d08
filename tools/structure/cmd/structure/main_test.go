package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"example.com/pause/tools/golden/imagetest"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func image(t *testing.T) v1.Image {
	t.Helper()
	program := imagetest.File{Name: "pause", Mode: 0o555, Content: imagetest.ELF(t, elf.EM_X86_64, elf.ELFCLASS64, binary.LittleEndian)}
	return imagetest.Image(t, v1.ConfigFile{
		OS: "linux", Architecture: "amd64", Config: v1.Config{User: "1", Entrypoint: []string{"/pause"}},
	}, imagetest.Gzip(t, imagetest.Tar(t, program)))
}

func layout(t *testing.T) string {
	t.Helper()
	return imagetest.Layout(t, image(t))
}

// An archive as docker save writes it is checked like a layout, and leaves nothing in the folder of temporary files.
func TestArchive(t *testing.T) {
	archive := filepath.Join(t.TempDir(), "image.tar")
	tag, err := name.NewTag("pause:latest")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(archive, tag, image(t)); err != nil {
		t.Fatal(err)
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	for user, code := range map[string]int{"1": 0, "2": 1} {
		checks := write(t, "user.yaml", "schemaVersion: 2.0.0\nmetadataTest: {user: "+user+"}\n")
		var stdout, stderr bytes.Buffer
		args := []string{"--archive", archive, "--config", checks, "--platform", "linux/amd64", "--only-files", "/pause"}
		if got := newCommand().Execute(t.Context(), args, &stdout, &stderr); got != code || stderr.Len() > 0 {
			t.Errorf("user %s: exit code %d, expected %d; stderr %q; stdout\n%s", user, got, code, stderr.String(), stdout.String())
		}
	}
	// The files of checks are in folders that the test made; those of structure have its name.
	if left, _ := filepath.Glob(filepath.Join(temporary, "structure-*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

// Exit code 0 goes with PASS lines only, 1 with a FAIL line; nothing is on stderr.
func TestExitCodes(t *testing.T) {
	dir := layout(t)
	user := write(t, "user.yaml", "schemaVersion: 2.0.0\nmetadataTest: {user: 1}\n")
	entrypoint := write(t, "entrypoint.yaml", "schemaVersion: 2.0.0\nmetadataTest: {entrypoint: [/pause]}\n")
	wrong := write(t, "wrong.yaml", "schemaVersion: 2.0.0\nmetadataTest: {user: 2}\n")
	digest := write(t, "digest", "sha256:"+strings.Repeat("0", 64)+"\n")
	for _, test := range []struct {
		args []string
		code int
		last string
	}{
		{[]string{"--config", user}, 0, "2 checks: 2 passed, 0 failed\n"},
		{[]string{
			"--config", user, "--config", entrypoint, "--only-config", "--only-files", "/pause", "--canonical-layer",
			"--platform", "linux/amd64", "--max-bytes", "2000",
		}, 0, "9 checks: 9 passed, 0 failed\n"},
		{[]string{"--config", user, "--config", wrong}, 1, "3 checks: 2 passed, 1 failed\n"},
		{[]string{"--config", user, "--only-config"}, 1, "1 failed\n"},
		{[]string{"--only-files", "/pause,/other"}, 1, "1 failed\n"},
		{[]string{"--platform", "linux/arm64"}, 1, "2 failed\n"},
		{[]string{"--max-bytes", "10"}, 1, "1 failed\n"},
		{[]string{"--digest", digest}, 1, "1 failed\n"},
	} {
		var stdout, stderr bytes.Buffer
		code := newCommand().Execute(t.Context(), append([]string{"--layout", dir}, test.args...), &stdout, &stderr)
		if code != test.code || !strings.HasSuffix(stdout.String(), test.last) || stderr.Len() > 0 || strings.Contains(stdout.String(), "FAIL ") != (code == 1) {
			t.Errorf("%q: exit code %d, expected %d; stderr %q; stdout\n%s", test.args, code, test.code, stderr.String(), stdout.String())
		}
	}
}

// Bad input is one line on stderr that says what to do, and exit code 2.
func TestBadInput(t *testing.T) {
	dir := layout(t)
	user := write(t, "user.yaml", "schemaVersion: 2.0.0\nmetadataTest: {user: 1}\n")
	bad := write(t, "bad.yaml", "schemaVersion: 2.0.0\nmetadataTest: {usr: 1}\n")
	for _, args := range [][]string{{"--only-config=false"}, {"--canonical-layer=false", "--only-config=false"}, {"--platform="}} {
		var stdout, stderr bytes.Buffer
		code := newCommand().Execute(t.Context(), append([]string{"--layout", dir}, args...), &stdout, &stderr)
		if code != 2 || !strings.Contains(stderr.String(), "there is nothing to check") {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; expected 2, for there is nothing to check", args, code, stdout.String(), stderr.String())
		}
	}
	for expected, args := range map[string][]string{
		"give either --layout":                        {"--config", user},
		", the folder of an OCI layout, or --archive": {"--layout", dir, "--archive", user, "--config", user},
		"is no archive of one image":                  {"--archive", user, "--config", user},
		"there is nothing to check":                   {"--layout", dir},
		"unexpected argument":                         {"--layout", dir, "--config", user, "more"},
		"unknown flag --user":                         {"--layout", dir, "--user", "1"},
		"--max-bytes is 0":                            {"--layout", dir, "--max-bytes", "0"},
		"not a clean absolute path":                   {"--layout", dir, "--only-files", "pause"},
		`platform "amd64"`:                            {"--layout", dir, "--platform", "amd64"},
		"vax":                                         {"--layout", dir, "--platform", "linux/vax"},
		"no such file":                                {"--layout", dir, "--config", user + ".none"},
		`unknown field "usr"`:                         {"--layout", dir, "--config", user, "--config", bad},
		"golden file cannot be read":                  {"--layout", dir, "--digest", user + ".none"},
		"not a golden file":                           {"--layout", dir, "--digest", user},
		"not a valid OCI layout":                      {"--layout", filepath.Dir(user), "--config", user},
	} {
		var stdout, stderr bytes.Buffer
		code := newCommand().Execute(t.Context(), args, &stdout, &stderr)
		if code != 2 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), expected) || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, stdout %q, stderr %q; expected 2 and one line with %q", args, code, stdout.String(), stderr.String(), expected)
		}
	}
}
