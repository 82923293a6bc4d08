package elfpack

import (
	"bytes"
	"encoding/binary"
)

// put appends header in the byte order of the target.
func put(b *bytes.Buffer, o binary.ByteOrder, header any) {
	if err := binary.Write(b, o, header); err != nil {
		panic(err) // The headers are structs of integers and a buffer takes all that is written.
	}
}
