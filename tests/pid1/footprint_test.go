package pid1_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pid1"
)

// Asleep it is one thread, and uses no CPU: it waits without a timeout, and neither clock ticks nor context switches are counted for it.
func TestUsesNoCPUAsleep(t *testing.T) {
	// The time over which nothing must happen; any periodic wake-up that is worth the name falls into it.
	const window = 500 * time.Millisecond
	native(t, func(t *testing.T, s subject) {
		p := s.asleep(t, pid1.Spec{Argv: []string{s.bin}})
		_, args, err := p.Call()
		need.NoError(t, err)
		if len(args) == 0 || args[2] != 0 {
			t.Errorf("it sleeps with a timeout (the third of its arguments %#x); want none", args)
		}
		before, err := p.Stat()
		need.NoError(t, err)
		time.Sleep(window)
		after, err := p.Stat()
		need.NoError(t, err)
		if after != before || after.State != "S" || after.Threads != 1 {
			t.Errorf("not one thread that is asleep throughout: %+v before, %+v after", before, after)
		}
	})
}

// Its resident memory is 12 kB or less in most runs, and 16 kB at most: three and four pages, also where a page is larger than
// 4 kB. One is the program, and the others are the stack, which the kernel places at random, so that what it puts there takes
// one page, two or three.
func TestResidentMemory(t *testing.T) {
	page := int64(max(4096, os.Getpagesize()))
	native(t, func(t *testing.T, s subject) {
		var all []int64
		for range 15 {
			p := s.asleep(t, pid1.Spec{Argv: []string{s.bin}})
			rss, err := p.RSS()
			need.NoError(t, err)
			if rss > 4*page {
				t.Errorf("%d bytes resident; the budget of each run is %d", rss, 4*page)
			}
			all = append(all, rss)
		}
		slices.Sort(all)
		t.Logf("bytes resident: %v", all)
		if median := all[len(all)/2]; median > 3*page {
			t.Errorf("the median is %d bytes resident; the budget is %d", median, 3*page)
		}
	})
}

// Its file is mapped once, readable and executable; nothing is both writable and executable, and nothing but the stack
// is writable.
func TestMappings(t *testing.T) {
	native(t, func(t *testing.T, s subject) {
		p := s.asleep(t, pid1.Spec{Argv: []string{s.bin}})
		maps, err := os.ReadFile(p.Path("maps"))
		need.NoError(t, err)
		file := 0
		for line := range strings.Lines(string(maps)) {
			// Addresses, flags, offset, device and inode; and a file, something in brackets, or nothing for anonymous memory.
			fields := strings.Fields(line)
			flags, name := fields[1], strings.Join(fields[5:], " ")
			if strings.Contains(flags, "w") && (name != "[stack]" || strings.Contains(flags, "x")) {
				t.Errorf("only the stack may be writable, and not executable: %s", line)
			}
			switch {
			case name == "":
				t.Errorf("anonymous memory %s; want none", line)
			case !strings.HasPrefix(name, "["):
				file++
				if flags != "r-xp" {
					t.Errorf("the file is mapped %s; want r-xp", flags)
				}
			}
		}
		if file != 1 {
			t.Errorf("the file is mapped %d times; want once: %s", file, maps)
		}
	})
}
