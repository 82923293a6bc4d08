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
	"strings"
	"syscall"
	"time"
)

// config is nginx as docs/remote-cache.md has it for those who write, with no file outside its folder. Its one process is
// also the one that is killed.
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
}
`

// An nginx is a running cache server.
type nginx struct {
	dir  string // has store, the cache's content
	url  string
	cmd  *exec.Cmd
	done chan struct{} // closed once the process has ended
}

// startNginx starts a server whose store is in the new folder dir.
func startNginx(program, dir string) (*nginx, error) {
	if err := os.MkdirAll(filepath.Join(dir, "store", "tmp"), 0o777); err != nil {
		return nil, err
	}
	// Nobody can keep a port without listening on it: this one is free, and is taken a moment later.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(config, dir, port)
	if os.Geteuid() == 0 {
		text = "user root;\n" + text
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(text), 0o666); err != nil {
		return nil, err
	}
	n := &nginx{
		dir: dir, url: fmt.Sprintf("http://127.0.0.1:%d", port), done: make(chan struct{}),
		cmd: exec.Command(program, "-c", conf, "-p", dir, "-e", filepath.Join(dir, "error.log")),
	}
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

// kill ends the server at once, as a crash would, and waits until it is gone.
func (n *nginx) kill() {
	n.cmd.Process.Kill() //nolint:errcheck // it may have ended by itself
	<-n.done
}

// damage changes a byte in the middle of every blob of the store.
func (n *nginx) damage() error {
	found := false
	err := filepath.WalkDir(filepath.Join(n.dir, "store", "cas"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil || len(content) == 0 {
			return err
		}
		found = true
		content[len(content)/2] ^= 0x55
		return os.WriteFile(path, content, 0o666)
	})
	if err == nil && !found {
		err = errors.New("the store has no blobs")
	}
	return err
}
