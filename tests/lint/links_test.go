package lint_test

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every relative link in a document leads to a file that is tracked, and to a heading that exists.
func TestLinks(t *testing.T) {
	files := tracked(t)
	documents := map[string]string{}
	for name, content := range files {
		if strings.HasSuffix(name, ".md") {
			documents[name] = string(content)
		}
	}
	for _, problem := range brokenLinks(documents, slices.Collect(maps.Keys(files))) {
		t.Error(problem)
	}
}

// A link that leads nowhere is found, and no other.
func TestBrokenLinks(t *testing.T) {
	for text, want := range map[string]int{
		"[a](../b.md) [b](../b.md#one-two-three) [c](../b.md#same-1) [d](https://x) `[e](no)`": 0,
		"[a](c.md)":         1,
		"[a](../b.md#four)": 1,
		"[a]: gone.md":      1,
	} {
		documents := map[string]string{"docs/a.md": text, "b.md": "# One `two` three\n\n# Same\n\n# Same\n"}
		if got := brokenLinks(documents, []string{"docs/a.md", "b.md"}); len(got) != want {
			t.Errorf("%s: %d problems, want %d: %q", text, len(got), want, got)
		}
	}
}

var (
	linkPattern  = regexp.MustCompile(`\]\(<?([^)\s>]+)>?(?:\s+"[^"]*")?\)`)
	definition   = regexp.MustCompile(`(?m)^\[[^\]]+\]:\s+(\S+)`)
	codeBlock    = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```\\s*$")
	codeSpan     = regexp.MustCompile("`[^`\n]*`")
	heading      = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*#*\s*$`)
	notInAnchors = regexp.MustCompile(`[^\p{L}\p{N}\s_-]`)
	linkText     = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// brokenLinks returns the relative links in documents (name to content) that lead to no tracked file or to no heading.
// Links with a scheme are not followed: tests have no network.
func brokenLinks(documents map[string]string, tracked []string) (problems []string) {
	there := map[string]bool{"": true, ".": true}
	for _, name := range tracked {
		for ; name != "."; name = path.Dir(name) {
			there[name] = true
		}
	}
	for name, content := range documents {
		prose := codeSpan.ReplaceAllString(codeBlock.ReplaceAllString(content, ""), "")
		links := append(linkPattern.FindAllStringSubmatch(prose, -1), definition.FindAllStringSubmatch(prose, -1)...)
		for _, link := range links {
			u, err := url.Parse(link[1])
			if err != nil {
				problems = append(problems, fmt.Sprintf("%s: the link %s is no URL", name, link[1]))
				continue
			}
			if u.Scheme != "" || u.Host != "" {
				continue
			}
			target := name
			if u.Path != "" {
				target = path.Join(path.Dir(name), u.Path)
			}
			if !there[target] {
				problems = append(problems, fmt.Sprintf("%s: the link %s leads to %s, which is not there", name, link[1], target))
				continue
			}
			if text, ok := documents[target]; ok && u.Fragment != "" && !slices.Contains(anchors(text), u.Fragment) {
				problems = append(problems, fmt.Sprintf("%s: the link %s leads to no heading of %s", name, link[1], target))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// anchors returns the fragments that GitHub gives the headings of a document.
func anchors(document string) []string {
	var all []string
	seen := map[string]int{}
	for _, m := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(document, ""), -1) {
		text := linkText.ReplaceAllString(m[1], "$1")
		slug := strings.ReplaceAll(notInAnchors.ReplaceAllString(strings.ToLower(text), ""), " ", "-")
		n := seen[slug]
		seen[slug]++
		if n > 0 {
			slug = fmt.Sprintf("%s-%d", slug, n)
		}
		all = append(all, slug)
	}
	return all
}
