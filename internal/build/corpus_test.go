package build

import (
	"context"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/moby/buildkit/client/llb/sourceresolver"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/tools/txtar"

	"github.com/davitdev/davit/internal/build/detect"
)

// anyImage knows every base image and what an engine of today can do.
type anyImage struct{ gateway.Client }

func (anyImage) BuildOpts() gateway.BuildOpts {
	return gateway.BuildOpts{
		Workers: []gateway.WorkerInfo{{Platforms: []ocispec.Platform{{OS: "linux", Architecture: "amd64"}}}},
		LLBCaps: pb.Caps.CapSet(pb.Caps.All()),
	}
}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(ocispec.Image{
		Platform: ocispec.Platform{OS: "linux", Architecture: "amd64"},
		Config:   ocispec.ImageConfig{Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"}},
	})
	return ref, digest.FromString(ref), config, err
}

// Every Dockerfile that is made for the corpus can be translated and passes the
// rules of the house.
func TestDockerfilesOfTheCorpusAreValid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("detect/testdata/corpus/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	translated := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fsys, options := fstest.MapFS{}, detect.Options{}
		for line := range strings.Lines(string(archive.Comment)) {
			if text, ok := strings.CutPrefix(line, "options: "); ok {
				if err := json.Unmarshal([]byte(text), &options); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, f := range archive.Files {
			name, target, link := strings.Cut(f.Name, " -> ")
			switch {
			case strings.HasPrefix(name, "want/"):
			case link:
				fsys[name] = &fstest.MapFile{Mode: fs.ModeSymlink | 0o777, Data: []byte(target)}
			default:
				fsys[name] = &fstest.MapFile{Data: f.Data}
			}
		}
		plan, err := Detect(fsys, options)
		if err != nil {
			continue // expected, as the corpus's own test says
		}
		tr := &translation{
			req:    Request{Plan: plan, Instance: "ins_x", Deployment: "dep_x", Args: plan.Args, Target: plan.DockerTarget},
			allow:  func(context.Context, string) error { t.Errorf("%s: the build fetches from a host", file); return nil },
			digest: func(string) string { return "" },
		}
		if _, _, err := tr.translate(t.Context(), anyImage{}); err != nil {
			t.Errorf("%s: %v\n%s", file, err, plan.Dockerfile)
		}
		translated++
		last := string(plan.Dockerfile[strings.LastIndex("\n"+string(plan.Dockerfile), "\nFROM "):])
		if plan.DockerfilePath == "" && plan.Builder != Static {
			for _, want := range []string{"\nUSER 10001:10001\n", "HOME=", "\nEXPOSE "} {
				if !strings.Contains(strings.ReplaceAll(last, "USER 65532:65532", "USER 10001:10001"), want) {
					t.Errorf("%s: the final stage lacks %q:\n%s", file, strings.TrimSpace(want), last)
				}
			}
		}
		for _, c := range plan.Processes {
			if c.Name == "web" && (c.Argv[0] == "npm" || c.Argv[0] == "yarn" || c.Argv[0] == "pnpm") {
				t.Errorf("%s: a package manager is the first process: %q", file, c.Argv)
			}
		}
	}
	if translated < 80 {
		t.Errorf("only %d Dockerfiles were translated", translated)
	}
}
