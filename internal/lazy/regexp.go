// Package lazy has regular expressions that cost nothing until they are used.
// What a package declares is made in every process of this program, also in
// those that never look at it.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns the regular expression of a text, which is compiled at the first
// call. It panics then if the text is none. It is safe for concurrent use.
func Regexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
