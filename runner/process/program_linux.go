package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/davitdev/davit/runner"
)

// lookPath finds the program as a shell would, in the container's PATH and from
// its working directory.
func lookPath(program, path, cwd string) (string, error) {
	candidates := []string{program}
	if !strings.Contains(program, "/") {
		candidates = nil
		for _, dir := range filepath.SplitList(path) {
			candidates = append(candidates, filepath.Join(dir, program))
		}
	}
	failed := &runner.StartError{ExitCode: 127, Message: fmt.Sprintf("exec %q: no such file", program)}
	for _, c := range candidates {
		if !filepath.IsAbs(c) {
			c = filepath.Join(cwd, c)
		}
		info, err := os.Stat(c)
		switch {
		case err != nil:
		case info.IsDir() || info.Mode()&0o111 == 0:
			failed = &runner.StartError{ExitCode: 126, Message: fmt.Sprintf("exec %q: not executable", program)}
		default:
			return c, nil
		}
	}
	return "", failed
}

func environ(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	return list
}

// startError tells the program's fault from ours.
func startError(path string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT): // of a script's interpreter, too
		return &runner.StartError{ExitCode: 127, Message: fmt.Sprintf("exec %s: %s", path, err)}
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.ENOEXEC), errors.Is(err, syscall.EPERM):
		return &runner.StartError{ExitCode: 126, Message: fmt.Sprintf("exec %s: %s", path, err)}
	}
	return fmt.Errorf("exec %s: %w", path, err)
}

func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}
