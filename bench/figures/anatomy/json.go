package anatomy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// configMembers says what the members of an image config mean (image-spec, config.md), by their paths.
var configMembers = map[string]string{
	"architecture":        "the architecture that the program is for, as Go names it",
	"config":              "how a container is started",
	"config.Entrypoint":   "the arguments of the first process:",
	"config.Entrypoint[]": "the program, and no argument",
	"config.User":         "user and group of the first process: nobody's, so that `runAsNonRoot` is satisfied",
	"os":                  "the operating system",
	"rootfs":              "the file system",
	"rootfs.diff_ids":     "the layers, uncompressed:",
	"rootfs.diff_ids[]":   "SHA-256 of the archive",
	"rootfs.type":         "how the file system is made; there is no other way",
}

// manifestMembers says what the members of an image manifest mean (image-spec, manifest.md and descriptor.md).
var manifestMembers = map[string]string{
	"config":             "the descriptor of the config",
	"config.digest":      "SHA-256 of the config",
	"config.mediaType":   "what the config is",
	"config.size":        "the size of the config in bytes",
	"layers":             "the layers, from the lowest on",
	"layers[]":           "the descriptor of the layer",
	"layers[].digest":    "SHA-256 of the layer, compressed",
	"layers[].mediaType": "what the layer is: a tar archive, compressed by gzip",
	"layers[].size":      "the size of the layer in bytes",
	"mediaType":          "what this document is",
	"schemaVersion":      "always 2: 1 was another format",
}

// jsonPart explains a JSON document: a range for each value with its name, and for what opens and closes the objects and
// arrays around. A value that members does not have is an error.
func jsonPart(data []byte, members map[string]string) (Part, error) {
	s := scanner{data: data, members: members, decoder: json.NewDecoder(bytes.NewReader(data))}
	s.decoder.UseNumber()
	if err := s.value("", "the document"); err != nil {
		return Part{}, err
	}
	if _, err := s.decoder.Token(); !errors.Is(err, io.EOF) {
		return Part{}, errors.New("more than one JSON value")
	}
	return Part{Data: data, Sections: []Section{{Ranges: s.ranges}}}, nil
}

// scanner cuts a JSON document into ranges.
type scanner struct {
	data    []byte
	members map[string]string
	decoder *json.Decoder
	ranges  []Range
	end     int // of the last range
	closing bool
}

// cut makes a range of what was read since the last, with the comma behind it.
func (s *scanner) cut(meaning string, closing bool) {
	at := int(s.decoder.InputOffset())
	if at < len(s.data) && s.data[at] == ',' {
		at++
	}
	// What closes at the same place is one range.
	if closing && s.closing {
		last := &s.ranges[len(s.ranges)-1]
		last.Length += at - s.end
		last.Meaning += ", " + meaning
	} else {
		s.ranges = append(s.ranges, Range{Offset: s.end, Length: at - s.end, Text: true, Meaning: meaning})
	}
	s.end, s.closing = at, closing
}

// value reads the value at path, which means what meaning says.
func (s *scanner) value(path, meaning string) error {
	token, err := s.decoder.Token()
	if err != nil {
		return err
	}
	delim, composite := token.(json.Delim)
	s.cut(meaning, false)
	if !composite {
		return nil
	}
	for s.decoder.More() {
		inner := path + "[]"
		if delim == '{' {
			name, err := s.decoder.Token()
			if err != nil {
				return err
			}
			inner = strings.TrimPrefix(fmt.Sprintf("%s.%s", path, name), ".")
		}
		meaning, ok := s.members[inner]
		if !ok {
			return fmt.Errorf("nothing is known about the member %s", inner)
		}
		if err := s.value(inner, meaning); err != nil {
			return err
		}
	}
	if _, err := s.decoder.Token(); err != nil {
		return err
	}
	name := path
	if name == "" {
		name = "the document"
	}
	s.cut("end of "+name, true)
	return nil
}
