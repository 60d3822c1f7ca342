package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// What a system lacks is seen in seconds, where compiling everything for all
// platforms takes minutes: types are checked for one architecture of each
// system, and of other people's code only what we can name.
func TestTheProgramFitsEverySystem(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"linux": true} // the other tests compile for it
	for _, p := range platforms {
		if seen[p.os] {
			continue
		}
		seen[p.os] = true
		t.Run(p.os, func(t *testing.T) {
			t.Parallel()
			dir, err := os.Getwd()
			check(t, err)
			ours := strings.TrimSuffix(dir, "release")
			loaded, err := packages.Load(&packages.Config{
				Context: t.Context(),
				Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
					packages.NeedTypes | packages.NeedTypesSizes | packages.NeedSyntax | packages.NeedModule,
				Env: append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.os, "GOARCH="+p.arch),
				ParseFile: func(set *token.FileSet, name string, src []byte) (*ast.File, error) {
					f, err := parser.ParseFile(set, name, src, parser.SkipObjectResolution)
					if f != nil && !strings.HasPrefix(name, ours) {
						withoutBodies(f)
					}
					return f, err
				},
			}, "../cmd/davit")
			check(t, err)
			fits := false
			packages.Visit(loaded, nil, func(p *packages.Package) {
				if p.Module == nil || !p.Module.Main {
					return
				}
				for _, e := range p.Errors {
					t.Error(e)
				}
				fits = fits || p.PkgPath == p.Module.Path+"/cmd/davit" && len(p.Errors) == 0
			})
			if !fits {
				t.Error("the program was not looked at, or has errors")
			}
		})
	}
}

func withoutBodies(f *ast.File) {
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			fn.Body = nil
		}
	}
}
