// Package structure checks what an image is made of, straight from an OCI layout: without a daemon, without a network and
// without running anything.
//
// It reads the YAML of container-structure-test (schema 2.0.0), as far as that can be answered from a layout, and means by
// it what upstream means with driver = "tar", with two differences. Files have owners: uid and gid are compared with the
// layer, where upstream's tar driver fails. And what would not be checked is an error: see ParseConfig. Beyond YAML,
// Options has the checks that upstream does not know.
package structure

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"sort"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/golden"
	"example.com/pause/tools/oci/ojson"
)

// Options are the checks beyond YAML. The zero value asks for none.
type Options struct {
	// Platform is what the config, the entry in the index and the ELF header of the entrypoint must say.
	Platform *v1.Platform
	// Golden is what the image must be, byte for byte.
	Golden *golden.Record
	// MaxBytes is the most that manifest, config and layers may have in all, in bytes; 0 is no limit.
	MaxBytes int
	// OnlyFiles are the absolute paths of all entries that the layers may have, folders included; nil is any.
	OnlyFiles []string
	// OnlyConfig lets the config say nothing about how to run the image that the YAML does not name.
	OnlyConfig bool
	// CanonicalLayer asks for a single layer in the one form that CanonicalLayer describes.
	CanonicalLayer bool
}

// Check is the outcome of one check.
type Check struct {
	Name string
	// Problems is empty if the check passed; each is a line.
	Problems []string
}

// Report is the outcome of all checks, in a fixed order.
type Report struct{ Checks []Check }

// Failed returns how many checks failed.
func (r *Report) Failed() int {
	n := 0
	for _, c := range r.Checks {
		if len(c.Problems) > 0 {
			n++
		}
	}
	return n
}

// WriteTo writes a line for each check, its problems below it, and a summary.
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	var b strings.Builder
	for _, c := range r.Checks {
		verdict := "PASS"
		if len(c.Problems) > 0 {
			verdict = "FAIL"
		}
		fmt.Fprintf(&b, "%s %s\n", verdict, c.Name)
		for _, p := range c.Problems {
			fmt.Fprintf(&b, "    %s\n", p)
		}
	}
	fmt.Fprintf(&b, "%d checks: %d passed, %d failed\n", len(r.Checks), len(r.Checks)-r.Failed(), r.Failed())
	n, err := io.WriteString(w, b.String())
	return int64(n), err
}

func (r *Report) add(name string, problems ...string) {
	r.Checks = append(r.Checks, Check{name, problems})
}

// compare adds a check that passes if both texts are the same.
func (r *Report) compare(name, want, got string) {
	if want == got {
		r.add(name)
		return
	}
	r.add(name, "expected "+want, "got      "+got)
}

// Check makes all checks: that the diff ids are right, those of the files of YAML, and those of the options.
func (image *Image) Check(configs []*Config, o Options) *Report {
	r := &Report{}
	image.checkDiffIDs(r)
	for _, c := range configs {
		prefix := c.File + ": "
		if c.yaml.MetadataTest != nil {
			image.checkMetadata(r, prefix+"metadataTest.", c.yaml.MetadataTest)
		}
		for _, t := range c.yaml.FileExistenceTests {
			r.add(prefix+"fileExistenceTests: "+t.Name.value, image.fileExistence(t)...)
		}
		for _, t := range c.yaml.FileContentTests {
			r.add(prefix+"fileContentTests: "+t.Name.value, image.fileContent(t)...)
		}
	}
	if o.OnlyConfig {
		r.add("nothing else in the config", image.onlyConfig(configs)...)
	}
	if o.OnlyFiles != nil {
		r.add("nothing else in the layers", image.onlyFiles(o.OnlyFiles)...)
	}
	if o.CanonicalLayer {
		r.add("canonical layer", image.canonicalLayer()...)
	}
	if o.Platform != nil {
		image.checkPlatform(r, *o.Platform)
	}
	if o.MaxBytes > 0 {
		image.checkBytes(r, o.MaxBytes)
	}
	if o.Golden != nil {
		r.add("digest", golden.Compare(o.Golden, image.record)...)
	}
	return r
}

func (image *Image) checkDiffIDs(r *Report) {
	ids := image.config.RootFS.DiffIDs
	if len(ids) != len(image.archives) {
		r.add("diff ids", fmt.Sprintf("expected %d, one for each layer", len(image.archives)), fmt.Sprintf("got      %d", len(ids)))
		return
	}
	var problems []string
	for i, archive := range image.archives {
		// The reader of layouts has seen to it that every diff id is a digest.
		if want := ids[i].Algorithm().FromBytes(archive); ids[i] != want {
			problems = append(problems, fmt.Sprintf("layer %d, decompressed: expected %s", i, want), "got      "+ids[i].String())
		}
	}
	r.add("diff ids", problems...)
}

