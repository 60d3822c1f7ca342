package socketproxy

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Call is a kind of call of the Engine API. In its path, which has no version,
// {name} stands for one segment and {name...} for one or more.
type Call struct{ Method, Path string }

func (c Call) String() string { return c.Method + " " + c.Path }

// row is a line of a table whose first two cells are a method and a path.
var row = regexp.MustCompile("(?m)^\\| `([A-Z]+)` \\| `(/[^`]+)` \\|")

// ReadTable reads the calls of a document's table, and fails if it has none or
// one of them twice.
func ReadTable(document string) ([]Call, error) {
	var calls []Call
	seen := map[Call]bool{}
	for _, cells := range row.FindAllStringSubmatch(document, -1) {
		c := Call{Method: cells[1], Path: cells[2]}
		if seen[c] {
			return nil, fmt.Errorf("%s is in the table twice", c)
		}
		seen[c] = true
		calls = append(calls, c)
	}
	if len(calls) == 0 {
		return nil, errors.New("the document has no table of calls")
	}
	return calls, nil
}

var wildcard = regexp.MustCompile(`\\\{[a-z]+(\\\.\\\.\\\.)?\\\}`)

// pattern matches the paths of c's calls, and no others.
func (c Call) pattern() *regexp.Regexp {
	path := wildcard.ReplaceAllStringFunc(regexp.QuoteMeta(c.Path), func(name string) string {
		if strings.Contains(name, `\.`) {
			return `.+`
		}
		return `[^/]+`
	})
	return regexp.MustCompile("^" + path + "$")
}
