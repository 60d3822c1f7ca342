// Release builds what people download: one archive for each platform, and their
// checksums. The same commit and the same Go give the same bytes, wherever they
// are built: nothing of the machine, the directory or the hour is in them.
//
//	go run ./release -version v1.2.3 -out dist/v1.2.3
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// platforms have the whole of Davit, Windows its client alone.
var platforms = []platform{
	{"linux", "amd64"}, {"linux", "arm64"}, {"darwin", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"},
}

// semver is a version by semver.org, with the v of Go and git.
var semver = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$`)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	version := flag.String("version", "", "the version, such as v1.2.3")
	out := flag.String("out", "dist", "directory to write")
	flag.Parse()
	err := run(ctx, *version, *out)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, version, out string) error {
	if !semver.MatchString(version) {
		return fmt.Errorf("%q is no version such as v1.2.3: say make release VERSION=v1.2.3", version)
	}
	changed, err := git(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if changed != "" {
		return errors.New("commit first: a release is what its commit says, and these files differ:\n" + changed)
	}
	commit, err := git(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	stamp, err := git(ctx, "log", "-1", "--format=%ct")
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("time of the commit: %w", err)
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	if old, err := os.ReadDir(out); err == nil && len(old) > 0 {
		return fmt.Errorf("%s is not empty: remove it, or name another directory with -out", out)
	}
	r := release{dir: ".", version: version, commit: commit, time: time.Unix(seconds, 0).UTC(), out: out}
	return r.build(ctx, platforms)
}

func git(ctx context.Context, args ...string) (string, error) {
	text, err := exec.CommandContext(ctx, "git", args...).Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(text)), nil
}
