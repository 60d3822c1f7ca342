package build_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/davitdev/davit/internal/build"
	"github.com/davitdev/davit/internal/build/detect"
	"github.com/davitdev/davit/internal/fault"
)

func tree(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

const (
	program = "package main\n\nfunc main() {}\n"
	library = "package shop\n"
	goMod   = "module example.com/shop\n\ngo 1.24.2\n"
)

func TestDetect(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		files map[string]string
		o     build.Options
		want  build.Plan // without Trace and Dockerfile
	}{
		{
			"a Dockerfile comes first",
			map[string]string{"Dockerfile": "FROM scratch\nEXPOSE 80/tcp 53/udp\n", "go.mod": goMod, "main.go": program},
			build.Options{},
			build.Plan{Builder: build.Dockerfile, DockerfilePath: "Dockerfile", Confidence: 1},
		},
		{
			"a Dockerfile elsewhere",
			map[string]string{"deploy/web.Dockerfile": "FROM scratch\nEXPOSE 80/tcp\n"},
			build.Options{DockerfilePath: "deploy/web.Dockerfile"},
			build.Plan{Builder: build.Dockerfile, DockerfilePath: "deploy/web.Dockerfile", Port: 80, Confidence: 1},
		},
		{
			"two exposed ports are no answer",
			map[string]string{"Dockerfile": "FROM scratch\nEXPOSE 80\nEXPOSE 81\n"},
			build.Options{},
			build.Plan{Builder: build.Dockerfile, DockerfilePath: "Dockerfile", Confidence: 1},
		},
		{
			"a port of an earlier stage does not count",
			map[string]string{"Dockerfile": "FROM a AS b\nEXPOSE 80\nFROM scratch\nEXPOSE $PORT\n"},
			build.Options{},
			build.Plan{Builder: build.Dockerfile, DockerfilePath: "Dockerfile", Confidence: 1},
		},
		{
			"a Go program at the root",
			map[string]string{"go.mod": goMod, "main.go": program, "cmd/tool/main.go": program},
			build.Options{},
			goPlan("1.24", "go.mod", "."),
		},
		{
			"the only one below cmd",
			map[string]string{"go.mod": goMod, "shop.go": library, "cmd/shop/main.go": program, "tools/gen/main.go": program},
			build.Options{},
			goPlan("1.24", "go.mod", "./cmd/shop"),
		},
		{
			"the only one anywhere",
			map[string]string{"go.mod": goMod, "server/main.go": program, "server/main_test.go": "package main_test"},
			build.Options{},
			goPlan("1.24", "go.mod", "./server"),
		},
		{
			"the one that was chosen",
			map[string]string{"go.mod": goMod, "cmd/a/main.go": program, "cmd/b/main.go": program},
			build.Options{Args: map[string]string{"GO_MAIN": "cmd/b"}},
			goPlan("1.24", "go.mod", "./cmd/b"),
		},
		{"programs for other systems, generators, tests and other modules do not count", map[string]string{
			"go.mod": goMod, "main.go": program, "gen.go": "//go:build ignore\n\n" + program,
			"win/main_windows.go": program, "testdata/x/main.go": program, "_old/main.go": program, ".x/main.go": program,
			"vendor/x/main.go": program, "other/go.mod": goMod, "other/main.go": program, "bad name!/main.go": program,
		}, build.Options{}, goPlan("1.24", "go.mod", ".")},
		{
			"a generator is no program of its own",
			map[string]string{"go.mod": goMod, "gen.go": "//go:build ignore\n\n" + program, "shop.go": library, "cmd/shop/main.go": program},
			build.Options{},
			goPlan("1.24", "go.mod", "./cmd/shop"),
		},
		{
			"the toolchain line says more than the go line",
			map[string]string{"go.mod": goMod + "toolchain go1.25.1\n", "main.go": program},
			build.Options{},
			goPlan("1.25", "go.mod", "."),
		},
		{
			"a Go from before toolchains",
			map[string]string{"go.mod": "module x\n\ngo 1.9\n", "main.go": program},
			build.Options{},
			goPlan("1.26", "the default", "."),
		},
		{
			"no Go at all",
			map[string]string{"go.mod": "module x\n", "main.go": program},
			build.Options{},
			goPlan("1.26", "the default", "."),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := build.Detect(tree(tt.files), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Trace) == 0 || len(got.Dockerfile) == 0 {
				t.Errorf("trace %q, Dockerfile %q", got.Trace, got.Dockerfile)
			}
			got.Trace, got.Dockerfile, got.Args = nil, nil, nil
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func goPlan(version, from, pkg string) build.Plan {
	return build.Plan{
		Builder: build.Auto, Key: "go", Language: "Go", Version: version, VersionFrom: from,
		Build: "go build -trimpath " + pkg, Start: "/app", Package: pkg, Port: 8080, Confidence: 0.9,
		Processes: []detect.Process{{Name: "web", Command: "/app", Argv: []string{"/app"}}},
	}
}

func TestDetectSaysWhatToDo(t *testing.T) {
	t.Parallel()

	tests := []struct {
		name  string
		files map[string]string
		o     build.Options
		code  fault.Code
		want  string
	}{
		{"nothing to go by", map[string]string{"README": ""}, build.Options{}, fault.NotBuildable, "add a Dockerfile, or a go.mod, package.json"},
		{"no Dockerfile although one is asked for", map[string]string{"go.mod": goMod, "main.go": program}, build.Options{Builder: build.Dockerfile, DockerfilePath: "web/Dockerfile"}, fault.NotBuildable, "There is no web/Dockerfile in the source"},
		{"a Dockerfile outside", map[string]string{}, build.Options{DockerfilePath: "../Dockerfile"}, fault.NotBuildable, "must stay inside"},
		{"a Dockerfile that is broken", map[string]string{"Dockerfile": "FROM scratch\n\nCOPPY a b\n"}, build.Options{}, fault.DockerfileInvalid, `Line 3 of the Dockerfile, "COPPY a b", cannot be built`},
		{"a Dockerfile without an image", map[string]string{"Dockerfile": "ARG A=1\n"}, build.Options{}, fault.DockerfileInvalid, "it has no FROM"},
		{"an empty Dockerfile", map[string]string{"Dockerfile": ""}, build.Options{}, fault.DockerfileInvalid, "no instructions"},
		{"a Dockerfile as large as a disk", map[string]string{"Dockerfile": strings.Repeat("#", 300<<10)}, build.Options{}, fault.DockerfileInvalid, "more than 256 KiB"},
		{"a Dockerfile without an end", map[string]string{"Dockerfile": "FROM scratch\n" + strings.Repeat("ENV A=b\n", 2000)}, build.Options{}, fault.DockerfileInvalid, "more than 1000"},
		{"several Go programs", map[string]string{"go.mod": goMod, "cmd/a/main.go": program, "cmd/b/main.go": program}, build.Options{}, fault.NotBuildable, "several programs, ./cmd/a, ./cmd/b: choose one with the build argument GO_MAIN, for example GO_MAIN=./cmd/a."},
		{"a Go program that is not there", map[string]string{"go.mod": goMod, "cmd/a/main.go": program}, build.Options{Args: map[string]string{"GO_MAIN": "./cmd/c"}}, fault.NotBuildable, `"./cmd/c", where there is no program: there is ./cmd/a`},
		{"a Go library", map[string]string{"go.mod": goMod, "shop.go": library}, build.Options{}, fault.NotBuildable, "has no program"},
		{"a broken go.mod", map[string]string{"go.mod": "modul x", "main.go": program}, build.Options{}, fault.NotBuildable, "go.mod cannot be read"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := build.Detect(tree(tt.files), tt.o)
			wantFault(t, err, tt.code, tt.want)
		})
	}
}
