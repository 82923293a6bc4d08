package structure

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// SchemaVersion is the only schema of container-structure-test that is read.
const SchemaVersion = "2.0.0"

// Config is one file of checks in the schema 2.0.0 of container-structure-test. Parse makes it; what it holds has been
// checked for mistakes, so that no entry passes only because it says nothing.
type Config struct {
	// File is the name of the file, for messages.
	File string

	yaml schema
}

// text is a scalar that remembers its line.
type text struct {
	value string
	line  int
}

// UnmarshalYAML implements yaml.Unmarshaler. It takes any scalar as its text, as upstream does, so that a port may be
// written as a number.
func (t *text) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: expected a single value", node.Line)}}
	}
	t.value, t.line = node.Value, node.Line
	return nil
}

// pair is an environment variable or a label.
type pair struct {
	Key     text  `yaml:"key"`
	Value   *text `yaml:"value"`
	IsRegex bool  `yaml:"isRegex"`
}

type metadataTest struct {
	EnvVars          []pair  `yaml:"envVars"`
	UnboundEnvVars   []pair  `yaml:"unboundEnvVars"`
	ExposedPorts     []text  `yaml:"exposedPorts"`
	UnexposedPorts   []text  `yaml:"unexposedPorts"`
	Entrypoint       *[]text `yaml:"entrypoint"`
	Cmd              *[]text `yaml:"cmd"`
	Workdir          *text   `yaml:"workdir"`
	Volumes          []text  `yaml:"volumes"`
	UnmountedVolumes []text  `yaml:"unmountedVolumes"`
	Labels           []pair  `yaml:"labels"`
	User             *text   `yaml:"user"`
}

type fileExistenceTest struct {
	Name           text  `yaml:"name"`
	Path           text  `yaml:"path"`
	ShouldExist    *bool `yaml:"shouldExist"`
	Permissions    *text `yaml:"permissions"`
	UID            *int  `yaml:"uid"`
	GID            *int  `yaml:"gid"`
	IsExecutableBy *text `yaml:"isExecutableBy"`
}

type fileContentTest struct {
	Name             text   `yaml:"name"`
	Path             text   `yaml:"path"`
	ExpectedContents []text `yaml:"expectedContents"`
	ExcludedContents []text `yaml:"excludedContents"`
}

// schema has every field that upstream knows. Those that need a running container are kept as nodes, to be refused.
type schema struct {
	SchemaVersion       text                `yaml:"schemaVersion"`
	GlobalEnvVars       yaml.Node           `yaml:"globalEnvVars"`
	CommandTests        yaml.Node           `yaml:"commandTests"`
	FileExistenceTests  []fileExistenceTest `yaml:"fileExistenceTests"`
	FileContentTests    []fileContentTest   `yaml:"fileContentTests"`
	MetadataTest        *metadataTest       `yaml:"metadataTest"`
	LicenseTests        yaml.Node           `yaml:"licenseTests"`
	ContainerRunOptions yaml.Node           `yaml:"containerRunOptions"`
}

// ReadConfig parses the file at path.
func ReadConfig(path string) (*Config, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ParseConfig(path, data)
}

// ParseConfig reads a file of checks; name is its name in messages. It refuses, with FILE:LINE, whatever would not be
// checked: unknown fields, fields that need a running container, empty values, expressions that do not compile, and
// entries that assert nothing or contradict each other.
func ParseConfig(name string, data []byte) (*Config, error) {
	c := &Config{File: name}
	if err := checkNodes(name, data); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c.yaml); err != nil {
		return nil, located(name, err)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// checkNodes refuses files that are not exactly one YAML document, and keys that assert nothing.
func checkNodes(name string, data []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the file is empty; it needs at least schemaVersion: %s and one test", name, SchemaVersion)
	} else if err != nil {
		return located(name, err)
	}
	var next yaml.Node
	if err := dec.Decode(&next); err == nil {
		return fmt.Errorf("%s:%d: a second YAML document would not be read; use a file for each", name, next.Line)
	} else if !errors.Is(err, io.EOF) {
		return located(name, err)
	}
	return noneEmpty(name, "", &doc)
}

