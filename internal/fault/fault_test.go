package fault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"github.com/davitdev/davit/internal/fault"
)

func TestCodeOf(t *testing.T) {
	t.Parallel()

	taken := fault.At("name", fault.NameTaken, "There is already a project %q.", "shop")
	tests := []struct {
		name string
		err  error
		want fault.Code
	}{
		{"no error has no code", nil, ""},
		{"a classified error keeps its code under wrapping", fmt.Errorf("create: %w", taken), fault.NameTaken},
		{"what nobody classified is internal", errors.New("boom"), fault.Internal},
		{"the outermost code counts", fault.Wrap(taken, fault.Conflict, "Try again."), fault.Conflict},
		{"wrapping nothing stays nothing", fault.Wrap(nil, fault.Conflict, "x"), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := fault.CodeOf(tt.err); got != tt.want {
				t.Errorf("CodeOf(%v) = %q, want %q", tt.err, got, tt.want)
			}
		})
	}
}

// A constant without a row in the table would silently count as INTERNAL.
func TestEveryCodeIsInTheTable(t *testing.T) {
	t.Parallel()

	listed := map[string]bool{}
	for _, c := range fault.Codes() {
		listed[string(c)] = true
		if i := c.Info(); i.Class == "" || i.Status == 0 || i.Exit == 0 || i.Domain == "" {
			t.Errorf("%s: incomplete row %+v", c, i)
		}
		if i := c.Info(); i.Domain == fault.User && i.Class == fault.ClassApp && i.Retryable {
			t.Errorf("%s: a user's failure is never retried", c)
		}
	}
	file, err := parser.ParseFile(token.NewFileSet(), "codes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	declared := 0
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if id, ok := v.Type.(*ast.Ident); !ok || id.Name != "Code" {
			return true
		}
		declared++
		code, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
		if !listed[code] {
			t.Errorf("%s is declared but has no row in the table", code)
		}
		return true
	})
	if declared != len(listed) {
		t.Errorf("%d codes declared, %d in the table: two constants share a value, or a row has no constant", declared, len(listed))
	}
}
