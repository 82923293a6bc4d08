// Package ojson reads and writes JSON without losing anything: members keep their order, numbers keep their digits.
//
// The standard library's encoding/json reads objects into structs, which drop unknown members, or into maps, which drop
// the order. OCI documents are identified by the hash of their bytes, and may carry members that no struct knows, so the
// code that rewrites them needs both.
//
// A value is one of: nil, bool, string, Number, []any (an array) and *Object.
package ojson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deeply arrays and objects may nest; OCI documents need about six levels.
const MaxDepth = 64

// Number is a JSON number, spelt as it was read: 1.0 and 1 stay apart, and no digit is lost.
type Number string

// Member is one name and value of an Object.
type Member struct {
	Name  string
	Value any
}

// Object is a JSON object: its members in order, each name once.
type Object struct{ Members []Member }

// NewObject returns an object of the given members, in that order. Names must differ.
func NewObject(members ...Member) *Object { return &Object{Members: members} }

func (o *Object) index(name string) int {
	return slices.IndexFunc(o.Members, func(m Member) bool { return m.Name == name })
}

// Get returns the value of the member called name, and whether there is one. A nil Object has no members.
func (o *Object) Get(name string) (any, bool) {
	if o == nil {
		return nil, false
	}
	if i := o.index(name); i >= 0 {
		return o.Members[i].Value, true
	}
	return nil, false
}

// Object returns the member called name if it is an object, and nil otherwise.
func (o *Object) Object(name string) *Object {
	v, _ := o.Get(name)
	object, _ := v.(*Object)
	return object
}

// Array returns the member called name if it is an array, and nil otherwise.
func (o *Object) Array(name string) []any {
	v, _ := o.Get(name)
	array, _ := v.([]any)
	return array
}

// String returns the member called name if it is a string, and "" otherwise.
func (o *Object) String(name string) string {
	v, _ := o.Get(name)
	s, _ := v.(string)
	return s
}

// Set gives the member called name a value: in its place if it is there, at the end otherwise.
func (o *Object) Set(name string, value any) {
	if i := o.index(name); i >= 0 {
		o.Members[i].Value = value
		return
	}
	o.Members = append(o.Members, Member{name, value})
}

// Delete removes the member called name, if it is there.
func (o *Object) Delete(name string) {
	if i := o.index(name); i >= 0 {
		o.Members = slices.Delete(o.Members, i, i+1)
	}
}

// Strings makes an array of strings.
func Strings(elems []string) []any {
	array := make([]any, len(elems))
	for i, s := range elems {
		array[i] = s
	}
	return array
}

// Int makes a Number of an integer.
func Int(n int64) Number { return Number(strconv.FormatInt(n, 10)) }

// Parse reads one JSON text (RFC 8259). It also refuses what RFC 7493 (I-JSON) forbids because readers disagree about
// it: a name given twice in one object, text that is not UTF-8, and half of a surrogate pair.
func Parse(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8 text")
	}
	// The standard library knows the grammar; the walk below can then rely on it.
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	p := parser{data: data}
	return p.value(0)
}

// ParseObject reads one JSON text that must be an object.
func ParseObject(data []byte) (*Object, error) {
	v, err := Parse(data)
	if err != nil {
		return nil, err
	}
	o, ok := v.(*Object)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return o, nil
}

// parser walks data, which is valid JSON.
type parser struct {
	data []byte
	pos  int
}

// next skips white space and returns the byte that follows.
func (p *parser) next() byte {
	for strings.IndexByte(" \t\r\n", p.data[p.pos]) >= 0 {
		p.pos++
	}
	return p.data[p.pos]
}

func (p *parser) value(depth int) (any, error) {
	if depth > MaxDepth {
		return nil, fmt.Errorf("nested more than %d levels deep", MaxDepth)
	}
	switch p.next() {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		return p.string()
	case 't':
		p.pos += len("true")
		return true, nil
	case 'f':
		p.pos += len("false")
		return false, nil
	case 'n':
		p.pos += len("null")
		return nil, nil
	}
	start := p.pos
	for p.pos < len(p.data) && strings.IndexByte("+-.0123456789Ee", p.data[p.pos]) >= 0 {
		p.pos++
	}
	return Number(p.data[start:p.pos]), nil
}

