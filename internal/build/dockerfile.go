package build

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/davitdev/davit/internal/fault"
)

// dockerfile is a parsed Dockerfile.
type dockerfile struct {
	stages   []instructions.Stage
	metaArgs []instructions.ArgCommand
}

// maxInstructions bounds the time of a translation, which is quadratic in them:
// half a second.
const maxInstructions = 1000

// parseDockerfile parses without looking at images, and fails with
// DOCKERFILE_INVALID.
func parseDockerfile(data []byte) (dockerfile, error) {
	if err := checkSyntax(data); err != nil {
		return dockerfile{}, err
	}
	ast, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return dockerfile{}, invalidDockerfile(data, err)
	}
	if n := len(ast.AST.Children); n > maxInstructions {
		return dockerfile{}, invalidDockerfile(data, fmt.Errorf("it has %d instructions, which is more than %d", n, maxInstructions))
	}
	stages, metaArgs, err := instructions.Parse(ast.AST, nil)
	if err != nil {
		return dockerfile{}, invalidDockerfile(data, err)
	}
	if len(stages) == 0 {
		return dockerfile{}, invalidDockerfile(data, errors.New("it has no FROM"))
	}
	return dockerfile{stages, metaArgs}, nil
}

// checkSyntax refuses a Dockerfile whose "# syntax=" names a frontend that reads
// another language. The ones of Docker, on whatever host a copy of them lies,
// are not fetched but have their equal in this process.
func checkSyntax(data []byte) error {
	ref, _, at, ok := parser.DetectSyntax(data)
	if !ok {
		return nil
	}
	named, err := reference.ParseNormalizedNamed(ref)
	if err == nil && slices.Contains([]string{"docker/dockerfile", "docker/dockerfile-upstream"}, reference.Path(named)) {
		return nil
	}
	line := 0
	if len(at) > 0 {
		line = at[0].Start.Line
	}
	return atLine(data, line, fault.DockerfileInvalid, "it is written for another frontend than docker/dockerfile, and none is fetched.")
}

// port is the only TCP port that the last stage exposes in plain digits, 0 if
// there is no such port.
func (d dockerfile) port() int {
	ports := map[int]bool{}
	for _, c := range d.stages[len(d.stages)-1].Commands {
		e, ok := c.(*instructions.ExposeCommand)
		if !ok {
			continue
		}
		for _, p := range e.Ports {
			n, err := strconv.ParseUint(strings.TrimSuffix(p, "/tcp"), 10, 16)
			if err != nil {
				return 0
			}
			ports[int(n)] = true
		}
	}
	if len(ports) != 1 {
		return 0
	}
	for p := range ports {
		return p
	}
	return 0
}

// invalidDockerfile blames the Dockerfile for err and finds the line.
func invalidDockerfile(data []byte, err error) error {
	line := 0
	if at, ok := errors.AsType[*parser.LocationError](err); ok && len(at.Locations) > 0 && len(at.Locations[0]) > 0 {
		line = at.Locations[0][0].Start.Line
	}
	return atLine(data, line, fault.DockerfileInvalid, "%s.", err)
}

// atLine makes an Error about a line of a Dockerfile. Line 0 is no line.
func atLine(data []byte, line int, code fault.Code, format string, args ...any) *Error {
	e := &Error{Line: line, Instruction: sourceLine(data, line)}
	where := "The Dockerfile cannot be built: "
	if line > 0 {
		where = fmt.Sprintf("Line %d of the Dockerfile, %s, cannot be built: ", line, strconv.Quote(e.Instruction))
	}
	f := fault.New(code, where+format, args...)
	if code == fault.DockerfileInvalid {
		f = f.WithHint("Correct the Dockerfile, and deploy again.")
	}
	if code == fault.SourceForbidden {
		f = f.WithHint("A build gets its source, its variables and what lies at public addresses: put what it needs there.")
	}
	e.Err = f
	return e
}

// sourceLine is line n, counted from 1 and shortened, "" if there is none.
func sourceLine(data []byte, n int) string {
	const most = 200
	lines := strings.Split(string(data), "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	s := strings.ToValidUTF8(strings.TrimSpace(lines[n-1]), "\uFFFD")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
