package build_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/fault"
)

func TestBuildKitSpeaksNewSyntaxToAnOldEngine(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{
		".dockerignore": "ignored\n",
		"ignored":       "no",
		"a/f.txt":       "from the context",
		"Dockerfile": `# syntax=evil.invalid/docker/dockerfile:1
FROM debian:bookworm-slim AS base
ARG GREETING=none
ARG TARGETARCH
RUN <<SCRIPT
set -e # ` + rand.Text() + `
echo "$GREETING from a heredoc" > /heredoc
echo to stderr >&2
printf 'no newline'
SCRIPT
COPY --link a/f.txt /f.txt
COPY <<TEXT /inline
inline $TARGETARCH
TEXT
COPY link/f.txt /through
COPY links /links
RUN --mount=type=bind,target=/context ls /context > /context.txt; readlink /links/up > /readlink

FROM scratch AS unused
COPY nothing /

FROM scratch AS wanted
COPY --from=base --chmod=0600 /f.txt /heredoc /inline /context.txt /through /readlink /
EXPOSE 9000
USER 7
CMD ["/f.txt"]

FROM unused AS last
`,
	}, build.Options{Args: map[string]string{"GREETING": "hello", "UNDECLARED": "never"}})
	dir := req.Tree.Dir()
	if err := errors.Join(os.Symlink("a", filepath.Join(dir, "link")), os.Mkdir(filepath.Join(dir, "links"), 0o755), os.Symlink("../a/f.txt", filepath.Join(dir, "links/up"))); err != nil {
		t.Fatal(err)
	}
	req.Target = "wanted"
	result, h := built(t, api, req)

	got := filesOf(t, api, result.Image)
	want := map[string]string{
		"f.txt": "from the context", "heredoc": "hello from a heredoc\n", "inline": "inline amd64\n", "context.txt": "Dockerfile\na\nlink\nlinks\n",
		"through": "from the context", "readlink": "../a/f.txt\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	info, err := api.ImageInspect(t.Context(), result.Reference)
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"davit.installation": "inst-test", "davit.instance": req.Instance, "davit.deployment": "dep_1"}
	if diff := cmp.Diff(labels, info.Config.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if info.ID != result.Image || info.Config.User != "7" || result.Platform != info.Os+"/"+info.Architecture {
		t.Errorf("the image is %s by user %q on %s/%s; the result says %+v", info.ID, info.Config.User, info.Os, info.Architecture, result)
	}
	if out := h.said(build.Stdout); out != "no newline\n" {
		t.Errorf("stdout is %q", out)
	}
	if out := h.said(build.Stderr); out != "to stderr\n" {
		t.Errorf("stderr is %q", out)
	}
	run, from := h.step(t, "RUN <<SCRIPT"), h.step(t, "FROM docker.io/library/debian")
	if len(run.Inputs) != 1 || run.Inputs[0] != from.ID {
		t.Errorf("the inputs of RUN are %v, want the step %s", run.Inputs, from.ID)
	}
}

func TestAFailingCommandIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{"Dockerfile": "FROM debian:bookworm-slim\n\nRUN echo fine\nRUN for i in $(seq 30); do echo line $i; done; \\\n    echo doomed >&2; exit 7\nRUN echo never\n"}, build.Options{})
	h := &heard{}
	_, err := buildKit(api).Build(t.Context(), req, h)
	wantFault(t, err, fault.BuildFailed, `Line 4 of the Dockerfile, "RUN for i in $(seq 30); do echo line $i; done; \\", ended with exit code 7.`)
	e, ok := errors.AsType[*build.Error](err)
	if !ok {
		t.Fatalf("%T is no *build.Error", err)
	}
	if e.ExitCode != 7 || e.Line != 4 || len(e.Last) != 20 || !strings.HasPrefix(e.Last[19].Text, "doomed") && !strings.HasPrefix(e.Last[18].Text, "line") {
		t.Errorf("the error says %+v", e)
	}
	h.check(t)
	if s := h.step(t, "RUN for i in"); s.Error == "" || s.FinishedAt.IsZero() {
		t.Errorf("the step says %+v", s)
	}
	if s := h.step(t, "RUN echo never"); !s.StartedAt.IsZero() {
		t.Errorf("the step after it says %+v", s)
	}
}

