package structure

import (
	"strings"
	"testing"
)

// Files of checks that upstream accepts, and that can be answered, are accepted.
func TestParseConfigAccepts(t *testing.T) {
	for name, file := range map[string]string{
		"everything": `
schemaVersion: "2.0.0"
metadataTest:
  envVars: [{key: A, value: b}, {key: C, value: "^d", isRegex: true}]
  unboundEnvVars: [{key: PATH}]
  exposedPorts: ["8080", 9090]
  unexposedPorts: ["80"]
  entrypoint: ["/pause"]
  cmd: []
  workdir: /
  volumes: [/data]
  unmountedVolumes: [/tmp]
  labels: [{key: x, value: y}]
  user: 65535:65535
fileExistenceTests:
  - {name: one, path: /pause, shouldExist: true, permissions: -r-xr-xr-x, uid: 0, gid: 0, isExecutableBy: any}
  - {name: two, path: /etc, shouldExist: false}
  - {name: three, path: $HOME/x}
fileContentTests:
  - {name: one, path: /pause, expectedContents: [a], excludedContents: [b]}
`,
		"unquoted version": "schemaVersion: 2.0.0\nmetadataTest: {user: root}\n",
		"JSON":             `{"schemaVersion": "2.0.0", "metadataTest": {"entrypoint": []}}`,
	} {
		if _, err := ParseConfig("a.yaml", []byte(file)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever would not be checked is an error, in one line with FILE:LINE.
func TestParseConfigRefuses(t *testing.T) {
	const head = "schemaVersion: \"2.0.0\"\n"
	const file = head + "fileExistenceTests:\n- name: x\n  path: /x\n"
	const content = head + "fileContentTests:\n- name: x\n  path: /x\n"
	for name, test := range map[string]struct{ file, expected string }{
		"empty":                 {"", "a.yaml: the file is empty"},
		"no YAML":               {head + "metadataTest: [", "a.yaml:"},
		"a list":                {"- a\n", "a.yaml:1: cannot unmarshal"},
		"two documents":         {head + "metadataTest: {user: a}\n---\n" + head, "a.yaml:3: a second YAML document"},
		"no version":            {"metadataTest: {user: a}\n", "a.yaml: schemaVersion is missing"},
		"old version":           {"schemaVersion: 1.0.0\nmetadataTest: {user: a}\n", `a.yaml:1: schemaVersion is "1.0.0"`},
		"nothing":               {head, "a.yaml: there is no test"},
		"empty metadata":        {head + "metadataTest:\n", "a.yaml:2: metadataTest has no value"},
		"command test":          {head + "metadataTest: {user: a}\ncommandTests:\n- {name: a, command: b}\n", "a.yaml:4: commandTests cannot be checked"},
		"no command test":       {head + "metadataTest: {user: a}\ncommandTests: []\n", "a.yaml:3: commandTests is empty"},
		"licence test":          {head + "licenseTests:\n- debian: true\n", "a.yaml:3: licenseTests cannot be checked"},
		"global environment":    {head + "globalEnvVars:\n- {key: a, value: b}\n", "a.yaml:3: globalEnvVars cannot be checked"},
		"run options":           {head + "containerRunOptions:\n  user: root\n", "a.yaml:3: containerRunOptions cannot be checked"},
		"unknown at the top":    {head + "metadata:\n  user: a\n", `a.yaml:2: unknown field "metadata"`},
		"unknown in metadata":   {head + "metadataTest:\n  user: a\n  env: []\n", "a.yaml:4: env is empty"},
		"env for envVars":       {head + "metadataTest:\n  user: a\n  env: [{key: a, value: b}]\n", `a.yaml:4: unknown field "env" in schema 2.0.0 of container-structure-test; it is called envVars`},
		"unknown in existence":  {file + "  mode: 0755\n", `a.yaml:5: unknown field "mode"`},
		"two unknown":           {file + "  mode: 0755\n  owner: 0\n", `(and 1 more)`},
		"unknown in content":    {content + "  contains: [a]\n", `a.yaml:5: unknown field "contains"`},
		"twice":                 {head + "metadataTest: {user: a, user: b}\n", "a.yaml:2: mapping key \"user\" already defined"},
		"map for a value":       {head + "metadataTest:\n  user: {name: a}\n", "a.yaml:3: expected a single value"},
		"bad bool":              {file + "  shouldExist: perhaps\n", "a.yaml:5: cannot unmarshal"},
		"empty labels":          {head + "metadataTest:\n  labels: []\n", "a.yaml:3: labels is empty"},
		"empty user":            {head + "metadataTest:\n  user: \"\"\n", "a.yaml:3: user is empty"},
		"empty workdir":         {head + "metadataTest:\n  workdir: \"\"\n", "a.yaml:3: workdir is empty"},
		"empty volume":          {head + "metadataTest:\n  volumes: [\"\"]\n", "a.yaml:3: an entry of volumes is empty"},
		"variable, no key":      {head + "metadataTest:\n  envVars: [{value: b}]\n", "an entry of envVars has no key"},
		"variable, no value":    {head + "metadataTest:\n  envVars: [{key: b}]\n", "a.yaml:3: b in envVars has no value"},
		"label, bad expression": {head + "metadataTest:\n  labels: [{key: b, value: \"(\", isRegex: true}]\n", "a.yaml:3: error parsing regexp"},
		"unbound with value":    {head + "metadataTest:\n  unboundEnvVars: [{key: b, value: c}]\n", "a.yaml:3: unboundEnvVars has no values"},
		"bound and unbound":     {head + "metadataTest:\n  envVars: [{key: b, value: c}]\n  unboundEnvVars: [{key: b}]\n", "a.yaml:4: b is in both"},
		"port with protocol":    {head + "metadataTest:\n  exposedPorts: [80/tcp]\n", `a.yaml:3: "80/tcp" is not a port`},
		"port too large":        {head + "metadataTest:\n  unexposedPorts: [65536]\n", `a.yaml:3: "65536" is not a port`},
		"port both ways":        {head + "metadataTest:\n  exposedPorts: [80]\n  unexposedPorts: [80]\n", "a.yaml:4: 80 is in both"},
		"volume both ways":      {head + "metadataTest:\n  volumes: [/a]\n  unmountedVolumes: [/a]\n", "a.yaml:4: /a is in both"},
		"file without name":     {head + "fileExistenceTests:\n- path: /x\n", "a.yaml:3: an entry of fileExistenceTests has no name"},
		"file without path":     {head + "fileExistenceTests:\n- name: x\n", `a.yaml:3: "x" has no path`},
		"relative path":         {head + "fileContentTests:\n- {name: x, path: x, expectedContents: [a]}\n", `a.yaml:3: the path "x" must be absolute`},
		"bad permissions":       {file + "  permissions: \"0555\"\n", `a.yaml:5: permissions "0555" are not`},
		"bad group":             {file + "  isExecutableBy: world\n", `a.yaml:5: isExecutableBy is "world"`},
		"negative uid":          {file + "  uid: -1\n", "must not be negative"},
		"mode of nothing":       {file + "  shouldExist: false\n  permissions: -r-xr-xr-x\n", "should not exist can have no permissions"},
		"content of nothing":    {content, "needs expectedContents or excludedContents"},
		"empty mapping":         {head + "metadataTest: {}\n", "a.yaml:2: metadataTest has an empty mapping"},
		"empty entry":           {head + "fileExistenceTests: [{}]\n", "a.yaml:2: fileExistenceTests has an empty mapping"},
		"alias":                 {head + "metadataTest:\n  cmd: &e []\n  labels: *e\n", "a.yaml:4: *e in labels is an alias"},
		"alias to be merged":    {head + "metadataTest:\n  user: &e a\n  <<: *e\n", "a.yaml:4: *e in << is an alias"},
		"label, empty":          {head + "metadataTest:\n  labels: [{key: b, value: \"\", isRegex: true}]\n", "a.yaml:3: the expression for b in labels is empty"},
		"content, empty":        {content + "  expectedContents: [\"\"]\n", `a.yaml:5: "x" has an empty expression`},
		"no content, empty":     {content + "  excludedContents: [\"\"]\n", `a.yaml:5: "x" has an empty expression`},
		"content, bad":          {content + "  excludedContents: [\"[\"]\n", "a.yaml:5: error parsing regexp"},
	} {
		_, err := ParseConfig("a.yaml", []byte(test.file))
		switch {
		case err == nil:
			t.Errorf("%s: accepted", name)
		case !strings.Contains(err.Error(), test.expected):
			t.Errorf("%s: got %q, expected %q", name, err, test.expected)
		case strings.Contains(err.Error(), "\n"):
			t.Errorf("%s: more than one line: %q", name, err)
		}
	}
}

// No input makes the parser panic, and what it accepts names the file in every error.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte("schemaVersion: 2.0.0\nmetadataTest: {user: a, cmd: []}\n"))
	f.Add([]byte("schemaVersion: 2.0.0\nfileExistenceTests: [{name: a, path: /b, uid: 0}]\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := ParseConfig("a.yaml", data); err != nil && !strings.HasPrefix(err.Error(), "a.yaml") {
			t.Errorf("the error does not name the file: %v", err)
		}
	})
}
