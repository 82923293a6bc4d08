package bazel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// The runners of a build are read from its events, and told apart: from a cache, by a process, by Bazel itself.
func TestCountsAreReadFromBuildEvents(t *testing.T) {
	events := `{"id":{"started":{}},"started":{"command":"build"}}
{"id":{"buildMetrics":{}},"buildMetrics":{"actionSummary":{"actionsExecuted":"9","runnerCount":[{"name":"total","count":9},` +
		`{"name":"remote cache hit","count":3},{"name":"disk cache hit","count":1},{"name":"internal","count":2},{"name":"linux-sandbox","count":3}]}}}
`
	runners, err := parseEvents(strings.NewReader(events))
	need.NoError(t, err)
	if counts := (Counts{Runners: runners}); counts.Hits() != 4 || counts.Executed() != 3 {
		t.Errorf("%d hits and %d run; expected 4 and 3", counts.Hits(), counts.Executed())
	}
}

// A build that ended before it had metrics, or a file cut short, is an error and not a build that did nothing.
func TestEventsWithoutMetricsAreAnError(t *testing.T) {
	for _, events := range []string{"", "{\"started\":{}}\n", `{"buildMetrics":{"actionSummary"`} {
		if _, err := parseEvents(strings.NewReader(events)); err == nil {
			t.Errorf("%q is no error", events)
		}
	}
}

// Forget removes what was made, although Bazel lets nobody write there, and nothing else.
func TestForgetRemovesWhatBazelProtected(t *testing.T) {
	bin := t.TempDir()
	for _, dir := range []string{"images/pause", "pause", "tools"} {
		need.NoError(t, os.MkdirAll(filepath.Join(bin, dir), 0o777))
		need.NoError(t, os.WriteFile(filepath.Join(bin, dir, "file"), nil, 0o444))
		need.NoError(t, os.Chmod(filepath.Join(bin, dir), 0o555))
	}
	need.NoError(t, Forget(bin))
	left, err := os.ReadDir(bin)
	if err != nil || len(left) != 1 || left[0].Name() != "tools" {
		t.Errorf("left %v, error %v; expected tools", left, err)
	}
	need.NoError(t, os.Chmod(filepath.Join(bin, "tools"), 0o777))
}
