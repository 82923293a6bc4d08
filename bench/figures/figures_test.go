package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/pause/bench/figures/anatomy"
	"example.com/pause/bench/fleet/limits"
	"example.com/pause/bench/sizes/size"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
)

// Every generated block and plot is what the build and the stored measurements give, and so is every size that is quoted
// in the text around.
func TestDocuments(t *testing.T) {
	b := built(t)
	readme, err := targets.Locate("PAUSE_README")
	if err != nil {
		t.Fatal(err)
	}
	root := os.DirFS(filepath.Dir(readme))
	p, err := generate(b, root)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range append(p.differences(root), p.problems...) {
		t.Error(problem)
	}
}

// built measures the build, or skips the test where Bazel has not given it one.
func built(t *testing.T) *build {
	t.Helper()
	for _, target := range targets.All() {
		target.Binary(t)
	}
	b, err := measureBuild()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// differences has a line for each file below root that is not as it ought to be, with the first line that differs.
func (p *pages) differences(root fs.FS) (problems []string) {
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		old, err := fs.ReadFile(root, name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			problems = append(problems, err.Error())
			continue
		}
		want := p.files[name]
		if bytes.Equal(old, want) {
			continue
		}
		number, is, ought := firstDifference(old, want)
		problems = append(problems, fmt.Sprintf("%s:%d: it says %q and ought to say %q; bazel run //:figures writes it", name, number, is, ought))
	}
	return problems
}

// firstDifference returns the first line that differs, and its number.
func firstDifference(a, b []byte) (number int, inA, inB string) {
	as, bs := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range max(len(as), len(bs)) {
		inA, inB = "", ""
		if i < len(as) {
			inA = as[i]
		}
		if i < len(bs) {
			inB = bs[i]
		}
		if inA != inB || i >= len(as) || i >= len(bs) {
			return i + 1, inA, inB
		}
	}
	return 0, "", ""
}

// The program that is taken apart has to be the one in the image.
func TestAnotherProgramIsNotExplained(t *testing.T) {
	built(t)
	layout, err := targets.Locate(envLayout)
	if err != nil {
		t.Fatal(err)
	}
	linked, err := link("9.9.9")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := anatomy.Image(layout, linked); err == nil || !strings.Contains(err.Error(), "not what the linker makes") {
		t.Errorf("got %v", err)
	}
}

// sample is a build that no test has to wait for.
func sample() *build {
	var b build
	for i, t := range targets.All() {
		n := int64(400 + i)
		b.programs = append(b.programs, program{
			arch: t.Arch, elf: n, headers: 176,
			image: size.Image{Platform: "linux/" + t.Arch, Manifest: 301, Config: 202, Layers: n - 100},
		})
	}
	b.ordinary, b.ordinaryImageBytes = 1_600_400, 900_600
	return &b
}

// tree is a checkout with a fleet that was measured with a program of that many bytes.
func tree(readme string, bytes int) fstest.MapFS {
	run := func(isolation string) string {
		return fmt.Sprintf(`{"name": "pause", "engine": "crun", "count": 10, "binary_bytes": %d,%s
			"start": {"seconds": 1, "per_second": 10, "rate": [9, 11], "rate_seconds": 0.5},
			"memory": {"available_kb": 88.5, "components_kb": {"AnonPages": 8}}, "rss_kb": 12}`, bytes, isolation)
	}
	fleet := fmt.Sprintf(`{"machine": {"architecture": "amd64"}, "runs": [%s, %s]}`, run(""), run(`"netns": true, "cgroup": true,`))
	return fstest.MapFS{
		"README.md":               {Data: []byte(readme)},
		"docs/a.md":               {Data: []byte("text\n")},
		"docs/figures/fleet.json": {Data: []byte(fleet)},
		"docs/figures/build.json": {Data: []byte(`{"machine": {"kernel": "6.1"}, "load": "0.10", "rounds": 1, "builds": [{"name": "nine", "cold_seconds": [5.04], "idle_seconds": [0.2]},
			{"name": "one", "cold_seconds": [10], "idle_seconds": [0.3]}]}`)},
	}
}

