package apiserver

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/proc"
)

// envAssets is the environment variable that names the folder of the programs.
const envAssets = "KUBEBUILDER_ASSETS"

// cluster is a control plane without controllers, scheduler and nodes, unless startNode adds them: an API server on loopback,
// and its etcd.
type cluster struct {
	program    string // kubectl
	kubeconfig string
}

// startCluster starts etcd and kube-apiserver, waits until the server is ready, and stops both when the test ends.
func startCluster(t *testing.T, assets string) *cluster {
	t.Helper()
	dir := t.TempDir()
	const scheme = "http://127.0.0.1:"
	client, peer, secure := freePort(t), freePort(t), freePort(t)
	proc.Daemon(t, filepath.Join(assets, "etcd"),
		"--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+scheme+client, "--advertise-client-urls="+scheme+client,
		"--listen-peer-urls="+scheme+peer, "--initial-advertise-peer-urls="+scheme+peer, "--initial-cluster=default="+scheme+peer)

	// A token for the group that may do everything, a key to sign the tokens of service accounts with; the certificate is
	// the server's own, made when it starts.
	token := rand.Text()
	tokens, key, certs := filepath.Join(dir, "tokens.csv"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "certs")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	need.NoError(t, err)
	c := &cluster{filepath.Join(assets, "kubectl"), filepath.Join(dir, "kubeconfig")}
	for path, content := range map[string]string{
		tokens: token + ",test,test,system:masters\n",
		key:    string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})),
		c.kubeconfig: fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
  - name: test
    cluster: {server: "https://127.0.0.1:%s", certificate-authority: %q}
users:
  - name: test
    user: {token: %q}
contexts:
  - name: test
    context: {cluster: test, user: test}
current-context: test
`, secure, filepath.Join(certs, "apiserver.crt"), token),
	} {
		need.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	server := proc.Daemon(t, filepath.Join(assets, "kube-apiserver"),
		"--etcd-servers="+scheme+client, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+secure,
		"--endpoint-reconciler-type=none", "--cert-dir="+certs, "--token-auth-file="+tokens, "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://127.0.0.1",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key)

	server.Await(t, "the API server to be ready", func() bool {
		out, err := c.kubectl(t, "get", "--raw", "/readyz")
		return err == nil && out == "ok"
	})
	return c
}

// freePort returns a TCP port of loopback that nobody listens on. As root, the tests have a network namespace of their own,
// so that nobody else takes it either.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	need.NoError(t, err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	need.NoError(t, err)
	return port
}

// kubectl runs kubectl and returns what it printed, errors and warnings too.
func (c *cluster) kubectl(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "HOME="+filepath.Dir(c.kubeconfig))
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

// must is kubectl for what has to succeed, and without a warning.
func (c *cluster) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := c.kubectl(t, args...)
	if err != nil || strings.Contains(out, "Warning:") {
		t.Fatalf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return out
}

// ensure makes an object of a namespace that is nothing but a name, unless it is there.
func (c *cluster) ensure(t *testing.T, kind, name, namespace string) {
	t.Helper()
	if c.must(t, "get", kind, name, "--namespace", namespace, "--ignore-not-found") == "" {
		c.must(t, "create", kind, name, "--namespace", namespace)
	}
}
