package drive

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

var errBroken = errors.New("broken")

// newFleet returns a fleet without an engine that has a folder for its workers.
func newFleet(t *testing.T, parallel int) *fleet {
	t.Helper()
	return &fleet{Spec: Spec{Parallel: parallel}, dir: t.TempDir(), progress: func(string, int, int) {}}
}

// Too many failures end a phase; the next one, such as deleting what was started, is done all the same.
func TestFailuresEndOnlyTheirPhase(t *testing.T) {
	f := newFleet(t, 1)
	f.each("start", 100, func(worker, int) error { return errBroken })
	if f.failed != maxFailures || len(f.failures) != maxFailures {
		t.Errorf("%d failures, %d of them told; want %d", f.failed, len(f.failures), maxFailures)
	}
	deleted := 0
	f.each("delete", 50, func(worker, int) error { deleted++; return nil })
	if deleted != 50 {
		t.Errorf("%d of 50 were deleted", deleted)
	}
}

// A worker that cannot have its folder is a failure; the others do its work, and are waited for.
func TestEachWaitsForItsWorkers(t *testing.T) {
	f := newFleet(t, 2)
	if err := os.WriteFile(filepath.Join(f.dir, "worker1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var done atomic.Int64
	f.each("start", 1000, func(worker, int) error { done.Add(1); return nil })
	if got := done.Load(); got != 1000 || f.failed != 1 {
		t.Errorf("%d done when it returned, %d failures; want 1000 and 1", got, f.failed)
	}
}
