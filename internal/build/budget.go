package build

import (
	"fmt"
	"math"
	"regexp"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// maxExpansion is how many bytes all text of a Dockerfile may become once its
// variables are filled in. Ten lines like ENV A=$B$B$B… would otherwise be
// gigabytes in this process.
const maxExpansion = 16 << 20

var variable = regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)(/?)`)

// budget estimates from above what a Dockerfile expands to, without expanding
// it.
type budget struct {
	size  map[string]int // upper bound of each variable's value
	total int
	args  map[string]string
}

// overBudget reports whether the stages expand to too much, given the
// environments and triggers of their base images.
func overBudget(d dockerfile, env []string, triggers []instructions.Command, args map[string]string) bool {
	b := budget{size: map[string]int{}, args: args}
	for _, kv := range env {
		k, v, _ := strings.Cut(kv, "=")
		b.set(k, len(v))
	}
	for _, a := range d.metaArgs {
		b.command(&a)
	}
	for _, c := range triggers {
		b.command(c)
	}
	for _, s := range d.stages {
		b.spend(s.BaseName + s.Platform)
		for _, c := range s.Commands {
			b.command(c)
		}
		for _, c := range s.Commands { // a later stage may begin with these
			if on, ok := c.(*instructions.OnbuildCommand); ok {
				if inner, err := parseTrigger(on.Expression); err == nil {
					b.command(inner)
				}
			}
		}
	}
	return b.total > maxExpansion
}

func (b *budget) command(c instructions.Command) {
	switch c := c.(type) {
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			b.set(kv.Key, b.spend(kv.Value))
		}
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			if a.Value != nil {
				b.set(a.Key, b.spend(*a.Value))
			}
			b.set(a.Key, len(b.args[a.Key]))
		}
	default:
		b.spend(fmt.Sprint(c))
	}
	for _, n := range b.size { // each step keeps the whole environment
		b.add(n)
	}
}

func (b *budget) set(name string, n int) { b.size[name] = max(b.size[name], n) }

// spend counts what text becomes and returns it.
func (b *budget) spend(text string) int {
	n := len(text)
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		value := b.size[m[1]]
		if m[2] != "" && value > 0 { // ${name/old/new}: each byte may become new
			value *= len(text)
		}
		n = saturate(n + value)
	}
	b.add(n)
	return n
}

func (b *budget) add(n int) { b.total = saturate(b.total + n) }

// saturate keeps sums far from overflow.
func saturate(n int) int {
	if n < 0 || n > math.MaxInt32 {
		return math.MaxInt32
	}
	return n
}
