// Command reference writes the reference page of Bazel rules from the documentation in their .bzl files.
//
// Stardoc would do that. Online it compiles protoc, which is C++, and nothing here may need a C++ compiler.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.com/pause/tools/command"
	"github.com/bazelbuild/buildtools/build"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name:      "reference",
		Call:      "./bazelw build //docs:rules",
		Arguments: "FILE.bzl...",
		Summary: "Prints the reference page, in Markdown, of the rules and providers that .bzl files of @pause//tools define: the doc of\n" +
			"each file, rule, provider, attribute and field. A rule, an attribute or a field without a doc is an error.",
		Examples: []string{"./bazelw run //docs:update_rules"},
	}
	c.Run = func(_ context.Context, files []string, stdout io.Writer) error {
		var page strings.Builder
		shared := map[string]build.Expr{}
		page.WriteString("# The public rules\n\n`./bazelw run //docs:update_rules` writes this page from the .bzl files in tools.\n")
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := describe(&page, filepath.Base(file), text, shared); err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		_, err := io.WriteString(stdout, page.String())
		return err
	}
	return c
}

// describe writes what the .bzl file of that name and text defines: its doc, and a section for each rule and provider whose name
// does not begin with an underscore. It writes nothing of a file without any. shared has the values of the names that earlier
// files define, and gets those of this one: an attribute may be such a name.
func describe(page *strings.Builder, name string, text []byte, shared map[string]build.Expr) error {
	file, err := build.ParseBzl(name, text)
	if err != nil {
		return err
	}
	var sections strings.Builder
	for _, statement := range file.Stmt {
		assign, ok := statement.(*build.AssignExpr)
		if !ok {
			continue
		}
		left, ok := assign.LHS.(*build.Ident)
		if !ok {
			continue
		}
		shared[left.Name] = assign.RHS
		call, ok := assign.RHS.(*build.CallExpr)
		if !ok || strings.HasPrefix(left.Name, "_") {
			continue
		}
		switch kind := function(call); kind {
		case "rule":
			err = section(&sections, left.Name, call, "attrs", shared)
		case "provider":
			err = section(&sections, left.Name, call, "fields", shared)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", left.Name, err)
		}
	}
	if sections.Len() > 0 {
		doc, ok := file.Stmt[0].(*build.StringExpr)
		if !ok {
			return errors.New("it has no doc; begin it with one")
		}
		fmt.Fprintf(page, "\n%s\n%s", strings.TrimSpace(doc.Value), sections.String())
	}
	return nil
}

// section writes the section of a call of rule or provider; members is the argument that has the attributes or fields.
func section(page *strings.Builder, name string, call *build.CallExpr, members string, shared map[string]build.Expr) error {
	doc := stringArgument(call, "doc")
	if doc == "" {
		return errors.New("it has no doc; write one")
	}
	fmt.Fprintf(page, "\n## %s\n\n%s\n\n", name, doc)
	dict, ok := argument(call, members).(*build.DictExpr)
	if !ok {
		return fmt.Errorf("%s is no dict", members)
	}
	if members == "attrs" {
		page.WriteString("| attribute | type | default | |\n|---|---|---|---|\n| `name` | name | required | The name of the target. |\n")
	} else {
		page.WriteString("| field | |\n|---|---|\n")
	}
	for _, member := range dict.List {
		key, ok := member.Key.(*build.StringExpr)
		if !ok || strings.HasPrefix(key.Value, "_") {
			continue
		}
		value := member.Value
		if ident, ok := value.(*build.Ident); ok {
			value = shared[ident.Name]
		}
		doc, cells := "", ""
		switch value := value.(type) {
		case *build.StringExpr: // a field
			doc = value.Value
		case *build.CallExpr: // an attribute
			doc = stringArgument(value, "doc")
			cells = fmt.Sprintf(" %s | %s |", strings.TrimPrefix(function(value), "attr."), standard(value))
		}
		if doc == "" {
			return fmt.Errorf("%s has no doc; write one", key.Value)
		}
		fmt.Fprintf(page, "| `%s` |%s %s |\n", key.Value, cells, strings.ReplaceAll(doc, "\n\n", "<br>"))
	}
	return nil
}

// standard returns the default of an attribute as the table shows it.
func standard(call *build.CallExpr) string {
	if mandatory, ok := argument(call, "mandatory").(*build.Ident); ok && mandatory.Name == "True" {
		return "required"
	}
	if value := argument(call, "default"); value != nil {
		return "`" + build.FormatString(value) + "`"
	}
	return ""
}

// function returns the name of the function that is called, such as rule or attr.label.
func function(call *build.CallExpr) string { return build.FormatString(call.X) }

// argument returns the value of a call's argument with that name, or nil.
func argument(call *build.CallExpr, name string) build.Expr {
	return (&build.Rule{Call: call}).Attr(name)
}

// stringArgument returns the text of a call's argument with that name, or the empty string.
func stringArgument(call *build.CallExpr, name string) string {
	if s, ok := argument(call, name).(*build.StringExpr); ok {
		return strings.TrimSpace(s.Value)
	}
	return ""
}
