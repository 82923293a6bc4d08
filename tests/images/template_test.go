// Package structure_test checks the files of checks themselves, where no image is needed.
package structure_test

import (
	"debug/elf"
	"encoding/binary"
	"os"
	"regexp"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.com/pause/tools/golden/imagetest"
	"example.com/pause/tools/structure"
)

// path returns where the file is: where Bazel's environment variable says, or beside this test.
func path(t *testing.T, variable, plain string) string {
	t.Helper()
	location := os.Getenv(variable)
	if location == "" {
		return plain
	}
	file, err := runfiles.Rlocation(location)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// machines are the ELF identities of all the architectures that are shipped.
var machines = map[string]struct {
	machine elf.Machine
	class   elf.Class
	order   binary.ByteOrder
}{
	"386":      {elf.EM_386, elf.ELFCLASS32, binary.LittleEndian},
	"amd64":    {elf.EM_X86_64, elf.ELFCLASS64, binary.LittleEndian},
	"arm":      {elf.EM_ARM, elf.ELFCLASS32, binary.LittleEndian},
	"arm64":    {elf.EM_AARCH64, elf.ELFCLASS64, binary.LittleEndian},
	"loong64":  {elf.EM_LOONGARCH, elf.ELFCLASS64, binary.LittleEndian},
	"mips64le": {elf.EM_MIPS, elf.ELFCLASS64, binary.LittleEndian},
	"ppc64le":  {elf.EM_PPC64, elf.ELFCLASS64, binary.LittleEndian},
	"riscv64":  {elf.EM_RISCV, elf.ELFCLASS64, binary.LittleEndian},
	"s390x":    {elf.EM_S390, elf.ELFCLASS64, binary.BigEndian},
}

// expressions reads the regular expressions of the macro structure_config, so that they are tested where they are written.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	source, err := os.ReadFile(path(t, "PAUSE_STRUCTURE_BZL", "../../tools/structure/structure.bzl"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^    "(\w+)": r"(.*)",$`).FindAllStringSubmatch(string(source), -1) {
		found[m[1]] = `^\x7fELF` + m[2]
	}
	return found
}

// expand does what the macro does.
func expand(t *testing.T, architecture, expression string) *structure.Config {
	t.Helper()
	template, err := os.ReadFile(path(t, "PAUSE_TEMPLATE", "pause.yaml.tmpl"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("{ARCHITECTURE}", architecture, "{ELF_HEADER}", expression).Replace(string(template))
	config, err := structure.ParseConfig("pause.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func image(t *testing.T, program string, change func(*v1.Config)) *structure.Image {
	t.Helper()
	config := v1.Config{Entrypoint: []string{"/pause"}, User: "65535:65535"}
	if change != nil {
		change(&config)
	}
	layer := imagetest.Gzip(t, imagetest.Tar(t, imagetest.File{Name: "pause", Mode: 0o555, Content: program}))
	dir := imagetest.Layout(t, imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: config}, layer))
	image, err := structure.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// The template expanded for an architecture accepts its programs and refuses those of every other.
func TestTemplateKnowsTheArchitecture(t *testing.T) {
	known := expressions(t)
	if len(known) != len(machines) {
		t.Fatalf("structure.bzl knows %d architectures, this test %d", len(known), len(machines))
	}
	owner, err := structure.ReadConfig(path(t, "PAUSE_OWNER", "owner.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for architecture, expression := range known {
		config := expand(t, architecture, expression)
		for other, m := range machines {
			image := image(t, imagetest.ELF(t, m.machine, m.class, m.order), nil)
			report := image.Check([]*structure.Config{config, owner}, structure.Options{OnlyConfig: true, OnlyFiles: []string{"/pause"}})
			// Regular expressions cannot tell the bytes 0xb7 and 0xf3; structure_test's platform can, and is always given.
			same := other == architecture || other+architecture == "arm64riscv64" || other+architecture == "riscv64arm64"
			if passed := report.Failed() == 0; passed != same {
				t.Errorf("a program for %s with the checks for %s: passed is %v", other, architecture, passed)
				_, _ = report.WriteTo(os.Stderr)
			}
		}
	}
}

// The checks notice each way in which the config of an image may be something else.
func TestTemplateRefusesOtherConfigs(t *testing.T) {
	config := expand(t, "amd64", expressions(t)["amd64"])
	program := imagetest.ELF(t, elf.EM_X86_64, elf.ELFCLASS64, binary.LittleEndian)
	for name, change := range map[string]func(*v1.Config){
		"entrypoint": func(c *v1.Config) { c.Entrypoint = []string{"/pause", "-v"} },
		"cmd":        func(c *v1.Config) { c.Cmd = []string{"-v"} },
		"user":       func(c *v1.Config) { c.User = "0" },
		"env":        func(c *v1.Config) { c.Env = []string{"PATH=/bin"} },
		"other env":  func(c *v1.Config) { c.Env = []string{"A=b"} },
		"workdir":    func(c *v1.Config) { c.WorkingDir = "/tmp" },
		"port":       func(c *v1.Config) { c.ExposedPorts = map[string]struct{}{"1/tcp": {}} },
		"volume":     func(c *v1.Config) { c.Volumes = map[string]struct{}{"/x": {}} },
		"label":      func(c *v1.Config) { c.Labels = map[string]string{"a": "b"} },
		"signal":     func(c *v1.Config) { c.StopSignal = "SIGKILL" },
	} {
		report := image(t, program, change).Check([]*structure.Config{config}, structure.Options{OnlyConfig: true})
		if report.Failed() == 0 {
			t.Errorf("another %s passed", name)
		}
	}
}
