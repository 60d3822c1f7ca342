package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/davitdev/davit/internal/fault"
)

func FuzzWhatIsExportedIsImportedUnchanged(f *testing.F) {
	for _, value := range []string{
		"", "plain", "two words", "a#b", "a #b", "$HOME", "${X:-y}", `"`, `'`, "`", `\`, `\\`, `\n`, `a\`, "a\nb\n", "\r\n", "\ttab", `'"$\` + "\n",
		"=", " padded ", "ünï", `\$`, `\"`, "$$", "export X=1", "\u00a0", `'\`, "\x01", `\0101`,
	} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			t.Skip("the API takes no such value")
		}
		text := "BEFORE=1\nNAME=" + quoteEnv(value) + "\nAFTER=2\n"
		list, err := parseEnv(text, false)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if len(list) != 3 || list[2].Name != "NAME" || list[2].Value != value {
			t.Errorf("%q came back as %v, from %q", value, list, text)
		}
	})
}

func TestAFileThatCannotBeReadTellsNoValue(t *testing.T) {
	t.Parallel()

	for _, text := range []string{"A=\"hunter2", "hunter2 is it", "A=${hunter2", "A=${X:?hunter2}", "A='hunter2\nB=1", "-$hunter2=1"} {
		_, err := parseEnv(text, true)
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v, want INVALID", text, err)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error tells the value: %v", text, err)
		}
	}
}
