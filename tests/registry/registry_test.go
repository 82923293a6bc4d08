package registry

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/oci"
	"example.com/pause/tools/oci/imagetest"
)

// platforms are those that the image index promises, in its order.
var platforms = []string{
	"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/386", "linux/riscv64", "linux/loong64", "linux/ppc64le",
	"linux/s390x", "linux/mips64le",
}

var program string

// TestMain finds the program tools/release/push: under Bazel it has been built, otherwise it is built here.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if location := os.Getenv("PAUSE_PUSH"); location != "" {
			path, err := runfiles.Rlocation(location)
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			program = path
			return m.Run()
		}
		dir, err := os.MkdirTemp("", "push")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "push")
		if out, err := exec.Command("go", "build", "-o", program, "example.com/pause/tools/release/push").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %s\n", err, out)
			return 1
		}
		return m.Run()
	}())
}

// layout returns the OCI layout of the index that is shipped, and its digest. Without Bazel it is one like it.
func layout(t *testing.T) (string, string) {
	t.Helper()
	dir := ""
	if location := os.Getenv("PAUSE_LAYOUT"); location != "" {
		var err error
		if dir, err = runfiles.Rlocation(location); err != nil {
			t.Fatal(err)
		}
		dir = materialise(t, dir)
	} else {
		var images []v1.Image
		for _, platform := range platforms {
			p, err := v1.ParsePlatform(platform)
			if err != nil {
				t.Fatal(err)
			}
			layer := imagetest.Gzip(t, imagetest.Tar(t, imagetest.File{Name: "pause", Mode: 0o555, Content: "for " + platform}))
			images = append(images, imagetest.Image(t, v1.ConfigFile{
				OS: p.OS, Architecture: p.Architecture, Variant: p.Variant, Config: v1.Config{Entrypoint: []string{"/pause"}},
			}, layer))
		}
		dir = imagetest.Layout(t, imagetest.Index(t, platforms, images...))
	}
	image, err := oci.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, image.Digest
}

