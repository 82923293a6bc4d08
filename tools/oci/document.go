package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Document is a JSON object as this package reads it: of map[string]any, []any, string, json.Number, bool and nil.
type Document = map[string]any

// parse reads one JSON object. It refuses what would be lost when encode writes it again: a name that is there twice, and
// text that is not Unicode (encoding/json puts U+FFFD in its place).
func parse(data []byte) (Document, error) {
	if !json.Valid(data) {
		return nil, errors.New("is not JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := value(d)
	if err != nil {
		return nil, err
	}
	doc, ok := v.(Document)
	if !ok {
		return nil, errors.New("is not a JSON object")
	}
	return doc, nil
}

// value reads the next value of d, whose text is valid.
func value(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		array := []any{}
		for d.More() {
			v, err := value(d)
			if err != nil {
				return nil, err
			}
			array = append(array, v)
		}
		_, err = d.Token()
		return array, err
	case json.Delim('{'):
		object := Document{}
		for d.More() {
			name, err := value(d)
			if err != nil {
				return nil, err
			}
			if _, twice := object[name.(string)]; twice {
				return nil, fmt.Errorf("has the name %q twice in one object", name)
			}
			if object[name.(string)], err = value(d); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return object, err
	}
	if s, ok := token.(string); ok && strings.ContainsRune(s, utf8.RuneError) {
		return nil, fmt.Errorf("has text that is not Unicode: %q", s)
	}
	return token, nil
}

// encode writes v in canonical form: without white space, members sorted by name, and strings with no more escapes than
// encoding/json needs. Numbers keep their digits.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // a Document holds nothing that cannot be written
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
