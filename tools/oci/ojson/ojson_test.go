package ojson

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What is read is written again without loss: order, digits, escapes.
func TestCompactKeepsEverything(t *testing.T) {
	for in, want := range map[string]string{
		` { "b" : 1.0 , "a":[ ] , "c":{ } } `:              `{"b":1.0,"a":[],"c":{}}`,
		`[1e400,-0,12345678901234567890,null,true,false]`:  `[1e400,-0,12345678901234567890,null,true,false]`,
		`"\u00e9\u003c\/\ud83d\ude00\u007f\u0001\b\u2028"`: "\"é</😀\u007f\\u0001\\b\u2028\"",
		`"\\ud800 \\\\"`:  `"\\ud800 \\\\"`,
		`{"":{"x":[{}]}}`: `{"":{"x":[{}]}}`,
	} {
		v, err := Parse([]byte(in))
		if err != nil {
			t.Errorf("%s: %v", in, err)
		} else if got := string(Compact(v)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

// The indented form is that of jq: empty arrays and objects stay on their line.
func TestIndentedIsLikeJQ(t *testing.T) {
	v, err := Parse([]byte(`{"a":[],"b":{},"c":[1,{"d":null}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    1,\n    {\n      \"d\": null\n    }\n  ]\n}"
	if got := string(Indented(v)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What readers of JSON disagree about is refused.
func TestParseRefuses(t *testing.T) {
	deep := bytes.Repeat([]byte("["), MaxDepth+2)
	deep = append(deep, bytes.Repeat([]byte("]"), MaxDepth+2)...)
	for name, in := range map[string]string{
		"duplicate name":         `{"a":1,"\u0061":2}`,
		"not UTF-8":              "\"\xff\"",
		"high surrogate alone":   `"\ud800"`,
		"low surrogate alone":    `"\udc00"`,
		"surrogates wrong round": `"\udc00\ud800"`,
		"surrogate, then text":   `"\ud800x\udc00"`,
		"trailing text":          `{} {}`,
		"nothing":                ``,
		"too deep":               string(deep),
		"comma at the end":       `[1,]`,
	} {
		if v, err := Parse([]byte(in)); err == nil {
			t.Errorf("%s: was read as %s", name, Compact(v))
		}
	}
}

// Members are found, replaced in place, appended and deleted.
func TestObject(t *testing.T) {
	o, err := ParseObject([]byte(`{"a":1,"b":"x","c":{"d":[true]}}`))
	if err != nil {
		t.Fatal(err)
	}
	o.Set("a", Int(7))
	o.Set("z", Strings([]string{"s"}))
	o.Delete("c")
	o.Delete("none")
	if got, want := string(Compact(o)), `{"a":7,"b":"x","z":["s"]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if o.String("b") != "x" || o.String("a") != "" || len(o.Array("z")) != 1 || o.Object("b") != nil {
		t.Error("the typed accessors do not tell types apart")
	}
	if _, ok := (*Object)(nil).Get("a"); ok {
		t.Error("a nil object has a member")
	}
}

// FuzzParse: whatever is accepted means the same to the standard library, before and after.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"a":[1,"\u00e9\n",null,{"b":-1.5e3}]}`, `"\ud83d\ude00"`, `[[],{}]`, ` 1 `} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		v, err := Parse(in)
		if err != nil {
			return
		}
		out := Compact(v)
		again, err := Parse(out)
		if err != nil || !Equal(v, again) {
			t.Fatalf("%q was written as %q, which is read as %v, %v", in, out, again, err)
		}
		indented, err := Parse(Indented(v))
		if err != nil || !Equal(v, indented) {
			t.Fatalf("%q: the indented form differs: %v", in, err)
		}
		var a, b any
		decode := func(data []byte, to *any) {
			d := json.NewDecoder(bytes.NewReader(data))
			d.UseNumber()
			if err := d.Decode(to); err != nil {
				t.Fatalf("%q: the standard library refuses it: %v", data, err)
			}
		}
		decode(in, &a)
		decode(out, &b)
		x, _ := json.Marshal(a)
		y, _ := json.Marshal(b)
		if !bytes.Equal(x, y) {
			t.Fatalf("%q means %s, but %q means %s", in, x, out, y)
		}
	})
}