func (p *parser) object(depth int) (any, error) {
	o := &Object{}
	seen := map[string]bool{}
	for p.pos++; p.next() != '}'; {
		name, err := p.string()
		if err != nil {
			return nil, err
		}
		if seen[name] {
			return nil, fmt.Errorf("an object has two members called %q", name)
		}
		seen[name] = true
		p.next()
		p.pos++ // the colon
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.Members = append(o.Members, Member{name, value})
		if p.next() == ',' {
			p.pos++
			p.next()
		}
	}
	p.pos++
	return o, nil
}

func (p *parser) array(depth int) (any, error) {
	array := []any{}
	for p.pos++; p.next() != ']'; {
		value, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		array = append(array, value)
		if p.next() == ',' {
			p.pos++
		}
	}
	p.pos++
	return array, nil
}

func (p *parser) string() (string, error) {
	start := p.pos
	escaped := false
	for p.pos++; p.data[p.pos] != '"'; p.pos++ {
		if p.data[p.pos] == '\\' {
			escaped = true
			p.pos++
		}
	}
	p.pos++
	raw := p.data[start:p.pos]
	if !escaped {
		return string(raw[1 : len(raw)-1]), nil
	}
	if halfSurrogate(raw) {
		return "", fmt.Errorf("the string %s has half of a surrogate pair", raw)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", err
	}
	return s, nil
}

// halfSurrogate reports whether a JSON string literal has a \u escape of a surrogate without its other half. Decoders
// replace it by U+FFFD, so that different strings become the same.
func halfSurrogate(literal []byte) bool {
	high := false // the escape just before was a high surrogate
	for i := 0; i < len(literal); {
		unit := uint64(0)
		width := 1
		if literal[i] == '\\' {
			width = 2
			if literal[i+1] == 'u' {
				width = 6
				unit, _ = strconv.ParseUint(string(literal[i+2:i+6]), 16, 16)
			}
		}
		low := unit >= 0xdc00 && unit < 0xe000
		if high != low {
			return true
		}
		high = unit >= 0xd800 && unit < 0xdc00
		i += width
	}
	return high
}

// Compact writes v without white space.
//
// Strings are written as RFC 8785, section 3.2.2.2 has it: only the quote, the backslash and control characters are
// escaped, in their shortest form, and everything else stands for itself.
func Compact(v any) []byte { return appendValue(nil, v, "", "") }

// Indented writes v as jq does by default: two spaces a level, one member or element a line, empty ones on one line. No
// line end follows.
func Indented(v any) []byte { return appendValue(nil, v, "\n", "  ") }

// appendValue appends v. newline starts every line of v after its first ("" for no lines at all), and indent is added to
// it a level.
func appendValue(dst []byte, v any, newline, indent string) []byte {
	list := func(open, end byte, n int, element func(i int, newline string)) {
		dst = append(dst, open)
		inner := newline + indent
		for i := range n {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, inner...)
			element(i, inner)
		}
		if n > 0 {
			dst = append(dst, newline...)
		}
		dst = append(dst, end)
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case Number:
		return append(dst, v...)
	case string:
		return appendString(dst, v)
	case []any:
		list('[', ']', len(v), func(i int, newline string) { dst = appendValue(dst, v[i], newline, indent) })
		return dst
	case *Object:
		list('{', '}', len(v.Members), func(i int, newline string) {
			dst = append(appendString(dst, v.Members[i].Name), ':')
			if indent != "" {
				dst = append(dst, ' ')
			}
			dst = appendValue(dst, v.Members[i].Value, newline, indent)
		})
		return dst
	}
	panic(fmt.Sprintf("ojson: a %T is no JSON value", v))
}

// short has the escapes of one letter.
var short = map[byte]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		if letter, ok := short[c]; ok {
			dst = append(dst, '\\', letter)
		} else if c < 0x20 {
			dst = fmt.Appendf(dst, `\u%04x`, c)
		} else {
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// Equal reports whether a and b are the same value: same order, same digits.
func Equal(a, b any) bool { return bytes.Equal(Compact(a), Compact(b)) }
