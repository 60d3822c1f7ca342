package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// meant is ", did you mean X?" for a word that is like one of those there are,
// as cobra finds them among commands, and "" for another. A third of the word
// may be mistyped, two letters at most.
func meant(word string, words []string) string {
	like := cobra.Command{SuggestionsMinimumDistance: min(2, max(1, len(word)/3))}
	for _, w := range words {
		if w != "" {
			like.AddCommand(&cobra.Command{Use: w, Run: func(*cobra.Command, []string) {}})
		}
	}
	found := like.SuggestionsFor(word)
	if len(found) == 0 || word == "" {
		return ""
	}
	return ", did you mean " + strings.Join(found, " or ") + "?"
}
