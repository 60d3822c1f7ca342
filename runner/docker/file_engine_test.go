package docker_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/runner"
	"github.com/davitdev/davit/runner/docker"
)

// changedEngine is the tests' engine, whose answers are changed on their way.
// Each comes by a connection of its own.
func changedEngine(t *testing.T, change func(*httptest.Server, *http.Response) error) func(*docker.Options) {
	t.Helper()
	to := newGate(t).to
	s := httptest.NewUnstartedServer(nil)
	s.Config.Handler = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "docker"}) },
		Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", to)
		}},
		ModifyResponse: func(r *http.Response) error { return change(s, r) },
	}
	s.Config.SetKeepAlivesEnabled(false)
	s.Listener.Close()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s.Listener = ln
	s.Start()
	t.Cleanup(s.Close)
	return func(o *docker.Options) { o.Host = "unix://" + path }
}

// says has an answer be another.
func says(r *http.Response, text []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
}

// isCreated reports whether a container was just made.
func isCreated(r *http.Response) bool {
	return r.StatusCode == http.StatusCreated && strings.HasSuffix(r.Request.URL.Path, "/containers/create")
}

// Engines that unpack in their own process answer 404 and name only the
// container where 20.10 says what is missing.
func TestALinkToNothingIsToldFromALostContainer(t *testing.T) {
	newer := changedEngine(t, func(_ *httptest.Server, r *http.Response) error {
		if r.Request.Method != http.MethodPut || r.StatusCode < 400 {
			return nil
		}
		said, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if strings.Contains(string(said), "no such file or directory") {
			said, r.StatusCode = []byte(`{"message":"Could not find the file / in container 1234"}`), http.StatusNotFound
		}
		says(r, said)
		return nil
	})
	p := newPlace(t, newer)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, files := range [][]runner.File{
		{{Path: "/nowhere/x", Mode: 0o644}},
		{{Path: "/fine", Mode: 0o644}, {Path: "/nowhere/x", Mode: 0o644}},
	} {
		_, err := p.Create(ctx, runner.Spec{Name: p.network, Network: p.network, Image: p.fileImage(nil, "none"), Files: files})
		made := err == nil && p.holds(p.network, "/nowhere/x")
		if failed, ok := errors.AsType[*runner.FileError](err); !made && (!ok || failed.Path != "/nowhere/x" || !strings.Contains(failed.Message, "no such file")) {
			t.Errorf("Create with %v: %v", files, err)
		}
		if err := p.Remove(context.WithoutCancel(t.Context()), p.network); err != nil {
			t.Error(err)
		}
	}
}

func TestAnEngineThatEndsIsNotInTheWayOfAFile(t *testing.T) {
	p := newPlace(t)
	ends := changedEngine(t, func(s *httptest.Server, r *http.Response) error {
		if isCreated(r) {
			return s.Listener.Close() // its socket is no more
		}
		return nil
	})
	e := newEngine(t, p.network, ends)
	_, err := e.Create(t.Context(), runner.Spec{
		Name: p.network, Network: p.network, Image: p.fileImage(nil, "none"), Files: []runner.File{{Path: "/fine", Mode: 0o644}},
	})
	if _, blamed := errors.AsType[*runner.FileError](err); blamed || !errors.Is(err, runner.ErrUnavailable) {
		t.Errorf("Create: %v, want ErrUnavailable", err)
	}
	if err := p.Remove(context.WithoutCancel(t.Context()), p.network); err != nil {
		t.Error(err)
	}
}

// Whoever is removed before its files are there is made anew.
func TestAContainerThatIsRemovedMeanwhileHasAnAccount(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	p := newPlace(t)
	made := 0
	removes := changedEngine(t, func(_ *httptest.Server, r *http.Response) error {
		if !isCreated(r) {
			return nil
		}
		if made++; made > 1 {
			return nil
		}
		return p.Remove(r.Request.Context(), p.network)
	})
	e := newEngine(t, p.network, removes)
	_, err := e.Create(ctx, runner.Spec{
		Name: p.network, Network: p.network, Image: p.fileImage(nil, "none", "USER app"), Files: []runner.File{{Path: "/fine", Mode: 0o644}},
	})
	if err != nil || made != 2 {
		t.Errorf("Create: %v, made %d times", err, made)
	}
	if err := p.Remove(context.WithoutCancel(t.Context()), p.network); err != nil {
		t.Error(err)
	}
}
