package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/davitdev/davit/internal/build/detect"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/internal/spec"
)

func initCommand() *cobra.Command {
	var d detection
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a " + detect.ConfigFile + " with what is detected",
		Long: "Looks at DIR (the current directory if absent) and writes what was found to DIR/" + detect.ConfigFile + ", commented\n" +
			"out: what is not said there goes on being detected. It asks no server.",
		Example: "  davit init\n  davit init ./shop --force\n  davit init --root apps/web",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := d.look(cmd.Context(), args, filepath.ToSlash(filepath.Join(d.root, detect.ConfigFile)))
			if err != nil {
				return err
			}
			if p.Directory != "" && d.root == "" {
				return fault.New(fault.Conflict, "The application is %s, one of a workspace.", p.Directory).
					WithHint("Write its file with --root %s, and set that as the root directory.", p.Directory)
			}
			file := filepath.Join(d.dir, d.root, detect.ConfigFile)
			if err := d.write(file, configOf(p)); err != nil {
				return err
			}
			if d.json {
				return d.emit(cmd.OutOrStdout(), map[string]string{"file": file})
			}
			d.say(cmd.OutOrStdout(), "%s: wrote %s. Take the # away before what should stay as it is.", title(p), file)
			return nil
		},
	}
	d.flags(cmd)
	cmd.Flags().BoolVar(&d.force, "force", false, "overwrite a file that is there")
	cmd.Flags().BoolVar(&d.json, "json", false, "print one JSON object a line")
	return cmd
}

// write writes a new file, or with --force over an old one.
func (d *detection) write(file, text string) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if d.force {
		if info, err := os.Lstat(file); err == nil && !info.Mode().IsRegular() {
			return fault.New(fault.Conflict, "%s is no file: it stays as it is.", file)
		}
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(file, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Conflict, "%s is there already.", file).WithHint("Overwrite it with --force.")
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// configOf is a davit.toml that says nothing yet, and would say what is
// detected without its comment signs.
func configOf(p detect.Plan) string {
	var b strings.Builder
	b.WriteString("# How this source is built and started. Everything here was detected, and is again as long as it is commented out.\n\n")
	say := func(key string, value any, empty bool, why string) {
		if !empty {
			fmt.Fprintf(&b, "# %s\n# %s = %s\n\n", why, key, tomlValue(value))
		}
	}
	if p.Builder == detect.Dockerfile {
		say("dockerfilePath", p.DockerfilePath, false, "The Dockerfile, which says everything else.")
	} else {
		say("language", p.Key, p.Key == "", "Found by what is there: "+cmp.Or(p.Language, "static files")+".")
		say("languageVersion", p.Version, p.Version == "", "From "+p.VersionFrom+".")
		say("installCommand", p.Install, p.Install == "", "Fetches dependencies, run by a shell in the build.")
		say("buildCommand", p.Build, p.Build == "", "Compiles, run by a shell in the build.")
		say("outputDirectory", p.OutputDirectory, p.Builder != detect.Static, "Where the static files are.")
		say("packages", p.Packages, len(p.Packages) == 0, "Debian packages, in the image that runs too.")
	}
	say("preDeployCommand", p.PreDeploy, len(p.PreDeploy) == 0, "Runs before a deployment goes live.")
	say("startCommand", p.Start, p.Start == "", "Starts the application.")
	say("port", p.Port, p.Port == 0, "TCP port it listens on; PORT says it too.")
	for _, c := range p.Processes {
		if c.Name != spec.MainProcess {
			fmt.Fprintf(&b, "# [[processes]]\n# name = %s\n# command = %s\n\n", tomlValue(c.Name), tomlValue(c.Command))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// tomlValue writes strings, lists of them and numbers, for which TOML and JSON
// agree.
func tomlValue(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return `""`
	}
	return strings.TrimSpace(strings.ReplaceAll(b.String(), "\x7f", `\u007f`))
}