func TestWhatADockerfileGetsWrong(t *testing.T) {
	t.Parallel()
	api := engine(t)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/private/"):
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path != "/v2/":
			w.WriteHeader(http.StatusNotFound)
			io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
		}
	}))
	t.Cleanup(registry.Close) // after the parallel tests below
	host := strings.TrimPrefix(registry.URL, "http://")
	away, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away.Close()

	tests := []struct {
		name, text string
		code       fault.Code
		want       string
		line       int
	}{
		{"a base image that does not exist", "FROM " + host + "/no/such:1\nRUN true", fault.ImageNotFound, host + "/no/such:1 does not exist", 0},
		{"an image to copy from that does not exist", "FROM scratch\nCOPY --from=" + host + "/no/such:2 /a /", fault.ImageNotFound, host + "/no/such:2 does not exist", 0},
		{"a base image that may not be read", "FROM " + host + "/private/a:1\nRUN true", fault.ImageUnauthorized, host + "/private/a:1", 0},
		{"a registry that is away", "FROM " + away.Addr().String() + "/a:1\nRUN true", fault.RegistryAway, "could not be reached", 0},
		{"somebody's image", "FROM davit/ins_1:dep_1\nRUN true", fault.ImageNotFound, "davit/ins_1:dep_1 does not exist", 0},
		{"a file that is not there", "FROM scratch\nCOPY nope /\n", fault.BuildFailed, `Line 2 of the Dockerfile, "COPY nope /", failed`, 2},
		{"a secret that is not there", "FROM debian:bookworm-slim\nRUN --mount=type=secret,id=nope,required=true true\n", fault.BuildFailed, "nope", 2},
		{"a stage that is not there", "FROM scratch\nCOPY --from=3 / /\n", fault.DockerfileInvalid, "invalid stage index 3", 0},
		{"a flag that is not there", "FROM debian:bookworm-slim\n\nCOPY --nope=1 a /\n", fault.DockerfileInvalid, "Line 3 of the Dockerfile", 3},
		{"the network of the host", "FROM debian:bookworm-slim\nRUN --network=host true\n", fault.SourceForbidden, "network of the host", 2},
		{"an ssh agent", "FROM debian:bookworm-slim\nRUN --mount=type=ssh,required=true true\n", fault.SourceForbidden, "there is no ssh agent", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := &heard{}
			req := request(t, map[string]string{"Dockerfile": "FROM scratch"}, build.Options{})
			req.Plan.Dockerfile = []byte(tt.text)
			_, err := buildKit(api).Build(t.Context(), req, h)
			wantFault(t, err, tt.code, tt.want)
			if e, ok := errors.AsType[*build.Error](err); tt.line != 0 && (!ok || e.Line != tt.line) {
				t.Errorf("the error is %#v, want line %d", err, tt.line)
			}
			h.check(t)
		})
	}
}

func TestTheSecondBuildComesFromTheCache(t *testing.T) {
	t.Parallel()
	api := engine(t)
	tree := map[string]string{"Dockerfile": "FROM debian:bookworm-slim AS run\nCOPY f /f\nRUN cat /f > /g # " + rand.Text() + "\nFROM scratch\nCOPY --from=run /g /\n", "f": "one"}
	first, h := built(t, api, request(t, tree, build.Options{}))
	if first.CacheHit || h.step(t, "RUN").Cached {
		t.Error("the first build says that it came from the cache")
	}
	second, h := built(t, api, request(t, tree, build.Options{}))
	if !second.CacheHit || !h.step(t, "RUN").Cached || !h.step(t, "COPY f").Cached {
		t.Error("the second build does not come from the cache")
	}
	// The same size and the same time: only the content tells.
	tree["f"] = "two"
	third, h := built(t, api, request(t, tree, build.Options{}))
	if third.CacheHit || h.step(t, "RUN").Cached || filesOf(t, api, third.Image)["g"] != "two" {
		t.Errorf("a changed file was not seen: %q", filesOf(t, api, third.Image)["g"])
	}
	fourth := request(t, tree, build.Options{})
	fourth.NoCache = true
	again, h := built(t, api, fourth)
	if again.CacheHit || h.step(t, "RUN").Cached {
		t.Error("a build without the cache used it")
	}
}

// Builds by the same Dockerfile are many: most are made here, for a language.
func TestBuildsAtTheSameTimeHaveTheirOwnSourceEach(t *testing.T) {
	t.Parallel()
	api := engine(t)
	text := "FROM debian:bookworm-slim AS run\nCOPY f /f\nRUN cat /f > /g # " + rand.Text() + "\nFROM scratch\nCOPY --from=run /g /\n"
	first := request(t, map[string]string{"Dockerfile": text, "f": "first"}, build.Options{})
	second := request(t, map[string]string{"Dockerfile": text, "f": "second"}, build.Options{})
	exports := func(req *build.Request, meanwhile func()) *map[string]string {
		var files map[string]string
		req.Export = func(r io.Reader) (err error) {
			meanwhile() // the engine has not sent all, and the build goes on
			files, err = readTar(r)
			return err
		}
		return &files
	}
	seconds := exports(&second, func() {})
	firsts := exports(&first, func() {
		if _, err := buildKit(api).Build(t.Context(), second, &heard{}); err != nil {
			t.Error(err)
		}
	})
	if _, err := buildKit(api).Build(t.Context(), first, &heard{}); err != nil {
		t.Fatal(err)
	}
	if (*firsts)["g"] != "first" || (*seconds)["g"] != "second" {
		t.Errorf("one is made of %q, the other of %q", (*firsts)["g"], (*seconds)["g"])
	}
}

