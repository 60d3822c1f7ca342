//go:build unix

package main

import (
	"context"
	"path/filepath"

	"github.com/davitdev/davit/internal/git"
)

// runAsSSH is the program that git runs to reach a repository: asked says
// whether this process is it, by the name it was started under.
func runAsSSH(ctx context.Context, args []string, getenv func(string) string) (status int, asked bool) {
	if filepath.Base(args[0]) != git.SSHProgram {
		return 0, false
	}
	return git.SSH(ctx, args[1:], getenv), true
}
