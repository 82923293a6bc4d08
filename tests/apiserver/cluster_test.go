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
	"syscall"
	"testing"
	"time"
)

// envAssets is the environment variable that names the folder of the programs.
const envAssets = "KUBEBUILDER_ASSETS"

// patience is how long the server may take until it is ready, or a program until it has ended. It is no measurement.
const patience = 2 * time.Minute

// cluster is a control plane without controllers, scheduler and nodes: an API server on loopback, and its etcd.
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
	background(t, dir, filepath.Join(assets, "etcd"),
		"--data-dir="+filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls="+scheme+client, "--advertise-client-urls="+scheme+client,
		"--listen-peer-urls="+scheme+peer, "--initial-advertise-peer-urls="+scheme+peer, "--initial-cluster=default="+scheme+peer)

	// A token for the group that may do everything, a key to sign the tokens of service accounts with; the certificate is
	// the server's own, made when it starts.
	token := rand.Text()
	tokens, key, certs := filepath.Join(dir, "tokens.csv"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "certs")
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
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
    context: {cluster: test, user: test, namespace: %q}
current-context: test
`, secure, filepath.Join(certs, "apiserver.crt"), token, namespace),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ended := background(t, dir, filepath.Join(assets, "kube-apiserver"),
		"--etcd-servers="+scheme+client, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+secure,
		"--endpoint-reconciler-type=none", "--cert-dir="+certs, "--token-auth-file="+tokens, "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://127.0.0.1",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key)

	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		out, err := c.kubectl(t, "get", "--raw", "/readyz")
		if err == nil && out == "ok" {
			return c
		}
		select {
		case <-ended:
			t.Fatal("kube-apiserver ended before it was ready")
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the API server was not ready within %v: %v: %s", patience, err, out)
		}
	}
}

// freePort returns a TCP port of loopback that nobody listens on. Bazel gives the test a network namespace of its own, so
// that nobody else takes it either.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// background starts a program that is stopped when the test ends. The returned channel is closed once it has ended. The end
// of what it printed is logged if the test fails.
func background(t *testing.T, dir, program string, args ...string) <-chan struct{} {
	t.Helper()
	name := filepath.Base(program)
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v; %s has to name a folder with it", err, envAssets)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			cmd.Process.Kill()
			<-ended
			t.Errorf("%s did not end within %v of SIGTERM and was killed", name, patience)
		}
		log.Close()
		if content, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s printed:\n%s", name, content[max(0, len(content)-4000):])
		}
	})
	return ended
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

// ensure makes an object that is nothing but a name, unless it is there.
func (c *cluster) ensure(t *testing.T, kind, name string) {
	t.Helper()
	if c.must(t, "get", kind, name, "--ignore-not-found") == "" {
		c.must(t, "create", kind, name)
	}
}
