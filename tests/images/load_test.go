package images_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
)

// //images:load gives the archive to the first engine that answers, not to one whose client alone is there; or to the one that the
// environment names, whatever it answers; and says what to do if there is none.
func TestLoad(t *testing.T) {
	program := targets.File(t, "PAUSE_LOAD")
	for name, test := range map[string]struct {
		answering string
		named     string
		want      string // the engine
	}{
		"all answer":         {answering: "docker podman nerdctl", want: "docker"},
		"a client alone":     {answering: "podman", want: "podman"},
		"the last":           {answering: "nerdctl", want: "nerdctl"},
		"another by name":    {answering: "docker podman", named: "podman", want: "podman"},
		"silent but by name": {answering: "docker", named: "nerdctl", want: "nerdctl"},
		"none":               {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, engine := range []string{"docker", "podman", "nerdctl"} {
				// It counts the bytes of the archive.
				script := "#!/bin/sh\n[ \"$1 $2\" = 'load --input' ] && { echo " + engine + "; wc -c <\"$3\"; exit; }\n"
				if strings.Contains(test.answering, engine) {
					script += "exit 0\n"
				}
				script += "exit 1\n"
				need.NoError(t, os.WriteFile(filepath.Join(dir, engine), []byte(script), 0o755))
			}
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Env = append(os.Environ(), "PATH="+dir+":/usr/bin:/bin", "PAUSE_ENGINE="+test.named)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if test.want == "" {
				if err == nil || len(out) != 0 || !strings.Contains(stderr.String(), "PAUSE_ENGINE=PROGRAM") {
					t.Errorf("got %v, %q and %q; want a line that says what to do", err, out, &stderr)
				}
				return
			}
			if got := strings.Fields(string(out)); err != nil || len(got) != 2 || got[0] != test.want || len(got[1]) < 4 {
				t.Errorf("got %v, %q and %q; want %s to load an archive", err, out, &stderr, test.want)
			}
		})
	}
}
