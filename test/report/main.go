// Command report runs "go test" with its arguments, prints what failed, and
// names the slowest, and ends with a line "N passed, N failed". With -no-skip a
// skipped test fails the run, because a test that did not run has not passed.
// With -again the few that failed run once more, alone; see retry.go. Another "--"
// begins the arguments of another "go test", which runs after the first.
package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	var o options
	flag.BoolVar(&o.noSkip, "no-skip", false, "fail if a test is skipped")
	flag.BoolVar(&o.again, "again", false, "run the few that failed once more, alone, and name them flaky if they pass")
	flag.Parse()
	if !run(context.Background(), os.Stdout, o, flag.Args()) {
		os.Exit(1)
	}
}

type options struct{ noSkip, again bool }

// run reports whether go test succeeded, something ran, and nothing was
// skipped if noSkip.
func run(ctx context.Context, w io.Writer, o options, args []string) bool {
	r := newReport(w)
	var errs []error
	for {
		next := slices.Index(args, "--")
		r.args = args
		if next >= 0 {
			r.args = args[:next]
		}
		errs = append(errs, r.goTest(ctx, r.args))
		if next < 0 {
			break
		}
		args = args[next+1:]
	}
	err := errors.Join(errs...)
	if o.again && r.retry(ctx) {
		err = nil
	}
	return r.end(err, o.noSkip)
}

func (r *report) goTest(ctx context.Context, args []string) error {
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-json"}, args)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	readErr := r.read(out)
	return errors.Join(readErr, cmd.Wait())
}

// event is a line of "go test -json"; see "go doc test2json".
type event struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
}

type test struct{ pkg, name string }

// failure is a test that failed and the arguments of its go test.
type failure struct {
	test
	args []string
}

type report struct {
	w              io.Writer
	args           []string          // of the go test that runs
	output         map[test][]string // of what has not ended; a name of "" is the package
	broken         map[string]bool   // packages in which a test failed
	passed, failed int
	failures       []failure // that were named
	fatal          bool      // something failed that is no test's alone
	skipped        []test
	took           []duration // of whole tests, parts included
}

type duration struct {
	test
	seconds float64
}

func newReport(w io.Writer) *report {
	return &report{w: w, output: map[test][]string{}, broken: map[string]bool{}}
}

// read follows the events until the last one.
func (r *report) read(events io.Reader) error {
	lines := bufio.NewReader(events)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil {
		fmt.Fprint(r.w, string(line)) // not every tool below go test knows of -json
		return
	}
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "output":
		r.output[t] = append(r.output[t], e.Output)
		r.fatal = r.fatal || endsAll(e.Output)
	case "pass", "fail", "skip":
		r.ended(t, e)
		delete(r.output, t)
	}
}

func (r *report) ended(t test, e event) {
	if t.name != "" && !strings.Contains(t.name, "/") {
		r.took = append(r.took, duration{t, e.Elapsed})
	}
	switch {
	case t.name == "" && e.Action == "skip": // a package without tests
	case t.name == "" && e.Action == "pass":
		fmt.Fprintf(r.w, "ok    %s  %.1f s\n", t.pkg, e.Elapsed)
	case t.name == "":
		if !r.broken[t.pkg] { // it did not build, or ended outside a test
			r.failed++
			r.fatal = true
		}
		r.dump(t)
		r.dumpUnended(t.pkg)
		fmt.Fprintf(r.w, "FAIL  %s  %.1f s\n", t.pkg, e.Elapsed)
	case e.Action == "pass":
		r.passed++
	case e.Action == "skip":
		r.skipped = append(r.skipped, t)
		r.dump(t)
	default:
		r.failed++
		r.failures = append(r.failures, failure{t, r.args})
		r.broken[t.pkg] = true
		r.dump(t)
	}
}

func (r *report) dump(t test) {
	for _, line := range r.output[t] {
		fmt.Fprint(r.w, line)
	}
}

// lastWords are how many lines are shown of a test that never ended: of what
// brought it down, or of its output.
const lastWords = 300

// dumpUnended prints the last words of the tests of a package that did not get
// to their end: it ran out of time, or was killed.
func (r *report) dumpUnended(pkg string) {
	for t, output := range r.output {
		if t.pkg != pkg || t.name == "" {
			continue
		}
		at := slices.IndexFunc(output, func(line string) bool {
			return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.HasPrefix(line, "SIGQUIT: ")
		})
		if at < 0 {
			at = max(0, len(output)-lastWords)
		}
		end := min(len(output), at+lastWords)
		fmt.Fprintf(r.w, "unended %s %s:\n%s", pkg, t.name, strings.Join(output[at:end], ""))
		if left := len(output) - end; left > 0 {
			fmt.Fprintf(r.w, "… and %d lines more\n", left)
		}
		delete(r.output, t)
	}
}

// slowest is how many tests are named of those that take ten seconds or more.
const slowest = 30

// end prints the verdict; err is what go test said.
func (r *report) end(err error, noSkip bool) bool {
	ok := false
	switch {
	case r.failed > 0: // all said
	case err != nil:
		fmt.Fprintln(r.w, "go test:", err)
	case r.passed == 0:
		fmt.Fprintln(r.w, "no test ran")
	case noSkip && len(r.skipped) > 0:
		fmt.Fprintln(r.w, "a skipped test is a failure here:")
	default:
		ok = true
	}
	for _, t := range r.skipped {
		fmt.Fprintf(r.w, "skip  %s %s\n", t.pkg, t.name)
	}
	slices.SortFunc(r.took, func(a, b duration) int { return cmp.Compare(b.seconds, a.seconds) })
	for _, d := range r.took[:min(len(r.took), slowest)] {
		if d.seconds >= 10 {
			fmt.Fprintf(r.w, "slow  %s %s  %.1f s\n", d.pkg, d.name, d.seconds)
		}
	}
	fmt.Fprintf(r.w, "%d passed, %d failed\n", r.passed, r.failed)
	return ok
}