// noneEmpty refuses missing values, empty lists and empty mappings, which would assert nothing. An empty entrypoint or cmd
// does assert. It refuses aliases, because what they stand for may be empty where that asserts nothing.
func noneEmpty(name, key string, node *yaml.Node) error {
	switch {
	case node.Kind == yaml.ScalarNode && node.Tag == "!!null":
		return fmt.Errorf("%s:%d: %s has no value; say what is expected or remove it", name, node.Line, key)
	case node.Kind == yaml.AliasNode:
		return fmt.Errorf("%s:%d: *%s in %s is an alias; write out what it stands for", name, node.Line, node.Value, key)
	case node.Kind == yaml.MappingNode && len(node.Content) == 0 && key != "":
		return fmt.Errorf("%s:%d: %s has an empty mapping, which asserts nothing; say what is expected or remove it", name, node.Line, key)
	case node.Kind == yaml.SequenceNode && len(node.Content) == 0 && key != "entrypoint" && key != "cmd":
		return fmt.Errorf("%s:%d: %s is empty, which asserts nothing; remove it, and use --only-config or --only-files to say that there is none",
			name, node.Line, key)
	}
	for i, sub := range node.Content {
		if node.Kind == yaml.MappingNode {
			key = node.Content[i-i%2].Value
		}
		if err := noneEmpty(name, key, sub); err != nil {
			return err
		}
	}
	return nil
}