func (image *Image) checkMetadata(r *Report, prefix string, m *metadataTest) {
	config := image.config.Config
	if m.Entrypoint != nil {
		r.compare(prefix+"entrypoint", quoted(values(*m.Entrypoint)), quoted(config.Entrypoint))
	}
	if m.Cmd != nil {
		r.compare(prefix+"cmd", quoted(values(*m.Cmd)), quoted(config.Cmd))
	}
	if m.User != nil {
		r.compare(prefix+"user", fmt.Sprintf("%q", m.User.value), fmt.Sprintf("%q", config.User))
	}
	if m.Workdir != nil {
		r.compare(prefix+"workdir", fmt.Sprintf("%q", m.Workdir.value), fmt.Sprintf("%q", config.WorkingDir))
	}
	env := environment(config.Env)
	for _, p := range m.EnvVars {
		r.add(prefix+"envVars: "+p.Key.value, p.match(env)...)
	}
	for _, p := range m.UnboundEnvVars {
		var problems []string
		if value, bound := env[p.Key.value]; bound {
			problems = []string{"expected nothing", fmt.Sprintf("got      %q", value)}
		}
		r.add(prefix+"unboundEnvVars: "+p.Key.value, problems...)
	}
	for _, p := range m.Labels {
		r.add(prefix+"labels: "+p.Key.value, p.match(config.Labels)...)
	}
	var ports []string
	for port := range config.ExposedPorts {
		number, _, _ := strings.Cut(port, "/")
		ports = append(ports, number)
	}
	volumes := keys(config.Volumes)
	for _, list := range []struct {
		name string
		want []text
		have []string
		must bool
	}{
		{"exposedPorts", m.ExposedPorts, ports, true},
		{"unexposedPorts", m.UnexposedPorts, ports, false},
		{"volumes", m.Volumes, volumes, true},
		{"unmountedVolumes", m.UnmountedVolumes, volumes, false},
	} {
		sort.Strings(list.have)
		for _, t := range list.want {
			var problems []string
			if slices.Contains(list.have, t.value) != list.must {
				not := map[bool]string{true: "", false: "not "}[list.must]
				problems = []string{fmt.Sprintf("expected %s%q", not, t.value), "got      " + quoted(list.have)}
			}
			r.add(prefix+list.name+": "+t.value, problems...)
		}
	}
}

// match compares the pair with the variable or label of its key; an expression matches any part of the value, as upstream.
func (p pair) match(have map[string]string) []string {
	got, ok := have[p.Key.value]
	if !ok {
		return []string{fmt.Sprintf("expected %q", p.Value.value), "got      nothing, it is not set"}
	}
	if p.IsRegex {
		if !regexp.MustCompile(p.Value.value).MatchString(got) {
			return []string{fmt.Sprintf("expected a match of %q", p.Value.value), fmt.Sprintf("got      %q", got)}
		}
		return nil
	}
	if got != p.Value.value {
		return []string{fmt.Sprintf("expected %q", p.Value.value), fmt.Sprintf("got      %q", got)}
	}
	return nil
}

// executeBits are the values of isExecutableBy and the permission bits of which one must be set.
var executeBits = map[string]fs.FileMode{"owner": 0o100, "group": 0o010, "other": 0o001, "any": 0o111}

func (image *Image) fileExistence(t fileExistenceTest) []string {
	// Upstream replaces $VARIABLE and ${VARIABLE} by the image's environment here, and only here.
	env := environment(image.config.Config.Env)
	name := os.Expand(t.Path.value, func(key string) string { return env[key] })
	e := image.files.lookup(name)
	if t.ShouldExist != nil && !*t.ShouldExist {
		if e != nil {
			return []string{"expected no " + name, "got      one"}
		}
		return nil
	}
	if e == nil {
		return []string{"expected " + name, "got      no such file in the image"}
	}
	if t.Permissions == nil && t.UID == nil && t.GID == nil && t.IsExecutableBy == nil {
		return nil
	}
	if e.header == nil {
		return []string{name + " is a folder without an entry of its own in any layer, so it has no mode and no owner to check"}
	}
	var problems []string
	differ := func(what string, want, got any) {
		problems = append(problems, fmt.Sprintf("%s: expected %v", what, want), fmt.Sprintf("%s: got      %v", what, got))
	}
	mode := e.header.FileInfo().Mode()
	if t.Permissions != nil && mode.String() != t.Permissions.value {
		differ("permissions", t.Permissions.value, mode)
	}
	if t.IsExecutableBy != nil && mode&executeBits[t.IsExecutableBy.value] == 0 {
		differ("isExecutableBy", t.IsExecutableBy.value, mode)
	}
	if t.UID != nil && e.header.Uid != *t.UID {
		differ("uid", *t.UID, e.header.Uid)
	}
	if t.GID != nil && e.header.Gid != *t.GID {
		differ("gid", *t.GID, e.header.Gid)
	}
	return problems
}

