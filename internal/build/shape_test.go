package build

import (
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

func TestWhatKindOfSourceAnAddHasIsPlain(t *testing.T) {
	t.Parallel()

	tests := []struct {
		src string
		ok  bool
	}{
		{"file", true},
		{"dir/*.txt", true},
		{".", true},
		{"./$X", true},
		{"/$X/y", true},
		{"dist/app-$VERSION.tar.gz", true},
		{"github.com/a/b", true},
		{"http://example.com/x", true},
		{"https://example.com/$V.tgz", true},
		{"https://example.com/a.git#v1", true},
		{"git://example.com/a.git", true},
		{"https://user@example.com/x", true},
		{"ssh://git@example.com/a.git", false},
		{"git@example.com:a/b.git", false},
		{"me@h:x", false},
		{"ftp://example.com/x", false},
		{"SSH://h/x", false},
		{"$URL", false},
		{"${A}b/c", false},
		{"app-$VERSION/x", false},
		{"s$A", false},
		{"ssh:/$A", false},
		{"git@$HOST:x", false},
		{"https://$HOST/x", false},
		{"https://ex$A/x", false},
		{`s\sh://h/x`, false},
		{`"ssh"://h/x`, false},
		{"'ssh'://h/x", false},
		{"s`sh://h/x", false},
		{"http$A://h/x", false},
	}
	for _, tt := range tests {
		if problem := sourceProblem(tt.src); (problem == "") != tt.ok {
			t.Errorf("sourceProblem(%q) = %q", tt.src, problem)
		}
	}
}

func TestATriggerIsLookedInto(t *testing.T) {
	t.Parallel()

	c, err := parseTrigger("ONBUILD ADD ssh://h/x /")
	if err != nil {
		t.Fatal(err)
	}
	if checkShape(c) == "" {
		t.Error("an ADD by ssh inside of ONBUILD is let through")
	}
}

// The text is small; what it stands for is not.
func TestVariablesThatExplodeAreRefused(t *testing.T) {
	t.Parallel()

	tenfold := strings.Repeat("$A", 10)
	tests := []struct {
		name string
		text string
		over bool
	}{
		{"ten times ten times ten", "FROM scratch\nENV A=aaaaaaaaaa\n" + strings.Repeat("ENV A="+tenfold+"\n", 9), true},
		{"in ARG", "FROM scratch\nARG A=aaaaaaaaaa\n" + strings.Repeat("ARG A="+tenfold+"\n", 9), true},
		{"before FROM", "ARG A=aaaaaaaaaa\n" + strings.Repeat("ARG A="+tenfold+"\n", 9) + "FROM scratch\n", true},
		{"with braces", "FROM scratch\nENV A=aaaaaaaaaa\n" + strings.Repeat("ENV A="+strings.Repeat("${A}", 10)+"\n", 9), true},
		{"as defaults", "FROM scratch\nENV A=aaaaaaaaaa\n" + strings.Repeat("ENV A="+strings.Repeat("${B:-$A}", 10)+"\n", 9), true},
		{"by replacement", "FROM scratch\nENV A=aaaaaaaaaa\n" + strings.Repeat("ENV A=${A//a/aaaaaaaaaa}\n", 9), true},
		{"over stages", "FROM scratch AS s0\nENV A=aaaaaaaaaa\nFROM s0 AS s1\nENV A=" + tenfold + tenfold + "\nFROM s1\n" + strings.Repeat("ENV A="+tenfold+"\n", 7), true},
		{"in triggers", "FROM scratch AS s0\nENV A=aaaaaaaaaa\n" + strings.Repeat("ONBUILD ENV A="+tenfold+"\n", 9) + "FROM s0\n", true},
		{"in one long line of a command", "FROM scratch\nENV A=" + strings.Repeat("a", 60_000) + "\nRUN " + strings.Repeat("$A", 400) + "\n", true},
		{"in the environment of every command", "FROM scratch\nENV A=" + strings.Repeat("a", 60_000) + "\n" + strings.Repeat("RUN x\n", 400), true},
		{"of a build argument", "FROM scratch\nARG BIG\nRUN " + strings.Repeat("$BIG", 1000) + "\n", true},
		{"of a base image", "FROM scratch\nRUN " + strings.Repeat("$BASE", 1000) + "\n", true},
		{"a path that grows is fine", "FROM scratch\nENV PATH=/usr/bin\n" + strings.Repeat("ENV PATH=$PATH:/opt/tool/bin\n", 50) + strings.Repeat("RUN make\n", 100), false},
		{"a long script is fine", "FROM scratch\nRUN " + strings.Repeat("if [ \"$x\" = \"$y\" ]; then echo \"${z}\"; fi; ", 500) + "\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := parseDockerfile([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			env := []string{"BASE=" + strings.Repeat("x", 20_000)}
			began := time.Now()
			if over := overBudget(f, env, nil, map[string]string{"BIG": strings.Repeat("x", 20_000)}); over != tt.over {
				t.Errorf("overBudget = %t", over)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("it took %s to find out", took)
			}
		})
	}
}

func TestTriggersOfBaseImagesCount(t *testing.T) {
	t.Parallel()

	f, err := parseDockerfile([]byte("FROM base\n"))
	if err != nil {
		t.Fatal(err)
	}
	var triggers []instructions.Command
	for range 9 {
		c, err := parseTrigger("ENV A=" + strings.Repeat("$A", 10))
		if err != nil {
			t.Fatal(err)
		}
		triggers = append(triggers, c)
	}
	if !overBudget(f, []string{"A=aaaaaaaaaa"}, triggers, nil) {
		t.Error("triggers that explode are let through")
	}
}

// FuzzDockerfile looks for text that breaks what reads it before an engine is
// asked anything.
func FuzzDockerfile(f *testing.F) {
	for _, text := range []string{
		"FROM scratch\nCOPY --from=a --link b /\nADD [\"a b\", \"/\"]\n", "# syntax=x/y\n# escape=`\nFROM a AS b\nRUN `\n  c\n",
		"ARG A=1\nFROM a:$A\nENV A=${A:-x} B=\"${A//1/2}\"\nONBUILD ADD ssh://h/x /\n", "FROM a\nRUN <<E1 <<E2\na\nE1\nb\nE2\nCOPY <<X /x\nX\n",
		"FROM --platform=$BUILDPLATFORM a\nHEALTHCHECK --interval=1s CMD x\nEXPOSE 80/tcp 1-2\nSHELL [\"a\"]\n", "FROM a\nRUN --mount=type=secret,id=a,target=/b --network=none x\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := parseDockerfile([]byte(text))
		if err != nil {
			return
		}
		_ = file.port()
		if err := checkFile([]byte(text), file, map[string]string{"A": "x"}); err != nil && err.Error() == "" {
			t.Error("refused without a reason")
		}
	})
}