var (
	yamlLine     = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)`)
	unknownField = regexp.MustCompile(`^field (.*) not found in type .*`)
)

// located turns an error of the YAML library into one line that begins with FILE:LINE.
func located(name string, err error) error {
	message, more := err.Error(), ""
	var typeError *yaml.TypeError
	if errors.As(err, &typeError) && len(typeError.Errors) > 0 {
		message = typeError.Errors[0]
		if n := len(typeError.Errors); n > 1 {
			more = fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	where := name
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		where, message = name+":"+m[1], m[2]
	}
	if m := unknownField.FindStringSubmatch(message); m != nil {
		message = fmt.Sprintf("unknown field %q in schema %s of container-structure-test", m[1], SchemaVersion)
		if m[1] == "env" {
			message += "; it is called envVars"
		}
	}
	return fmt.Errorf("%s: %s%s", where, strings.TrimPrefix(message, "yaml: "), more)
}

// checker collects nothing and stops at the first mistake: the user gets one line to act on.
type checker struct {
	file string
	err  error
}

func (c *checker) failf(line int, format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf("%s:%d: %s", c.file, line, fmt.Sprintf(format, args...))
	}
}

func (c *Config) check() error {
	k := &checker{file: c.File}
	if v := c.yaml.SchemaVersion; v.value != SchemaVersion {
		if v.line == 0 {
			return fmt.Errorf("%s: schemaVersion is missing; it must be %s", c.File, SchemaVersion)
		}
		k.failf(v.line, "schemaVersion is %q; only %s is supported", v.value, SchemaVersion)
	}
	for _, f := range []struct {
		name string
		node yaml.Node
	}{
		{"commandTests", c.yaml.CommandTests},
		{"licenseTests", c.yaml.LicenseTests},
		{"globalEnvVars", c.yaml.GlobalEnvVars},
		{"containerRunOptions", c.yaml.ContainerRunOptions},
	} {
		if !f.node.IsZero() {
			k.failf(f.node.Line, "%s cannot be checked from an image layout; it needs container-structure-test and an engine", f.name)
		}
	}
	if k.err == nil && c.yaml.MetadataTest == nil && len(c.yaml.FileExistenceTests) == 0 && len(c.yaml.FileContentTests) == 0 {
		return fmt.Errorf("%s: there is no test in the file", c.File)
	}
	if c.yaml.MetadataTest != nil {
		k.metadata(c.yaml.MetadataTest)
	}
	for _, test := range c.yaml.FileExistenceTests {
		k.fileExistence(test)
	}
	for _, test := range c.yaml.FileContentTests {
		k.fileContent(test)
	}
	return k.err
}

func (k *checker) metadata(m *metadataTest) {
	for name, t := range map[string]*text{"workdir": m.Workdir, "user": m.User} {
		if t != nil && t.value == "" {
			k.failf(t.line, "%s is empty, which asserts nothing; remove it, and use --only-config to say that there is none", name)
		}
	}
	bound := map[string]bool{}
	for _, p := range m.EnvVars {
		k.pair("envVars", p)
		bound[p.Key.value] = true
	}
	for _, p := range m.Labels {
		k.pair("labels", p)
	}
	for _, p := range m.UnboundEnvVars {
		switch {
		case p.Key.value == "":
			k.failf(max(p.Key.line, 1), "an entry of unboundEnvVars has no key")
		case p.Value != nil || p.IsRegex:
			k.failf(p.Key.line, "unboundEnvVars has no values: %s must not be set at all", p.Key.value)
		case bound[p.Key.value]:
			k.failf(p.Key.line, "%s is in both envVars and unboundEnvVars", p.Key.value)
		}
	}
	k.lists("exposedPorts", m.ExposedPorts, "unexposedPorts", m.UnexposedPorts)
	for _, ports := range [][]text{m.ExposedPorts, m.UnexposedPorts} {
		for _, p := range ports {
			if n, err := strconv.ParseUint(p.value, 10, 16); err != nil || n == 0 {
				k.failf(p.line, "%q is not a port; write the number alone, from 1 to 65535, without /tcp", p.value)
			}
		}
	}
	k.lists("volumes", m.Volumes, "unmountedVolumes", m.UnmountedVolumes)
}

func (k *checker) pair(list string, p pair) {
	switch {
	case p.Key.value == "":
		k.failf(max(p.Key.line, 1), "an entry of %s has no key", list)
	case p.Value == nil:
		k.failf(p.Key.line, "%s in %s has no value; to match any, use value: \".*\" with isRegex: true", p.Key.value, list)
	case p.IsRegex && p.Value.value == "":
		k.failf(p.Value.line, "the expression for %s in %s is empty, which matches any value; to mean that, use \".*\"", p.Key.value, list)
	case p.IsRegex:
		k.regex(*p.Value)
	}
}

// lists checks a list of what must be there against the list of what must not.
func (k *checker) lists(name string, must []text, notName string, mustNot []text) {
	in := map[string]bool{}
	for _, t := range must {
		if t.value == "" {
			k.failf(t.line, "an entry of %s is empty", name)
		}
		in[t.value] = true
	}
	for _, t := range mustNot {
		if t.value == "" {
			k.failf(t.line, "an entry of %s is empty", notName)
		}
		if in[t.value] {
			k.failf(t.line, "%s is in both %s and %s", t.value, name, notName)
		}
	}
}

func (k *checker) regex(t text) {
	if _, err := regexp.Compile(t.value); err != nil {
		k.failf(t.line, "%v", err)
	}
}

// permissions is what fs.FileMode.String, which upstream compares with, can give.
var permissions = regexp.MustCompile(`^(?:-|[dalTLDpSugct?]+)(?:[r-][w-][x-]){3}$`)

func (k *checker) fileExistence(t fileExistenceTest) {
	k.nameAndPath("fileExistenceTests", t.Name, t.Path)
	if t.ShouldExist != nil && !*t.ShouldExist && (t.Permissions != nil || t.UID != nil || t.GID != nil || t.IsExecutableBy != nil) {
		k.failf(t.Name.line, "%q: a file that should not exist can have no permissions, uid, gid or isExecutableBy", t.Name.value)
	}
	if t.Permissions != nil && !permissions.MatchString(t.Permissions.value) {
		k.failf(t.Permissions.line, "permissions %q are not of the form -rwxr-xr-x", t.Permissions.value)
	}
	if t.IsExecutableBy != nil {
		if _, ok := executeBits[t.IsExecutableBy.value]; !ok {
			k.failf(t.IsExecutableBy.line, "isExecutableBy is %q; it must be owner, group, other or any", t.IsExecutableBy.value)
		}
	}
	for _, id := range []*int{t.UID, t.GID} {
		if id != nil && *id < 0 {
			k.failf(t.Name.line, "%q: uid and gid must not be negative; leave them out to accept any", t.Name.value)
		}
	}
}

func (k *checker) fileContent(t fileContentTest) {
	k.nameAndPath("fileContentTests", t.Name, t.Path)
	if len(t.ExpectedContents)+len(t.ExcludedContents) == 0 {
		k.failf(t.Name.line, "%q needs expectedContents or excludedContents", t.Name.value)
	}
	for _, list := range [][]text{t.ExpectedContents, t.ExcludedContents} {
		for _, expr := range list {
			if expr.value == "" {
				k.failf(expr.line, "%q has an empty expression, which matches any content", t.Name.value)
			}
			k.regex(expr)
		}
	}
}

func (k *checker) nameAndPath(list string, name, path text) {
	switch {
	case name.value == "":
		k.failf(max(path.line, name.line, 1), "an entry of %s has no name", list)
	case path.value == "":
		k.failf(name.line, "%q has no path", name.value)
	case !strings.HasPrefix(path.value, "/") && !strings.HasPrefix(path.value, "$"):
		k.failf(path.line, "the path %q must be absolute", path.value)
	}
}
