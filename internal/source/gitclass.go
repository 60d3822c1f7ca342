package source

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// posixClasses are the named classes of a bracket expression, as pairs of
// first and last characters.
var posixClasses = map[string]string{
	"alnum": "09AZaz", "alpha": "AZaz", "blank": "\t\t  ", "cntrl": "\x00\x1f\x7f\x7f", "digit": "09",
	"graph": "!~", "lower": "az", "print": " ~", "punct": "!/:@[`{~", "space": "\t\r  ", "upper": "AZ", "xdigit": "09AFaf",
}

// classExpr translates the bracket expression at the start of glob and says
// how many bytes of it that was. It returns false if the bracket is never
// closed, names an unknown class or has no members. As in git, no bracket
// matches a slash.
func classExpr(glob string) (expr string, n int, ok bool) {
	var members strings.Builder
	i := 1
	negate := i < len(glob) && (glob[i] == '!' || glob[i] == '^')
	if negate {
		i++
	}
	for first := true; ; first = false {
		switch {
		case i >= len(glob):
			return "", 0, false
		case glob[i] == ']' && !first:
			return closeClass(members.String(), negate), i + 1, negate || members.Len() > 0
		case strings.HasPrefix(glob[i:], "[:"):
			name, _, closed := strings.Cut(glob[i+2:], ":]")
			ranges, known := posixClasses[name]
			if !closed || !known {
				return "", 0, false
			}
			for j := 0; j < len(ranges); j += 2 {
				addRange(&members, rune(ranges[j]), rune(ranges[j+1]))
			}
			i += len(name) + len("[::]")
			continue
		}
		lo, size, ok := classChar(glob[i:])
		if !ok {
			return "", 0, false
		}
		i += size
		hi := lo
		if i+1 < len(glob) && glob[i] == '-' && glob[i+1] != ']' {
			if hi, size, ok = classChar(glob[i+1:]); !ok {
				return "", 0, false
			}
			i += 1 + size
		}
		addRange(&members, lo, lo) // also of a range that is empty
		addRange(&members, lo, hi)
	}
}

// classChar reads one member of a bracket expression.
func classChar(s string) (r rune, size int, ok bool) {
	escaped := 0
	if s[0] == '\\' {
		escaped = 1
	}
	r, size = utf8.DecodeRuneInString(s[escaped:])
	return r, size + escaped, size > 0
}

// addRange writes the range without the slash.
func addRange(b *strings.Builder, lo, hi rune) {
	if lo <= '/' && '/' <= hi {
		addRange(b, lo, '/'-1)
		addRange(b, '/'+1, hi)
		return
	}
	if lo <= hi {
		fmt.Fprintf(b, `\x{%x}-\x{%x}`, lo, hi)
	}
}

func closeClass(members string, negate bool) string {
	if negate {
		return `[^/` + members + `]`
	}
	return `[` + members + `]`
}