// What one tenant's build leaves in a cache, another's must not read.
func TestCacheMountsBelongToOneScope(t *testing.T) {
	t.Parallel()
	api := engine(t)
	on := func(scope string) build.Result {
		// A comment makes it another command, so that it runs again.
		req := request(t, map[string]string{"Dockerfile": "FROM debian:bookworm-slim AS run\nRUN --mount=type=cache,target=/c cat /c/f > /seen 2>/dev/null; echo left > /c/f # " + rand.Text() + "\nFROM scratch\nCOPY --from=run /seen /\n"}, build.Options{})
		req.CacheScope = scope
		result, _ := built(t, api, req)
		return result
	}
	one, other := rand.Text(), rand.Text()
	on(one)
	mine, others := on(one), on(other)
	if got := filesOf(t, api, mine.Image)["seen"]; got != "left\n" {
		t.Errorf("the next build of the same scope sees %q", got)
	}
	if got := filesOf(t, api, others.Image)["seen"]; got != "" {
		t.Errorf("a build of another scope sees %q", got)
	}
}

func TestWhatWasMadeWithASecretIsForItsValueAndScope(t *testing.T) {
	t.Parallel()
	api := engine(t)
	text := "FROM debian:bookworm-slim AS run\nRUN --mount=type=secret,id=T cp /run/secrets/T /seen # " + rand.Text() + "\nFROM scratch\nCOPY --from=run /seen /\n"
	on := func(scope, secret string) (seen string, cached bool) {
		req := request(t, map[string]string{"Dockerfile": text}, build.Options{})
		req.CacheScope, req.Secrets = scope, map[string][]byte{"T": []byte(secret)}
		result, h := built(t, api, req)
		return filesOf(t, api, result.Image)["seen"], h.step(t, "RUN").Cached
	}
	one, other := rand.Text(), rand.Text()
	if seen, cached := on(one, "first"); seen != "first" || cached {
		t.Errorf("the first build sees %q, cached %t", seen, cached)
	}
	if seen, cached := on(one, "first"); seen != "first" || !cached {
		t.Errorf("the next one of the scope sees %q, cached %t", seen, cached)
	}
	if seen, cached := on(one, "changed"); seen != "changed" || cached {
		t.Errorf("with another value it sees %q, cached %t", seen, cached)
	}
	if seen, cached := on(other, "first"); seen != "first" || cached {
		t.Errorf("one of another scope sees %q, cached %t", seen, cached)
	}
}

func TestAProgramThatDoesNotCompileIsNamedByItsCommand(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := request(t, map[string]string{"go.mod": "module x\n\ngo 1.26\n", "cmd/shop/main.go": "package main\n\nfunc main() { nope() }\n"}, build.Options{})
	req.CacheScope = exampleScope
	_, err := buildKit(api).Build(t.Context(), req, &heard{})
	wantFault(t, err, fault.BuildFailed, "go build -trimpath -o /out/app ./cmd/shop ended with exit code 1.")
	if e, ok := errors.AsType[*build.Error](err); !ok || e.Line != 0 || e.ExitCode != 1 || len(e.Last) == 0 || !strings.Contains(e.Last[len(e.Last)-1].Text, "undefined: nope") {
		t.Errorf("the error says %+v", e)
	}
}

// exampleScope keeps a build cache between runs of the tests: compiling all of
// Go's library takes a minute.
const exampleScope = "davit-test-example"

func TestTheExampleIsBuiltWithoutADockerfileAndRuns(t *testing.T) {
	t.Parallel()
	api := engine(t)
	req := requestDir(t, "../../examples/hello-go", build.Options{})
	req.CacheScope = exampleScope
	result, h := built(t, api, req)
	if s := h.step(t, "go build"); s.Error != "" || s.FinishedAt.IsZero() {
		t.Errorf("the step says %+v", s)
	}
	info, err := api.ImageInspect(t.Context(), result.Image)
	if err != nil {
		t.Fatal(err)
	}
	if info.Config.User != "65532:65532" || info.Size > 20<<20 {
		t.Errorf("it runs as %q and has %d bytes", info.Config.User, info.Size)
	}
	if page := get(t, "http://"+run(t, api, result.Image).String()+"/"); !strings.Contains(page, "Hello!") {
		t.Errorf("the page is %q", page)
	}
}
