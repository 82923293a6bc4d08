package engines

import (
	"testing"

	"example.com/pause/tests/lib/enclosed"
)

const (
	workDir     = enclosed.WorkDir
	cgroupMount = enclosed.CgroupMount
)

func TestMain(m *testing.M) { enclosed.Main(m, "pause-engines") }

// isolated skips the test where engines cannot be run without leaving traces.
func isolated(t *testing.T) {
	t.Helper()
	t.Parallel()
	enclosed.Need(t)
}