// Blocks are filled from the build and from what is stored; what is not stored says how to get it; the rest stays.
func TestGenerate(t *testing.T) {
	block := func(name string) string { return "<!-- figures: " + name + " -->\n<!-- /figures -->\n" }
	p, err := generate(sample(), tree("# Title\n"+block("sizes")+block("fleet")+block("plan")+block("latency")+block("build")+block("programs"), 400))
	if err != nil {
		t.Fatal(err)
	}
	text := string(p.files["README.md"])
	for _, want := range []string{
		"# Title\n", "| linux/amd64 | 400 | 300 | 202 | 301 | **803** |", "| C with musl, as published | - | 17.7 kB, 22.0 times |",
		"| registry.k8s.io/pause:3.9, as published | 744 kB, 1,860 times | - |", "| ordinary Go, in bench/programs/idiomatic | 1,600 kB, 4,000 times | 901 kB, 1,120 times |",
		"    memory each, kB  88.5\n", "10000 pods / 110 a node", "Not measured yet: `bazel run //:figures -- --measure=latency`",
		"| ELF, bytes | 400 | 401 |", "load 0.10; medians of 1\n", "ratio 0.50",
	} {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, " \n") {
		t.Errorf("blanks at the end of a line of\n%s", text)
	}
	if len(p.problems) > 0 || len(p.files["docs/sizes.svg"]) == 0 || len(p.files["docs/scale.svg"]) == 0 {
		t.Errorf("got %d files, problems %q", len(p.files), p.problems)
	}
	if _, ok := p.files["docs/a.md"]; ok {
		t.Error("a document without a block is written")
	}

	// What is generated is right, and stays; what differs is named with its line.
	root := tree(text, 400)
	for name, content := range p.files {
		root[name] = &fstest.MapFile{Data: content}
	}
	again, err := generate(sample(), root)
	if err != nil || len(again.differences(root)) > 0 {
		t.Errorf("the second time: %v, %q", err, again.differences(root))
	}
	for name, content := range p.files {
		root := maps.Clone(root)
		root[name] = &fstest.MapFile{Data: bytes.Replace(content, []byte("400"), []byte("401"), 1)}
		if name == "docs/scale.svg" {
			root[name] = &fstest.MapFile{Data: content[1:]}
		}
		if name == "docs/sizes.svg" {
			root[name] = &fstest.MapFile{Data: bytes.Replace(content, []byte("803 bytes"), []byte("804 bytes"), 1)}
		}
		found := again.differences(root)
		if len(found) != 1 || !strings.HasPrefix(found[0], name+":") || !strings.Contains(found[0], "bazel run //:figures") {
			t.Errorf("%s was changed: got %q", name, found)
		}
	}
}

// Sizes in the text that nothing gives, and measurements of another program, are named.
func TestGenerateFindsWhatIsOutdated(t *testing.T) {
	for name, test := range map[string]struct {
		readme string
		bytes  int
		want   []string // the beginnings of the problems
	}{
		"right":             {"It has 400 bytes, the ordinary one 1.6 MB, 12 kB are resident.", 400, nil},
		"an old size":       {"line\nIt has 399 bytes.", 400, []string{"README.md:2: "}},
		"an old kB":         {"It takes 13 kB.", 400, []string{"README.md:1: "}},
		"an old program":    {"", 399, []string{"docs/figures/fleet.json: measured with a program of 399 bytes"}},
		"the old program":   {"It has 399 bytes.", 399, []string{"README.md:1: ", "docs/figures/fleet.json: measured"}},
		"only its own fits": {"It has 350 bytes.", 400, []string{"README.md:1: "}},
	} {
		p, err := generate(sample(), tree(test.readme, test.bytes))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(p.problems, test.want, strings.HasPrefix) {
			t.Errorf("%s: got %q; want %q", name, p.problems, test.want)
		}
	}
	// The latency's record says of each program how large it was; of what is not ours, anything may be measured.
	for program, want := range map[string][]string{
		`"name": "pause", "binary_bytes": 400`:       nil,
		`"name": "pause", "binary_bytes": 399`:       {"docs/figures/latency.json: measured with a program of 399 bytes, and the build gives one of 400"},
		`"name": "pause"`:                            {"docs/figures/latency.json: measured with a program of 0 bytes"}, // from before it was kept
		`"name": "ordinary Go", "binary_bytes": 399`: nil,
	} {
		root := tree("", 400)
		root["docs/figures/latency.json"] = &fstest.MapFile{Data: []byte(`{"machine": {"architecture": "amd64"}, "programs": [{` + program + `}]}`)}
		p, err := generate(sample(), root)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(p.problems, want, strings.HasPrefix) {
			t.Errorf("%s: got %q; want %q", program, p.problems, want)
		}
	}
}

// Before a fleet is started, what it may take is estimated; the estimate is never below what was measured.
func TestEstimateIsNotBelowWhatWasMeasured(t *testing.T) {
	need.That(t, os.Getenv("PAUSE_README") != "", "README is not set: it names the README.md of the checkout, with docs/figures beside it")
	readme, err := targets.Locate("PAUSE_README")
	if err != nil {
		t.Fatal(err)
	}
	s, err := readStored(os.DirFS(filepath.Dir(readme)))
	if err != nil {
		t.Fatal(err)
	}
	if s.fleet == nil {
		t.Fatal("docs/figures/fleet.json is not there")
	}
	largest := 0
	for _, run := range s.fleet.Runs {
		largest = max(largest, run.Count)
	}
	for _, run := range s.fleet.Runs {
		wanted := limits.Need{Containers: run.Count, Threads: run.Threads / run.Count, Netns: run.Netns}
		if run.Cgroup {
			wanted.Cgroups = 1
		}
		if got := wanted.Estimate(largest); float64(got) < run.Memory.Available {
			t.Errorf("%s: the estimate is %d kB a container, and %.0f kB were measured", run.Label(), got, run.Memory.Available)
		}
	}
}

