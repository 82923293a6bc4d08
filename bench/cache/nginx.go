package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// config is nginx as Bazel documents it (https://bazel.build/remote/caching#nginx), with no file outside its folder, and
// with the two ports of docs/remote-cache.md: the first is written to and read, the second only read. The one process is
// also the one that a test kills.
const config = `daemon off;
master_process off;
pid "%[1]s/pid";
error_log "%[1]s/error.log";
events {}
http {
  access_log off;
  client_body_temp_path "%[1]s/store/tmp";
  proxy_temp_path "%[1]s/unused";
  fastcgi_temp_path "%[1]s/unused";
  uwsgi_temp_path "%[1]s/unused";
  scgi_temp_path "%[1]s/unused";
  server {
    listen 127.0.0.1:%[2]d;
    root "%[1]s/store";
    location / {
      dav_methods PUT;
      create_full_put_path on;
      client_max_body_size 1G;
    }
  }
  server {
    listen 127.0.0.1:%[3]d;
    root "%[1]s/store";
    client_max_body_size 1G;
  }
}
`

// An nginx is a running cache server.
type nginx struct {
	dir  string // has store, the cache's content
	url  string // the port that is written to and read
	read string // the port that is only read
	cmd  *exec.Cmd
	done chan struct{} // closed once the process has ended
}

// findNginx returns the program, which the variable PAUSE_NGINX may name.
func findNginx() (string, error) {
	for _, name := range []string{os.Getenv("PAUSE_NGINX"), "nginx", "/usr/sbin/nginx"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("nginx is not here; install it (Debian: apt-get install nginx-light), or set PAUSE_NGINX to its path")
}

// startNginx starts a server whose store is in folder dir; a store that is there is kept. If size is not "", the store
// is a file system of its own in memory, of that size (as mount's tmpfs takes it), and is seen by the server alone.
func startNginx(program, dir, size string) (*nginx, error) {
	if err := os.MkdirAll(filepath.Join(dir, "store", "tmp"), 0o777); err != nil {
		return nil, err
	}
	// Nobody can keep a port without listening on it: these are free, and are taken a moment later.
	var ports [2]int
	var listeners []net.Listener // both open at once, so that the ports are two
	for i := range ports {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, listener)
		ports[i] = listener.Addr().(*net.TCPAddr).Port
	}
	for _, listener := range listeners {
		listener.Close()
	}
	conf := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(config, dir, ports[0], ports[1])
	if os.Geteuid() == 0 {
		text = "user root;\n" + text
	}
	if err := os.WriteFile(conf, []byte(text), 0o666); err != nil {
		return nil, err
	}
	args := []string{program, "-c", conf, "-p", dir, "-e", filepath.Join(dir, "error.log")}
	if size != "" {
		script := `mount -t tmpfs -o size="$1" cache "$2" && mkdir "$2/tmp" && shift 2 && exec "$@"`
		args = append([]string{"unshare", "--mount", "--user", "--map-root-user", "sh", "-c", script, "sh", size, filepath.Join(dir, "store")}, args...)
	}
	n := &nginx{dir: dir, url: address(ports[0]), read: address(ports[1]), done: make(chan struct{})}
	n.cmd = exec.Command(args[0], args[1:]...)
	var said bytes.Buffer
	n.cmd.Stderr = &said
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		n.cmd.Wait() //nolint:errcheck // it is killed
		close(n.done)
	}()
	for deadline := time.Now().Add(20 * time.Second); ; {
		if answer, err := http.Get(n.url); err == nil {
			answer.Body.Close()
			return n, nil
		}
		select {
		case <-n.done:
			return nil, fmt.Errorf("nginx does not start: %s", strings.TrimSpace(said.String()))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			n.kill()
			return nil, errors.New("nginx does not answer after 20 s")
		}
	}
}

// address is that of a port of the loopback interface.
func address(port int) string { return fmt.Sprintf("http://127.0.0.1:%d", port) }

// kill ends the server at once, as a crash would, and waits until it is gone.
func (n *nginx) kill() {
	n.cmd.Process.Kill() //nolint:errcheck // it may have ended by itself
	<-n.done
}

// entries returns the files of the store that are under folder (ac for results of actions, cas for content).
func (n *nginx) entries(folder string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(filepath.Join(n.dir, "store", folder), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return files, err
}

var digests = regexp.MustCompile(`[0-9a-f]{64}`)

// Ways to damage a file of the store.
var (
	changeByte = func(file string) error { // one, in the middle
		content, err := os.ReadFile(file)
		if err != nil || len(content) == 0 {
			return err
		}
		content[len(content)/2] ^= 0x55
		return os.WriteFile(file, content, 0o666)
	}
	changeDigests = func(file string) error { // the first digit of every digest of a blob
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		found := digests.FindAllIndex(content, -1)
		if len(found) == 0 {
			return fmt.Errorf("%s names no blob", file)
		}
		for _, at := range found {
			content[at[0]] = "123456789abcdef0"[strings.IndexByte("0123456789abcdef", content[at[0]])]
		}
		return os.WriteFile(file, content, 0o666)
	}
	halve = func(file string) error {
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		return os.Truncate(file, info.Size()/2)
	}
	makeEmpty = func(file string) error { return os.Truncate(file, 0) }
)

// damage does something to every entry of a folder.
func (n *nginx) damage(folder string, how func(file string) error) error {
	files, err := n.entries(folder)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("the store has no %s/", folder)
	}
	for _, file := range files {
		if err := how(file); err != nil {
			return err
		}
	}
	return nil
}
