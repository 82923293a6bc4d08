package anatomy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ustar are the fields of a header, in POSIX.1-2017's ustar Interchange Format.
var ustar = []struct {
	name    string
	length  int
	meaning string
}{
	{"name", 100, "the name of the file"},
	{"mode", 8, "its permissions, in octal: everybody may read and run it"},
	{"uid", 8, "its owner: root, so that the user it runs as may not change it"},
	{"gid", 8, "its group"},
	{"size", 12, "its size, in octal"},
	{"mtime", 12, "its date, in seconds since 1970"},
	{"chksum", 8, "the sum of the header's bytes, in octal"},
	{"typeflag", 1, "a regular file"},
	{"linkname", 100, "where a link leads to; this is none"},
	{"magic", 6, "the format"},
	{"version", 2, "its version"},
	{"uname", 32, "the owner's name: none, the number counts"},
	{"gname", 32, "the group's name"},
	{"devmajor", 8, "the number of a device; this is none"},
	{"devminor", 8, "the same"},
	{"prefix", 155, "what comes before a name that is longer than its field"},
	{"", 12, "unused: a header is a block"},
}

const tarBlock = 512

// tarPart explains a tar archive of one regular file, and returns the file's content.
func tarPart(archive []byte) (Part, []byte, error) {
	none := Part{}
	if len(archive) < tarBlock {
		return none, nil, errors.New("shorter than a header")
	}
	header := Section{Title: "The header of the file:"}
	at := 0
	var size int64
	for _, f := range ustar {
		value := archive[at : at+f.length]
		meaning := f.meaning
		if f.name != "" {
			meaning = "`" + f.name + "`: " + meaning
		}
		switch f.name {
		case "size":
			var err error
			if size, err = strconv.ParseInt(strings.TrimRight(string(value), "\x00 "), 8, 32); err != nil {
				return none, nil, fmt.Errorf("the size in the header: %w", err)
			}
			meaning += fmt.Sprintf(": %d", size)
		case "typeflag":
			if value[0] != '0' {
				return none, nil, errors.New("its entry is no regular file")
			}
		case "magic":
			if string(value) != "ustar\x00" {
				return none, nil, errors.New("it is not in the format ustar")
			}
		}
		header.Ranges = append(header.Ranges, Range{Offset: at, Length: f.length, Text: true, Meaning: meaning})
		at += f.length
	}
	if int64(at)+size > int64(len(archive)) {
		return none, nil, errors.New("shorter than its file")
	}
	program := archive[at:][:size]
	content := Section{Title: "What follows it:", Ranges: []Range{{Offset: at, Length: len(program), Meaning: "the program, above"}}}
	at += len(program)
	if rest := at % tarBlock; rest > 0 {
		content.Ranges = append(content.Ranges, Range{Offset: at, Length: tarBlock - rest, Meaning: "up to a whole block"})
		at += tarBlock - rest
	}
	// Whatever is not zero here would be another entry.
	for i := at; i < len(archive); i++ {
		if archive[i] != 0 {
			return none, nil, fmt.Errorf("byte %d is not zero, although the one file ends before it", i)
		}
	}
	if len(archive)-at != 2*tarBlock {
		return none, nil, fmt.Errorf("%d bytes at its end; want two blocks", len(archive)-at)
	}
	content.Ranges = append(content.Ranges, Range{Offset: at, Length: 2 * tarBlock, Meaning: "the end of the archive: two blocks of zeros"})
	return Part{
		Title: "The archive", Note: "The layer before it is compressed: a tar archive (POSIX.1-2017, ustar), in blocks of 512 bytes.",
		Data: archive, Sections: []Section{header, content},
	}, program, nil
}