// materialise copies a folder without symbolic links: Bazel's sandbox has one in the place of every file, and
// go-containerregistry takes blobs that are links for an attack.
func materialise(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "layout")
	// Rlocation may give a link to the folder itself, which would not be walked into.
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(from, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.IsDir() {
			return os.Mkdir(filepath.Join(to, name), 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// artifactType is what describe attaches.
const artifactType = "application/spdx+json"

// describe makes a document and the OCI layout that attaches it to the image, and returns both.
func describe(t *testing.T, image string) (artifact string, document []byte) {
	t.Helper()
	document = []byte(`{"spdxVersion": "SPDX-2.3"}`)
	file := filepath.Join(t.TempDir(), "pause.spdx.json")
	if err := os.WriteFile(file, document, 0o644); err != nil {
		t.Fatal(err)
	}
	artifact = filepath.Join(t.TempDir(), "sbom")
	if err := oci.Artifact(artifact, image, artifactType, file); err != nil {
		t.Fatal(err)
	}
	return artifact, document
}

// push runs the program; env is added to an environment without credentials.
func push(t *testing.T, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(program, args...)
	home := t.TempDir()
	cmd.Env = append([]string{"HOME=" + home, "DOCKER_CONFIG=" + home, "XDG_RUNTIME_DIR=" + home}, env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustPush pushes, and fails the test if that fails.
func mustPush(t *testing.T, args ...string) {
	t.Helper()
	if stdout, stderr, code := push(t, nil, args...); code != 0 {
		t.Fatalf("push: exit code %d\n%s%s", code, stdout, stderr)
	}
}

func reference(t *testing.T, text string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func digestOf(t *testing.T, text string) string {
	t.Helper()
	descriptor, err := remote.Get(reference(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return descriptor.Digest.String()
}

// What was pushed is pulled back by go-containerregistry, whole and valid, under tag and digest, for all nine platforms.
func TestPullBack(t *testing.T) {
	server := Start(t, Options{})
	dir, digest := layout(t)
	repository := server.Host + "/team/pause"
	mustPush(t, "--image", dir, "--repository", repository, "--tag", "1.0.0", "--tag", "latest")
	for _, ref := range []string{repository + ":1.0.0", repository + ":latest", repository + "@" + digest} {
		if got := digestOf(t, ref); got != digest {
			t.Errorf("%s is %s, expected %s", ref, got, digest)
		}
	}
	index, err := remote.Index(reference(t, repository+":1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, entry := range manifest.Manifests {
		have = append(have, entry.Platform.String())
	}
	if !slices.Equal(have, platforms) {
		t.Errorf("the index has %q, expected %q", have, platforms)
	}
	for _, platform := range platforms {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		image, err := remote.Image(reference(t, repository+":1.0.0"), remote.WithPlatform(*p))
		if err != nil {
			t.Errorf("%s: %v", platform, err)
			continue
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Errorf("%s: %v", platform, err)
			continue
		}
		if got := config.Platform().String(); got != platform {
			t.Errorf("for %s the registry gives an image of %s", platform, got)
		}
	}
}

// Everything is there before anything names it: blobs, then images, then the index by its digest, and the tags last.
func TestTagLast(t *testing.T) {
	server := Start(t, Options{})
	dir, digest := layout(t)
	artifact, _ := describe(t, dir)
	mustPush(t, "--image", dir, "--repository", server.Host+"/pause", "--tag", "1.0.0", "--tag", "latest", "--referrer", artifact)
	uploads := server.Uploads()
	n := len(uploads)
	if n < 4 || !slices.Equal(uploads[n-2:], []string{"1.0.0", "latest"}) {
		t.Fatalf("the last two uploads are not the tags: %q", uploads)
	}
	index, attached := slices.Index(uploads, digest), -1
	for i, upload := range uploads {
		if strings.HasPrefix(upload, "sha256:") && upload != digest && i > index {
			attached = i
		}
	}
	// After the index come only the blobs and the manifest of the SBOM: a registry may refuse a referrer of nothing.
	if manifests := countManifests(uploads[:index]); manifests != len(platforms) {
		t.Errorf("%d images were there before the index, expected %d: %q", manifests, len(platforms), uploads)
	}
	if attached < index || countManifests(uploads[index+1:]) != 1 {
		t.Errorf("the SBOM must come after the index and before the tags: %q", uploads)
	}
}

func countManifests(uploads []string) int {
	n := 0
	for _, upload := range uploads {
		if strings.HasPrefix(upload, "sha256:") {
			n++
		}
	}
	return n
}

// Pushing twice is the same as pushing once, and without a tag nothing is tagged.
func TestPushAgain(t *testing.T) {
	server := Start(t, Options{})
	dir, digest := layout(t)
	repository := server.Host + "/pause"
	mustPush(t, "--image", dir, "--repository", repository)
	if tags, err := remote.List(reference(t, repository).Context()); err != nil || len(tags) > 0 {
		t.Errorf("tags are %q (%v), expected none", tags, err)
	}
	mustPush(t, "--image", dir, "--repository", repository, "--tag", "1.0.0")
	mustPush(t, "--image", dir, "--repository", repository, "--tag", "1.0.0")
	if got := digestOf(t, repository+":1.0.0"); got != digest {
		t.Errorf("got %s, expected %s", got, digest)
	}
}

// The SBOM is found through the referrers API, says that it is one, and is the document that was attached; the image keeps
// its digest. Where a registry has no such API it is found through the tag that distribution-spec 1.1 falls back to.
func TestReferrers(t *testing.T) {
	for title, options := range map[string]Options{"referrers API": {}, "referrers tag": {NoReferrers: true}} {
		t.Run(title, func(t *testing.T) {
			server := Start(t, options)
			dir, digest := layout(t)
			artifact, document := describe(t, dir)
			repository := server.Host + "/pause"
			mustPush(t, "--image", dir, "--repository", repository, "--tag", "1.0.0", "--referrer", artifact)
			if got := digestOf(t, repository+":1.0.0"); got != digest {
				t.Errorf("the digest is %s, expected %s: an attestation changed it", got, digest)
			}
			if got := find(t, repository, digest, artifactType); !bytes.Equal(got, document) {
				t.Errorf("the SBOM came back as other bytes:\n%s", got)
			}
		})
	}
}

// find returns the content of the only referrer of that type.
func find(t *testing.T, repository, digest, artifactType string) []byte {
	t.Helper()
	subject := reference(t, repository+"@"+digest).(name.Digest)
	// Without a filter: go-containerregistry's registry lists referrers by the type of their config, not their own.
	index, err := remote.Referrers(subject)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("expected one referrer, got %+v", manifest.Manifests)
	}
	artifact, err := remote.Image(reference(t, repository+"@"+manifest.Manifests[0].Digest.String()))
	if err != nil {
		t.Fatal(err)
	}
	attached, err := artifact.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	if attached.ArtifactType != artifactType {
		t.Errorf("the referrer is a %q, expected %q", attached.ArtifactType, artifactType)
	}
	if attached.Subject == nil || attached.Subject.Digest.String() != digest || len(attached.Layers) != 1 {
		t.Fatalf("the subject must be %s and the layer one: %+v", digest, attached)
	}
	layer, err := remote.Layer(reference(t, repository+"@"+attached.Layers[0].Digest.String()).(name.Digest))
	if err != nil {
		t.Fatal(err)
	}
	blob, err := layer.Compressed()
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	content, err := io.ReadAll(blob)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// An SBOM of another image is refused before anything is sent.
func TestReferrerOfAnotherImage(t *testing.T) {
	server := Start(t, Options{})
	dir, _ := layout(t)
	other := imagetest.Layout(t, imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "amd64"}, imagetest.Gzip(t, imagetest.Tar(t))))
	artifact, _ := describe(t, other)
	_, stderr, code := push(t, nil, "--image", dir, "--repository", server.Host+"/pause", "--tag", "1.0.0", "--referrer", artifact)
	if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "subject") {
		t.Errorf("exit code %d, stderr %q; expected one line about the subject", code, stderr)
	}
	if uploads := server.Uploads(); len(uploads) > 0 {
		t.Errorf("sent all the same: %q", uploads)
	}
}

// A damaged layout is refused before anything is sent.
func TestDamagedLayout(t *testing.T) {
	server := Start(t, Options{})
	image := imagetest.Image(t, v1.ConfigFile{OS: "linux", Architecture: "amd64"}, imagetest.Gzip(t, imagetest.Tar(t)))
	dir := imagetest.Layout(t, image)
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	imagetest.Overwrite(t, filepath.Join(dir, "blobs", "sha256", manifest.Layers[0].Digest.Hex), []byte("other"))
	_, stderr, code := push(t, nil, "--image", dir, "--repository", server.Host+"/pause", "--tag", "1.0.0")
	if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, manifest.Layers[0].Digest.Hex) {
		t.Errorf("exit code %d, stderr %q; expected one line that names the layer", code, stderr)
	}
	if uploads := server.Uploads(); len(uploads) > 0 {
		t.Errorf("sent all the same: %q", uploads)
	}
}

// A registry that is not there is one line that names it.
func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host := listener.Addr().String()
	listener.Close()
	dir, _ := layout(t)
	_, stderr, code := push(t, nil, "--image", dir, "--repository", host+"/pause", "--tag", "1.0.0")
	if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, host+" cannot be reached") {
		t.Errorf("exit code %d, stderr %q; expected one line that says that %s cannot be reached", code, stderr, host)
	}
}

// A registry that lets nobody in, or lets read only, is one line that says how to log in; nothing is stored.
func TestUnauthorised(t *testing.T) {
	dir, _ := layout(t)
	for title, options := range map[string]Options{
		"no credentials": {User: "me", Password: "secret"}, "read only": {PullOnly: true},
	} {
		server := Start(t, options)
		_, stderr, code := push(t, nil, "--image", dir, "--repository", server.Host+"/pause", "--tag", "1.0.0")
		if code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, "docker login "+server.Host) {
			t.Errorf("%s: exit code %d, stderr %q; expected one line that says how to log in", title, code, stderr)
		}
		if uploads := server.Uploads(); len(uploads) > 0 {
			t.Errorf("%s: stored all the same: %q", title, uploads)
		}
	}
}

// The credentials of docker login, and of podman login, are used.
func TestCredentials(t *testing.T) {
	server := Start(t, Options{User: "me", Password: "secret"})
	dir, _ := layout(t)
	auth := base64.StdEncoding.EncodeToString([]byte("me:secret"))
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, server.Host, auth)
	docker, podman := t.TempDir(), filepath.Join(t.TempDir(), "auth.json")
	for _, file := range []string{filepath.Join(docker, "config.json"), podman} {
		if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, env := range []string{"DOCKER_CONFIG=" + docker, "REGISTRY_AUTH_FILE=" + podman} {
		if _, stderr, code := push(t, []string{env}, "--image", dir, "--repository", server.Host+"/pause", "--tag", "1.0.0"); code != 0 {
			t.Errorf("%s: exit code %d: %s", strings.SplitN(env, "=", 2)[0], code, stderr)
		}
	}
}

// skopeo, a client of other origin, pulls the whole index back as the same bytes, and reads the image of each platform.
func TestSkopeo(t *testing.T) {
	skopeo := need.Program(t, "skopeo", "skopeo")
	server := Start(t, Options{})
	dir, digest := layout(t)
	mustPush(t, "--image", dir, "--repository", server.Host+"/pause", "--tag", "1.0.0")
	source := "docker://" + server.Host + "/pause:1.0.0"
	// --tmpdir and --policy: skopeo's own defaults lie outside of what a sandbox has.
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(skopeo, append([]string{"--insecure-policy", "--tmpdir", t.TempDir()}, args...)...)
		cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH")}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("skopeo %q: %v: %s", args, err, stderr.String())
		}
		return string(out)
	}
	if got := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(run("inspect", "--raw", "--tls-verify=false", source)))); got != digest {
		t.Errorf("skopeo inspect --raw gives %s, expected %s", got, digest)
	}
	pulled := filepath.Join(t.TempDir(), "pulled")
	run("copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false", source, "oci:"+pulled+":1.0.0")
	if got, err := oci.Open(pulled); err != nil || got.Digest != digest {
		t.Errorf("skopeo copied %+v (%v), expected %s", got, err, digest)
	}
	for _, platform := range platforms {
		p, err := v1.ParsePlatform(platform)
		if err != nil {
			t.Fatal(err)
		}
		got := run("--override-os", p.OS, "--override-arch", p.Architecture, "--override-variant", p.Variant, "inspect", "--tls-verify=false",
			"--format", "{{.Os}}/{{.Architecture}}", source)
		if want := p.OS + "/" + p.Architecture; strings.TrimSpace(got) != want {
			t.Errorf("for %s skopeo gets %s", platform, got)
		}
	}
}

