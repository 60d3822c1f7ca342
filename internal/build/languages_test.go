package build_test

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/davitdev/davit/internal/build"
)

// What detection plans is built and answers, beside what the tests of test/e2e
// bring to a URL. The applications have lock files of real package managers, and
// ask for little. One after the other: each keeps a processor busy.
func TestDetectedApplicationsRun(t *testing.T) { //nolint:tparallel // see above
	t.Parallel()
	api := engine(t)

	tests := []struct {
		app     string
		options build.Options
		want    string // in the answer
	}{
		{"berry", build.Options{}, "1m dev=false uid=10001 env=production"},
		{"bun", build.Options{}, "1m dev=false uid=10001 env=production"},
		{"express", build.Options{}, "express home=/home/app node=v22"}, // its lock file is a link
		{"workspace", build.Options{}, "lib 1m dev=false"},
		{"workspace", build.Options{RootDirectory: "apps/api"}, "lib 1m dev=false"},
		{"goapp", build.Options{StartCommand: "app -x $HOME"}, "2 10001 hello"},
	}
	for _, tt := range tests {
		t.Run(tt.app+tt.options.RootDirectory+tt.options.StartCommand, func(t *testing.T) {
			req := requestDir(t, "testdata/apps/"+tt.app, tt.options)
			req.CacheScope = exampleScope
			result, _ := built(t, api, req)
			if got := answer(t, "http://"+run(t, api, result.Image).String()); !strings.Contains(got, tt.want) {
				t.Errorf("it answers %q, want %q", got, tt.want)
			}
		})
	}
}

// answer waits for what is served.
func answer(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			return string(body)
		}
		select {
		case <-ctx.Done():
			t.Fatal("nothing is served")
		case <-tick.C:
		}
	}
}

// Every process type starts from the same image, as its command says, and ends
// by itself when it is told to.
func TestProcessesOfAProcfileRun(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := requestDir(t, "testdata/apps/procfile", build.Options{})
	result, _ := built(t, api, req)
	want := map[string]string{"web": "", "worker": "worker as 10001 []\n"} // QUEUE is set for the command, not before its words are
	for _, p := range req.Plan.Processes {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c, err := api.ContainerCreate(ctx, client.ContainerCreateOptions{Config: &container.Config{Image: result.Image, Entrypoint: p.Argv, Tty: true}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := cleaningUp(t)
			defer cancel()
			if _, err := api.ContainerRemove(ctx, c.ID, client.ContainerRemoveOptions{Force: true}); err != nil {
				t.Error(err)
			}
		})
		if _, err := api.ContainerStart(ctx, c.ID, client.ContainerStartOptions{}); err != nil {
			t.Fatal(err)
		}
		if p.Name == "worker" {
			waitForLog(t, api, c.ID, want[p.Name])
		} else {
			waitForTCP(t, api, c.ID)
		}
		grace := 20 // seconds
		if _, err := api.ContainerStop(ctx, c.ID, client.ContainerStopOptions{Timeout: &grace}); err != nil {
			t.Fatal(err)
		}
		info, err := api.ContainerInspect(ctx, c.ID, client.ContainerInspectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if code := info.Container.State.ExitCode; code != 7 {
			t.Errorf("%s ended with %d: the signal did not reach it", p.Name, code)
		}
	}
}

// waitForLog waits until a container has printed want.
func waitForLog(t *testing.T, api *client.Client, id, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := api.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	var got strings.Builder
	buffer := make([]byte, 1024)
	for !strings.Contains(strings.ReplaceAll(got.String(), "\r", ""), want) {
		n, err := out.Read(buffer)
		got.Write(buffer[:n])
		if err != nil {
			t.Fatalf("it printed %q, want %q: %v", got.String(), want, err)
		}
	}
}

// waitForTCP waits until something in a container listens.
func waitForTCP(t *testing.T, api *client.Client, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	check := []string{"python", "-c", "import os, socket, time\nfor _ in range(300):\n  try:\n    socket.create_connection(('127.0.0.1', int(os.environ['PORT']))).close(); break\n  except OSError: time.sleep(0.05)\nelse: exit(1)"}
	made, err := api.ExecCreate(ctx, id, client.ExecCreateOptions{Cmd: check, AttachStdout: true, AttachStderr: true})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := api.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if _, err := io.Copy(io.Discard, stream.Reader); err != nil {
		t.Fatal(err)
	}
	info, err := api.ExecInspect(ctx, made.ID, client.ExecInspectOptions{})
	if err != nil || info.ExitCode != 0 {
		t.Fatalf("nothing listens: %v", err)
	}
}

// A static build leaves an image with nothing but its files.
func TestStaticFilesAreAllThereIs(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{"index.html": "<h1>hello</h1>", "a/b.css": "b{}", ".well-known/security.txt": "mail", ".env": "TOKEN=x"}, build.Options{})
	if req.Plan.Builder != build.Static {
		t.Fatalf("the plan is not static: %q", req.Plan.Trace)
	}
	result, _ := built(t, api, req)
	want := map[string]string{"index.html": "<h1>hello</h1>", "a/b.css": "b{}", ".well-known/security.txt": "mail"}
	if diff := cmp.Diff(want, filesOf(t, api, result.Reference)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// A Dockerfile of the source starts as davit.toml says, and listens there.
func TestADockerfileStartsAsDavitTomlSays(t *testing.T) {
	t.Parallel()
	api := engine(t)
	result, _ := built(t, api, request(t, map[string]string{
		"Dockerfile": "FROM scratch\nEXPOSE 80 81\nENTRYPOINT [\"/of-the-dockerfile\"]\nCMD [\"x\"]\n",
		"davit.toml": "startCommand = \"/app --port 81\"\nport = 81\n",
	}, build.Options{}))
	info, err := api.ImageInspect(t.Context(), result.Image)
	if err != nil {
		t.Fatal(err)
	}
	c := info.Config
	if got := slices.Concat(c.Entrypoint, c.Cmd); strings.Join(got, " ") != "/app --port 81" {
		t.Errorf("it starts %q", got)
	}
	if _, ok := c.ExposedPorts["81/tcp"]; !ok || len(c.ExposedPorts) != 1 {
		t.Errorf("it exposes %v", c.ExposedPorts)
	}
}
