// Package lint makes one analyzer of all that `go vet` and staticcheck run by default, for nogo, which wants a package for each.
package lint

import (
	"cmp"
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/loopclosure"
	"golang.org/x/tools/go/analysis/suite/vet"
	"honnef.co/go/tools/analysis/lint"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/stylecheck"
)

// Analyzer runs every check of vet, and every check of staticcheck that is on by default; a finding starts with the name of its
// check (https://pkg.go.dev/cmd/vet, https://staticcheck.dev/docs/checks).
var Analyzer = &analysis.Analyzer{
	Name:      "lint",
	Doc:       "run the checks of vet and staticcheck that are on by default",
	Requires:  required(),
	FactTypes: factTypes(),
	Run:       run,
}

// checks are those that are on by default, in the order of their names. loopclosure is left out: nogo does not tell it that the
// language is newer than Go 1.21, whose loop variables it is about.
func checks() []*analysis.Analyzer {
	found := slices.DeleteFunc(slices.Clone(vet.Suite), func(a *analysis.Analyzer) bool { return a == loopclosure.Analyzer })
	for _, group := range [][]*lint.Analyzer{simple.Analyzers, staticcheck.Analyzers, stylecheck.Analyzers} {
		for _, check := range group {
			if !check.Doc.NonDefault {
				found = append(found, check.Analyzer)
			}
		}
	}
	slices.SortFunc(found, func(a, b *analysis.Analyzer) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

// required is what the checks need the results of.
func required() []*analysis.Analyzer {
	var all []*analysis.Analyzer
	for _, check := range checks() {
		for _, other := range check.Requires {
			if !slices.Contains(all, other) {
				all = append(all, other)
			}
		}
	}
	return all
}

// factTypes is what the checks tell those of other packages.
func factTypes() []analysis.Fact {
	var all []analysis.Fact
	for _, check := range checks() {
		all = append(all, check.FactTypes...)
	}
	return all
}

// run runs the checks one by one, each as if it were nogo's own.
func run(pass *analysis.Pass) (any, error) {
	for _, check := range checks() {
		own := *pass
		own.Analyzer = check
		own.Report = func(finding analysis.Diagnostic) {
			finding.Message = check.Name + ": " + finding.Message
			pass.Report(finding)
		}
		if _, err := check.Run(&own); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