// cosign signs the index with a key, without any service, and verifies it; the image keeps its digest.
func TestCosign(t *testing.T) {
	cosign, err := exec.LookPath("cosign")
	if err != nil {
		// Debian has no cosign, so that even a run that must skip nothing does without.
		t.Skip("optional, and skipped: cosign is not on PATH; go install github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3 makes it")
	}
	server := Start(t, Options{})
	dir, digest := layout(t)
	mustPush(t, "--image", dir, "--repository", server.Host+"/pause", "--tag", "1.0.0")
	work := t.TempDir()
	run := func(args ...string) error {
		cmd := exec.Command(cosign, args...)
		cmd.Dir = work
		cmd.Env = []string{"HOME=" + work, "COSIGN_PASSWORD=", "PATH=" + os.Getenv("PATH")}
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("cosign %q: %w: %s", args, err, out)
		}
		return nil
	}
	image := server.Host + "/pause@" + digest
	verify := func() error {
		return run("verify", "--key", "cosign.pub", "--insecure-ignore-tlog=true", "--allow-http-registry", image)
	}
	if err := run("generate-key-pair"); err != nil {
		t.Fatal(err)
	}
	if err := verify(); err == nil {
		t.Error("verified before it was signed")
	}
	if err := run("sign", "--yes", "--key", "cosign.key", "--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry", image); err != nil {
		t.Fatal(err)
	}
	if err := verify(); err != nil {
		t.Error(err)
	}
	if got := digestOf(t, server.Host+"/pause:1.0.0"); got != digest {
		t.Errorf("the digest is %s, expected %s: the signature changed it", got, digest)
	}
}