func (image *Image) fileContent(t fileContentTest) []string {
	content, err := image.files.read(t.Path.value)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for _, expr := range t.ExpectedContents {
		if !regexp.MustCompile(expr.value).Match(content) {
			problems = append(problems, fmt.Sprintf("expected a match of %q in %s", expr.value, t.Path.value), "got      none in "+excerpt(content))
		}
	}
	for _, expr := range t.ExcludedContents {
		if found := regexp.MustCompile(expr.value).Find(content); found != nil {
			problems = append(problems, fmt.Sprintf("expected no match of %q in %s", expr.value, t.Path.value), "got      "+excerpt(found))
		}
	}
	return problems
}

// excerpt quotes the beginning of content.
func excerpt(content []byte) string {
	const most = 80
	if len(content) <= most {
		return fmt.Sprintf("%q", content)
	}
	return fmt.Sprintf("%q and %d bytes more", content[:most], len(content)-most)
}

// onlyConfig lists what the config says about how to run the image beyond what the YAML names.
func (image *Image) onlyConfig(configs []*Config) []string {
	named := map[string]bool{}
	for _, c := range configs {
		m := c.yaml.MetadataTest
		if m == nil {
			continue
		}
		named["Entrypoint"] = named["Entrypoint"] || m.Entrypoint != nil
		named["Cmd"] = named["Cmd"] || m.Cmd != nil
		named["User"] = named["User"] || m.User != nil
		named["WorkingDir"] = named["WorkingDir"] || m.Workdir != nil
		for _, p := range m.EnvVars {
			named["Env "+p.Key.value] = true
		}
		for _, p := range m.Labels {
			named["Labels "+p.Key.value] = true
		}
		for _, t := range m.ExposedPorts {
			named["ExposedPorts "+t.value] = true
		}
		for _, t := range m.Volumes {
			named["Volumes "+t.value] = true
		}
	}
	var has []string
	if config := image.manifest.ConfigDoc.Object("config"); config != nil {
		for _, member := range config.Members {
			switch member.Name {
			case "Env":
				for _, key := range keys(environment(image.config.Config.Env)) {
					has = append(has, "Env "+key)
				}
			case "Labels":
				for _, key := range keys(image.config.Config.Labels) {
					has = append(has, "Labels "+key)
				}
			case "ExposedPorts":
				for _, key := range keys(image.config.Config.ExposedPorts) {
					number, _, _ := strings.Cut(key, "/")
					has = append(has, "ExposedPorts "+number)
				}
			case "Volumes":
				for _, key := range keys(image.config.Config.Volumes) {
					has = append(has, "Volumes "+key)
				}
			default:
				if !empty(member.Value) {
					has = append(has, member.Name)
				}
			}
		}
	}
	var problems []string
	for _, field := range has {
		if !named[field] {
			problems = append(problems, "expected no "+field)
		}
	}
	return problems
}

// empty reports whether a JSON value says no more than its absence would.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case bool:
		return !v
	case []any:
		return len(v) == 0
	case *ojson.Object:
		return len(v.Members) == 0
	}
	return false
}

// onlyFiles compares the entries of all layers, whiteouts and what they hide included, with the list.
func (image *Image) onlyFiles(allowed []string) []string {
	have := map[string]bool{}
	for _, archive := range image.archives {
		tr := tar.NewReader(strings.NewReader(string(archive)))
		for {
			header, err := tr.Next()
			if err != nil {
				break // load has read the archive to its end.
			}
			have[path.Join("/", header.Name)] = true
		}
	}
	var problems []string
	for _, name := range allowed {
		if !have[path.Join("/", name)] {
			problems = append(problems, "expected "+name+", got no such entry")
		}
		delete(have, path.Join("/", name))
	}
	for _, name := range keys(have) {
		problems = append(problems, "expected no "+name)
	}
	return problems
}

func (image *Image) checkBytes(r *Report, most int) {
	name := fmt.Sprintf("at most %d bytes", most)
	if image.Bytes() <= most {
		r.add(fmt.Sprintf("%s: %d", name, image.Bytes()))
		return
	}
	r.add(name, image.record.Summary())
}

func values(list []text) []string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.value
	}
	return out
}

func quoted(list []string) string { return fmt.Sprintf("%q", list) }

// environment maps names to values; a later one wins.
func environment(list []string) map[string]string {
	env := map[string]string{}
	for _, variable := range list {
		name, value, _ := strings.Cut(variable, "=")
		env[name] = value
	}
	return env
}

// keys returns the keys of m, sorted.
func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	sort.Strings(out)
	return out
}