// What cannot be generated is an error that names the file, and the names that there are.
func TestGenerateRefuses(t *testing.T) {
	broken := tree("", 400)
	broken["docs/figures/fleet.json"] = &fstest.MapFile{Data: []byte("{")}
	broken["docs/figures/build.json"] = &fstest.MapFile{Data: []byte(`{"builds": [{"name": "pause"}]}`)}
	for want, root := range map[string]fs.FS{
		"README.md: line 1: there is no block \"x\"; the blocks are build, cache, fleet": tree("<!-- figures: x -->\n<!-- /figures -->\n", 400),
		"README.md: line 1: the block \"sizes\" does not end":                            tree("<!-- figures: sizes -->\n", 400),
		"docs/figures/fleet.json: not the JSON of bench/fleet":                           broken,
		"docs/figures/build.json: not the JSON of bench/coldbuild":                       broken,
		"it has no README.md": fstest.MapFS{},
	} {
		if _, err := generate(sample(), root); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
}

// fakeBazel makes a checkout whose bazelw does what script says; $out is the file of --json.
func fakeBazel(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	content := "#!/bin/sh\nfor a; do case $a in --json=*) out=${a#--json=};; esac; done\n" + script + "\n"
	if err := os.WriteFile(filepath.Join(dir, "bazelw"), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A measurement is kept if its command succeeds and its outcome can be read; otherwise the old one stays as it was.
func TestMeasure(t *testing.T) {
	t.Setenv("BAZEL", "")
	m, _ := measured("latency")
	const good = `{"programs": [{"name": "pause"}]}`
	for name, test := range map[string]struct{ script, want string }{
		"succeeds":      {`echo "$*" >&2; echo '` + good + `' >"$out"`, ""},
		"fails":         {`echo '` + good + `' >"$out"; echo no crun here >&2; exit 1`, "no crun here"},
		"writes none":   {"exit 0", "wrote no result"},
		"writes others": {`echo '{"runs": []}' >"$out"`, "not the JSON of bench/latency"},
	} {
		dir := fakeBazel(t, test.script)
		kept := filepath.Join(dir, m.file())
		if err := errors.Join(os.MkdirAll(filepath.Dir(kept), 0o777), os.WriteFile(kept, []byte("old"), 0o644)); err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		err := measure(t.Context(), dir, m, &log)
		content, _ := os.ReadFile(kept)
		entries, _ := os.ReadDir(filepath.Dir(kept))
		if test.want == "" {
			if err != nil || strings.TrimSpace(string(content)) != good || !strings.Contains(log.String(), "run //bench/latency -- --json=") {
				t.Errorf("%s: %v; kept %q; said %q", name, err, content, log.String())
			}
		} else if err == nil || !strings.Contains(err.Error(), test.want) || string(content) != "old" {
			t.Errorf("%s: %v; kept %q; want %q, and old", name, err, content, test.want)
		}
		if len(entries) != 1 {
			t.Errorf("%s: left %v", name, entries)
		}
	}
}

// Sizes are told in kB, multiples in three digits.
func TestSizesAreRounded(t *testing.T) {
	for bytes, want := range map[int64]string{17_700: "17.7 kB", 743_952: "744 kB", 1_605_794: "1,606 kB", 99_949: "99.9 kB"} {
		if got := kilobytes(bytes); got != want {
			t.Errorf("%d: got %s; want %s", bytes, got, want)
		}
	}
	for _, test := range []struct {
		bytes, base int64
		want        string
	}{{17_700, 939, "18.8"}, {743_952, 405, "1,840"}, {900_000, 939, "958"}, {1000, 1000, "1.0"}, {99_960, 1000, "100"}} {
		if got := times(test.bytes, test.base); got != test.want {
			t.Errorf("%d / %d: got %s; want %s", test.bytes, test.base, got, test.want)
		}
	}
}

// What cannot be measured is wrong usage, and the error names what can.
func TestUnknownMeasurement(t *testing.T) {
	var said strings.Builder
	code := newCommand().Execute(t.Context(), []string{"--measure=latency,weather"}, io.Discard, &said)
	if code != 2 || !strings.Contains(said.String(), `"weather" cannot be measured`) || !strings.Contains(said.String(), "fleet") {
		t.Errorf("exit code %d, %q", code, said.String())
	}
}
