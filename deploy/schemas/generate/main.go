// Command generate writes the JSON schemas in deploy/schemas from the OpenAPI documents of a Kubernetes release.
//
// Each kind gets one file that needs no other, named as kubeconform looks for it. The schemas are strict: a field that
// Kubernetes does not know is an error. Descriptions are left out.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

// kinds are those that deploy uses, by the names of their schemas, with the document that has each and the file to write.
var kinds = []struct{ schema, document, file string }{
	{"io.k8s.api.apps.v1.Deployment", "apis__apps__v1_openapi.json", "deployment-apps-v1.json"},
	{"io.k8s.api.core.v1.Namespace", "api__v1_openapi.json", "namespace-v1.json"},
	{"io.k8s.api.scheduling.v1.PriorityClass", "apis__scheduling.k8s.io__v1_openapi.json", "priorityclass-scheduling-v1.json"},
}

const refPrefix = "#/components/schemas/"

func main() { newCommand().Main() }

func newCommand() *command.Command {
	return &command.Command{
		Name: "generate",
		Call: "go run ./deploy/schemas/generate",
		Summary: "Writes strict JSON schemas from the OpenAPI documents of a Kubernetes release: OPENAPI is the folder\n" +
			"api/openapi-spec/v3 of the module k8s.io/kubernetes, OUTPUT the folder to write to.",
		Arguments: "OPENAPI OUTPUT",
		Examples:  []string{"go run ./deploy/schemas/generate kubernetes/api/openapi-spec/v3 deploy/schemas"},
		Run: func(_ context.Context, args []string, _ io.Writer) error {
			return generate(args[0], args[1])
		},
	}
}

// generate writes all schemas, or none: only complete ones reach the folder output.
func generate(openapi, output string) error {
	files := map[string][]byte{}
	for _, kind := range kinds {
		content, err := schema(filepath.Join(openapi, kind.document), kind.schema)
		if err != nil {
			return err
		}
		files[kind.file] = content
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := stage.Write(filepath.Join(output, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// schema returns the JSON schema called name, with all that it refers to, from the OpenAPI document at path.
func schema(path, name string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var document struct {
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal(content, &document); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	root, ok := document.Components.Schemas[name]
	if !ok {
		return nil, fmt.Errorf("%s: no schema %s", path, name)
	}
	if err := pinKind(root); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", path, name, err)
	}
	definitions := map[string]any{}
	var missing error
	var include func(name string)
	include = func(name string) {
		if _, done := definitions[name]; done {
			return
		}
		definition, ok := document.Components.Schemas[name]
		if !ok {
			missing = fmt.Errorf("%s: no schema %s", path, name)
			return
		}
		definitions[name] = definition
		rewrite(definition, include)
	}
	include(name)
	if missing != nil {
		return nil, missing
	}
	text, err := json.MarshalIndent(map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"$ref":    "#/$defs/" + name,
		"$defs":   definitions,
	}, "", " ")
	return append(text, '\n'), err
}

// pinKind makes a document state its version and kind, and state them right.
func pinKind(root map[string]any) error {
	list, _ := root["x-kubernetes-group-version-kind"].([]any)
	if len(list) != 1 {
		return fmt.Errorf("want one group, version and kind, have %d", len(list))
	}
	id := list[0].(map[string]any)
	version := strings.TrimPrefix(id["group"].(string)+"/"+id["version"].(string), "/")
	properties := root["properties"].(map[string]any)
	properties["apiVersion"] = map[string]any{"const": version}
	properties["kind"] = map[string]any{"const": id["kind"]}
	required, _ := root["required"].([]any)
	root["required"] = append(required, "apiVersion", "kind")
	return nil
}

// rewrite turns a schema of OpenAPI into a strict one of JSON Schema, in place, and calls include for all it refers to.
func rewrite(value any, include func(name string)) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			rewrite(element, include)
		}
	case map[string]any:
		if ref, ok := value["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, refPrefix)
			value["$ref"] = "#/$defs/" + name
			include(name)
		}
		if properties, ok := value["properties"].(map[string]any); ok {
			// The names below are fields of Kubernetes, not words of the schema: a field may well be called "default".
			for _, property := range properties {
				rewrite(property, include)
			}
			if _, open := value["additionalProperties"]; !open {
				value["additionalProperties"] = false
			}
		}
		for key, element := range value {
			switch {
			case key == "description" || key == "default" || strings.HasPrefix(key, "x-kubernetes-"):
				delete(value, key)
			case key != "properties":
				rewrite(element, include)
			}
		}
	}
}
