package stop_test

import (
	"os"
	"testing"

	"example.com/pause/bench/latency/stop"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pid1"
	"example.com/pause/tests/lib/targets"
)

func TestMain(m *testing.M) {
	pid1.Main()
	os.Exit(m.Run())
}

// The program for this machine ends with status 0 in every run, and is seen as it is: one thread.
func TestMeasure(t *testing.T) {
	host, ok := targets.Host()
	need.That(t, ok, "pause is not built for the architecture of this machine")
	pid1.Available(t)
	turns := 0
	results, err := stop.Measure(t.Context(), []stop.Program{{Name: "pause", Path: host.Binary(t)}}, 3, func(turn int) { turns = turn })
	if err != nil {
		t.Fatal(err)
	}
	if r := results[0]; len(r.Took) != 3 || r.Failed != 0 || r.Threads != 1 || r.RSS == 0 || turns != 3 {
		t.Errorf("got %+v after %d turns; want 3 runs of a single thread, and none failed", r, turns)
	}
	info, err := os.Stat(host.Binary(t))
	if err != nil {
		t.Fatal(err)
	}
	if s := results[0].Summary(); s.Name != "pause" || s.Runs != 3 || s.MedianUS <= 0 || s.P95US < s.MedianUS || s.Threads != 1 || s.RSSKB == 0 || s.BinaryBytes != info.Size() {
		t.Errorf("summed up as %+v", s)
	}
}
