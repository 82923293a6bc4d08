package structure

import (
	"fmt"
	"os"

	emptyimage "github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// Unpack turns an archive of one image, as docker save writes it, into an OCI layout in a new temporary folder, which
// the caller removes.
func Unpack(archive string) (dir string, err error) {
	image, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return "", fmt.Errorf("%s is no archive of one image: %w", archive, err)
	}
	dir, err = os.MkdirTemp("", "structure-")
	if err != nil {
		return "", err
	}
	path, err := layout.Write(dir, emptyimage.Index)
	if err == nil {
		err = path.AppendImage(image)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", fmt.Errorf("%s: %w", archive, err)
	}
	return dir, nil
}
