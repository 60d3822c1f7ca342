package build

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/util/gitutil"
)

// checkShape refuses what must not even be translated.
//
// The translation of an ADD from a git repository by ssh connects to its host
// from this process, before anything could be asked about that host. So the
// kind of every source must be plain before variables are filled in: a path,
// or a URL with scheme and host written out.
func checkShape(c instructions.Command) (problem string) {
	switch c := c.(type) {
	case *instructions.AddCommand:
		for _, src := range c.SourcePaths {
			if problem := sourceProblem(src); problem != "" {
				return problem
			}
		}
	case *instructions.OnbuildCommand:
		inner, err := parseTrigger(c.Expression)
		if err != nil {
			return "" // the translation says so
		}
		return checkShape(inner)
	}
	return ""
}

// parseTrigger parses what ONBUILD holds.
func parseTrigger(text string) (instructions.Command, error) {
	ast, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	return instructions.ParseCommand(ast.AST.Children[0])
}

// special are the characters that may stand for others: variables, and quotes
// and escapes that vanish.
const special = "$\\'\"`"

func sourceProblem(src string) string {
	plain := src
	if i := strings.IndexAny(src, special); i >= 0 {
		plain = src[:i]
	}
	for _, scheme := range []string{"http://", "https://", "git://"} {
		rest, ok := strings.CutPrefix(plain, scheme)
		switch {
		case !ok:
		case plain != src && !strings.Contains(rest, "/"):
			return "the host of a remote ADD must be written out, without variables"
		default:
			return ""
		}
	}
	dir, _, isPath := strings.Cut(plain, "/")
	isPath = isPath && !strings.ContainsAny(dir, ":@")
	switch {
	case plain == src && !gitutil.IsGitTransport(src) && !strings.Contains(src, "://"), isPath:
		return ""
	case plain == src:
		return "ADD takes paths and addresses that begin with http, https or git"
	}
	return "a variable must not decide whether ADD takes a path or an address: use COPY for paths"
}
